using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

public sealed partial record IeRecipe
{
    /// <summary>Names of the tasks as files write them.</summary>
    internal static readonly string[] TaskNames = ["ie_extraction", "text_to_json", "format_following", "schema_repair"];

    /// <summary>Reads a recipe from the JSON of its YAML.</summary>
    /// <param name="recipe">seed, data, and the steps normalise, filter, tier, derive, sample, transcribe</param>
    /// <param name="file">its path, for messages</param>
    /// <param name="input">the directory that paths are below; null: here</param>
    /// <exception cref="InvalidDataException">A key is not known, or a value is no such thing; the message names it.</exception>
    public static IeRecipe Read(JsonObject recipe, string file, string? input)
    {
        Section all = new(recipe, file, "", "seed", "data", "normalise", "filter", "tier", "derive", "sample", "transcribe");
        Section data = all.Parse("data", "train", "held_out", "schema"),
            normalise = all.Parse("normalise", "topics"),
            filter = all.Parse("filter", "relations", "input", "output", "head_tail", "percentile");
        Section tier = all.Parse("tier", "ideal_relations", "ideal_input", "high", "medium"),
            derive = all.Parse("derive", "repair_relations");
        Section sample = all.Parse("sample", "total", "valid", "ratios"),
            transcribe = all.Parse("transcribe", "system", "prompts");
        Section ratios = sample.Parse("ratios", TaskNames);
        IeRecipe known = new() { Train = [], SchemaFile = "" };
        IeRecipe read = new()
        {
            Seed = (long)all.Number("seed", known.Seed, 0, 1L << 53),
            Train = [.. data.Texts("train", "train_zh.json").Select(Below)],
            HeldOut = [.. data.Texts("held_out", "valid_zh.json", "test_zh.json").Select(Below)],
            SchemaFile = Below(data.Text("schema", "schema_zh.json")),
            Topics = normalise.Has("topics") ? normalise.Names("topics") : known.Topics,
            Relations = filter.Range("relations", known.Relations),
            Input = filter.Range("input", known.Input),
            Output = filter.Whole("output", known.Output),
            HeadTail = filter.Whole("head_tail", known.HeadTail),
            Percentile = filter.Number("percentile", known.Percentile, 1, 100),
            IdealRelations = tier.Range("ideal_relations", known.IdealRelations),
            IdealInput = tier.Range("ideal_input", known.IdealInput),
            High = Rule(tier.Parse("high", "match", "ideals"), known.High),
            Medium = Rule(tier.Parse("medium", "match", "ideals"), known.Medium),
            RepairRelations = derive.Whole("repair_relations", known.RepairRelations),
            Total = sample.Whole("total", known.Total),
            Valid = sample.Number("valid", known.Valid, 0, 0.5),
            Ratios = sample.Has("ratios") ? [.. TaskNames.Select(t => ratios.Number(t, 0, 0, 1))] : known.Ratios,
            System = transcribe.Text("system", known.System),
            Prompts = transcribe.Whole("prompts", known.Prompts),
        };
        return read.Ratios.Sum() > 0
            ? read
            : throw new InvalidDataException($"{file}: sample.ratios gives no task a share; name one of {string.Join(", ", TaskNames)}");

        string Below(string path) => input is null ? path : Path.Combine(input, path);
    }

    private static IeTierRule Rule(Section rule, IeTierRule known) =>
        new(rule.Number("match", known.Match, 0, 1), (int)rule.Number("ideals", known.Ideals, 0, 2));

    /// <summary>A part of the recipe, which knows its keys.</summary>
    private sealed class Section
    {
        private readonly JsonObject _json;
        private readonly string _file,
            _place;

        public Section(JsonObject json, string file, string place, params string[] keys)
        {
            (_json, _file, _place) = (json, file, place);
            if (json.Select(p => p.Key).FirstOrDefault(k => !keys.Contains(k)) is { } odd && keys.Length > 0)
            {
                throw new InvalidDataException($"{file}: there is no recipe key '{place}{odd}' (known here: {string.Join(", ", keys)})");
            }
        }

        public bool Has(string key) => _json[key] is not null;

        public Section Parse(string key, params string[] keys) =>
            _json[key] switch
            {
                null => new Section([], _file, $"{_place}{key}.", keys),
                JsonObject part => new Section(part, _file, $"{_place}{key}.", keys),
                _ => throw Wrong(key, "must have keys of its own: " + string.Join(", ", keys)),
            };

        public double Number(string key, double known, double least, double most) =>
            _json[key] is not { } node ? known
            : Value(node) is { } number && number >= least && number <= most ? number
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}"));

        public int Whole(string key, int known) =>
            Number(key, known, 0, 1e9) is var number && number == Math.Floor(number)
                ? (int)number
                : throw Wrong(key, "must be a whole number");

        public IeRange Range(string key, IeRange known) =>
            _json[key] is not { } node ? known
            : node is JsonArray { Count: 2 } pair
            && Value(pair[0]) is { } least and >= 0
            && Value(pair[1]) is { } most and < 1e9
            && least <= most
                ? new IeRange((int)least, (int)most)
            : throw Wrong(key, "must be two numbers: [least, most]");

        public string Text(string key, string known) =>
            _json[key] is not { } node ? known
            : node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>()
            : throw Wrong(key, "must be a text");

        public string[] Texts(string key, params string[] known) =>
            _json[key] switch
            {
                null => known,
                JsonArray list =>
                [
                    .. list.Select(v =>
                        v is JsonValue value && value.TryGetValue(out string? text) ? text : throw Wrong(key, "must be a list of paths")
                    ),
                ],
                _ => [Text(key, "")],
            };

        public Dictionary<string, string> Names(string key) =>
            (_json[key] as JsonObject ?? throw Wrong(key, "must be names and what they are called here")).ToDictionary(
                p => p.Key,
                p =>
                    p.Value is JsonValue value && value.TryGetValue(out string? text)
                        ? text
                        : throw Wrong(key, "must be names and what they are called here")
            );

        /// <summary>Also 30_000, which is a text for YAML.</summary>
        private static double? Value(JsonNode? node) =>
            node is not JsonValue value ? null
            : double.TryParse(
                value.ToString().Replace("_", "", StringComparison.Ordinal),
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out double number
            )
                ? number
            : null;

        private InvalidDataException Wrong(string key, string must) =>
            new($"{_file}: {_place}{key} {must}, got {_json[key]?.ToJsonString() ?? "nothing"}");
    }
}
