using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Files;

namespace Inkstone.SmallWorld;

/// <summary>
/// Records in the form of InstructIE's files, told of the small world, so that the way from texts to conversations can be gone without a
/// download: train_zh.json (text), valid_zh.json
/// and test_zh.json (input), schema_zh.json. As in the real files some records are unfit: nothing in them, far too much, a text that is
/// held out, a value that the text does not tell.
/// </summary>
/// <param name="seed">decides everything</param>
public sealed class IeGenerator(long seed)
{
    private const int HeldOut = 1000;

    private static readonly JsonWriterOptions Line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly WorldRandom _random = new((ulong)seed);
    private long _number;

    /// <summary>Writes the four files.</summary>
    /// <param name="directory">where they go</param>
    /// <param name="records">records of train_zh.json</param>
    /// <param name="overwrite">whether a directory that the program wrote may be replaced</param>
    /// <param name="cancelled">ends it; nothing is left</param>
    public void Write(string directory, int records, bool overwrite, CancellationToken cancelled = default) =>
        AtomicDirectory.Write(
            directory,
            overwrite,
            staging =>
            {
                JsonObject schema = new(
                    IeTopics.All.Select(t =>
                        KeyValuePair.Create(t.Name, (JsonNode?)new JsonArray([.. t.Fields.Select(f => (JsonNode)f.Name)]))
                    )
                );
                File.WriteAllText(
                    Path.Combine(staging, "schema_zh.json"),
                    schema.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n"
                );
                int held = Math.Min(HeldOut, Math.Max(records / 20, 12));
                List<IeRecord> leaks = [];
                foreach (string name in (string[])["valid_zh.json", "test_zh.json"])
                {
                    using FileStream file = New(Path.Combine(staging, name));
                    for (int i = 0; i < held; i++)
                    {
                        IeRecord record = Record(i % IeTopics.All.Length, 0);
                        leaks.Add(record);
                        Write(file, record, "input");
                    }
                }
                using FileStream train = New(Path.Combine(staging, "train_zh.json"));
                for (int i = 0; i < records; i++)
                {
                    if (i % 4096 == 0)
                    {
                        cancelled.ThrowIfCancellationRequested();
                    }
                    Write(
                        train,
                        i % 263 == 41 ? leaks[_random.Next(leaks.Count)] : Record(_random.Next(IeTopics.All.Length), i),
                        i % 3000 == 1777 ? "body" : "text"
                    );
                }
            }
        );

