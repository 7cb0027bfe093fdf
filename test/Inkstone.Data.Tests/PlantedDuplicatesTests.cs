using System.Text.Json;

namespace Inkstone.Data.Tests;

/// <summary>Many documents of one kind, in two languages, with planted copies of which 0.2 to 20 % was changed.</summary>
public sealed class PlantedDuplicatesTests : IDisposable
{
    private static readonly string[] Things =
    [
        .. "砚台 松烟 竹简 宣纸 印泥 镇尺 书匣 石阶 渡口 山雀 芦苇 灯芯 瓦当 茶炉 棋盘 蓑衣 渔网 磨坊 谷仓 织机 铜铃 木梳 烽火 石桥 船坞 盐田 桑园 炭窑 水车 风箱".Split(
            ' '
        ),
    ];
    private static readonly string[] Doings =
    [
        .. "研磨 晾晒 收藏 修补 搬运 打磨 临摹 称量 寻找 交换 保存 烧制 雕刻 捆扎 修剪 清洗 分发 整理 辨认 守护".Split(' '),
    ];
    private static readonly string[] Words =
    [
        .. "inkstone lantern harbour ledger orchard quarry loom kiln ferry granary bellows chisel sundial weir trellis anvil saddle compass cellar thatch carries measures polishes copies lifts counts sharpens repairs guards paints sorts stacks".Split(
            ' '
        ),
    ];
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Nearly_all_planted_pairs_are_found_and_none_is_wrong()
    {
        const int Count = 100_000;
        Random random = new(3);
        List<string> texts = [];
        List<(int A, int B)> planted = [];
        while (texts.Count < Count)
        {
            int of = texts.Count > 100 && random.Next(10) < 3 ? random.Next(Math.Max(0, texts.Count - 5000), texts.Count) : -1;
            texts.Add(of < 0 ? Document(random) : Edited(texts[of], random.NextDouble() * 0.2, random));
            if (of >= 0)
            {
                planted.Add((of, texts.Count - 1));
            }
        }
        using (StreamWriter file = new(_folder["in.jsonl"]))
        {
            foreach (string text in texts)
            {
                file.WriteLine(JsonSerializer.Serialize(new { text }));
            }
        }
        DedupResult result = new DedupRun(
            new DedupOptions([_folder["in.jsonl"]], _folder["out"], ["text"], new NearDuplicateOptions())
        ).Run();

        HashSet<(int, int)> found = [];
        foreach (string line in File.ReadLines(_folder["out/pairs.jsonl"]))
        {
            JsonElement pair = JsonDocument.Parse(line).RootElement;
            (int a, int b) = (pair.GetProperty("a").GetInt32(), pair.GetProperty("b").GetInt32());
            double jaccard = Jaccard(texts[a], texts[b]);
            jaccard.ShouldBeGreaterThanOrEqualTo(0.8);
            pair.GetProperty("jaccard").GetDouble().ShouldBe(jaccard);
            found.Add((a, b));
        }
        (int, int)[] near = [.. planted.Where(p => Jaccard(texts[p.A], texts[p.B]) >= 0.8)];
        near.Length.ShouldBeGreaterThan(3000);
        ((double)near.Count(found.Contains) / near.Length).ShouldBeGreaterThan(0.999);
        result.Counts.Documents.ShouldBe(Count);
    }

    private static string Document(Random random)
    {
        string Any(string[] of) => of[random.Next(of.Length)];
        IEnumerable<int> sentences = Enumerable.Range(0, random.Next(3, 8));
        return random.Next(10) < 7
            ? string.Concat(
                sentences.Select(_ =>
                    $"{Any(Things)}和{Any(Things)}都需要{Any(Doings)}，{Any(Things)}旁的{Any(Things)}正在{Any(Doings)}{Any(Things)}。"
                )
            ) + random.Next()
            : string.Join(
                ' ',
                sentences.Select(_ =>
                    $"The {Any(Words)} {Any(Words)} a {Any(Words)}, while the {Any(Words)} {Any(Words)} one {Any(Words)} each week."
                )
            ) + $" {random.Next()}";
    }

    private static string Edited(string text, double share, Random random)
    {
        List<char> characters = [.. text];
        for (int left = Math.Max(1, (int)(characters.Count * share)); left > 0; left--)
        {
            int at = random.Next(characters.Count);
            if (random.Next(2) == 0)
            {
                characters[at] = Things[random.Next(Things.Length)][0];
            }
            else
            {
                characters.Insert(at, Doings[random.Next(Doings.Length)][0]);
            }
        }
        return new string([.. characters]);
    }

    private static double Jaccard(string a, string b)
    {
        HashSet<string> first = Shingles(a),
            second = Shingles(b);
        int common = first.Count(second.Contains);
        return (double)common / (first.Count + second.Count - common);
    }

    private static HashSet<string> Shingles(string text) => [.. Enumerable.Range(0, text.Length - 4).Select(i => text.Substring(i, 5))];
}