    private static FileStream New(string path) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 18);

    /// <summary>A record; <paramref name="index"/> makes some of them unfit, 0 none.</summary>
    private IeRecord Record(int topic, int index)
    {
        IeTopic of = IeTopics.All[topic];
        string entity = Value(of.Entity);
        List<IeRelation> relations = [];
        List<string> clauses = [];
        IeField[] fields = _random.Some(of.Fields, index % 270 == 77 ? of.Fields.Length : _random.Between(1, of.Fields.Length));
        foreach (IeField field in fields)
        {
            int most =
                index % 270 == 77 ? 7
                : _random.OneIn(4) ? 2
                : 1;
            string[] values = [.. Enumerable.Range(0, most).Select(_ => Value(field.Value)).Distinct()];
            clauses.Add(string.Format(CultureInfo.InvariantCulture, field.Words, entity, string.Join('、', values)));
            relations.AddRange(values.Select(v => new IeRelation(entity, field.Name, v)));
        }
        string text = string.Format(CultureInfo.InvariantCulture, of.Begins, entity) + string.Join('，', clauses) + "。";
        if (_random.OneIn(6))
        {
            string other = Value(of.Entity),
                value = Value(of.Fields[0].Value);
            text += $"{other}也是这样，{string.Format(CultureInfo.InvariantCulture, of.Fields[0].Words, other, value)}。";
            relations.Add(new IeRelation(other, of.Fields[0].Name, value));
        }
        for (int filler = _random.Next(4) + (index % 1200 == 333 ? 90 : 0); filler > 0; filler--)
        {
            text += _random.Pick(Lexicon.SeasonWeather).Zh + "。";
        }
        (text, relations) = (index % 1200) switch
        {
            _ when index % 70 == 9 => (text, []),
            _ when index % 30_000 == 1234 => ("短文一篇。", [new IeRelation("短文", of.Fields[0].Name, "一篇")]),
            _ when index % 4000 == 501 => (
                text,
                [.. relations, new IeRelation(entity, of.Fields[0].Name, string.Concat(Enumerable.Repeat(entity, 101)))]
            ),
            _ when index % 25 == 7 => (
                text,
                [.. relations.Skip(1), new IeRelation(entity, of.Fields[0].Name, "文中没有的" + Value(of.Fields[0].Value))]
            ),
            _ => (text, relations),
        };
        return new IeRecord((++_number).ToString("x16", CultureInfo.InvariantCulture), of.Name, text, relations);
    }

    private static void Write(FileStream file, IeRecord record, string key)
    {
        using (Utf8JsonWriter json = new(file, Line))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, record.Id);
            json.WriteString("cate"u8, record.Topic);
            json.WriteString(key, record.Input);
            json.WriteStartArray("relation"u8);
            foreach (IeRelation relation in record.Relations)
            {
                json.WriteStartObject();
                json.WriteString("head"u8, relation.Head);
                json.WriteString("relation"u8, relation.Name);
                json.WriteString("tail"u8, relation.Tail);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        file.WriteByte((byte)'\n');
    }

    private string Value(IeValue kind) =>
        kind switch
        {
            IeValue.Person => Word(Lexicon.FamilyNames)
                + (
                    _random.OneIn(2)
                        ? Word(_random.OneIn(2) ? Lexicon.Boys : Lexicon.Girls)
                        : Word(_random.OneIn(2) ? Lexicon.Grandfathers : Lexicon.Fathers)
                ),
            IeValue.Town => Word(Lexicon.Towns),
            IeValue.Place => Word(Lexicon.Towns)[..2] + _random.Pick(Kinds) + Number(1, 60) + "里",
            IeValue.River => Word(Lexicon.Rivers),
            IeValue.Job => _random.Pick(Lexicon.Jobs).Zh,
            IeValue.Food => Word(Lexicon.Foods),
            IeValue.Speciality => Word(Lexicon.Specialities),
            IeValue.Craft => Word(Lexicon.Crafts),
            IeValue.Colour => Word(Lexicon.Colours),
            IeValue.Animal => Word(Lexicon.Colours) + Word(Lexicon.WildAnimals),
            IeValue.Date => $"{Number(1850, 2020)}年{Number(1, 12)}月{Number(1, 28)}日",
            IeValue.Year => $"{Number(1600, 2020)}年",
            IeValue.Metres => $"{Number(2, 900)}米",
            IeValue.Kilometres => $"{Number(3, 99_000)}千米",
            IeValue.Squares => $"{Number(2, 4000)}平方公里",
            IeValue.People => $"{Number(100, 90_000)}人",
            IeValue.Organisation => Word(Lexicon.Towns) + _random.Pick(Groups),
            IeValue.Work => Word(Lexicon.Rivers)[..2] + Word(Lexicon.Seasons)[..1] + _random.Pick(Kinds),
            IeValue.Illness => Word(Lexicon.Seasons) + _random.Pick(Ills),
            IeValue.Symptom => _random.Pick(Symptoms),
            IeValue.Medicine => Word(Lexicon.Specialities) + "汤",
            IeValue.Material => _random.Pick(Materials),
            IeValue.Use => _random.Pick(Lexicon.Tools).UseZh,
            IeValue.Star => Word(Lexicon.Colours)[..1] + Word(Lexicon.WildAnimals)[^1..] + "星" + Number(1, 400),
            _ => $"{Number(2, 900)}天",
        };

    private static readonly string[] Kinds = ["山", "湖", "谷", "塔", "桥", "林", "园", "亭"];
    private static readonly string[] Groups = ["学校", "医院", "面包房", "铁匠铺", "渔业社", "邮局", "书社", "戏班"];
    private static readonly string[] Ills = ["咳", "热", "风", "疹", "痛"];
    private static readonly string[] Symptoms = ["头痛", "发热", "咳嗽", "没有力气", "睡不着", "手脚冰凉", "眼睛发红", "吃不下饭"];
    private static readonly string[] Materials = ["木头", "石头", "铁", "竹子", "陶土", "铜", "棉布", "纸"];

    private string Word(Word[] words) => _random.Pick(words).Zh;

    private string Number(int low, int high) => _random.Between(low, high).ToString(CultureInfo.InvariantCulture);
}
