using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

public sealed partial record MixRecipe
{
    private const double DefaultMaxEpochs = 4;

    private static readonly string[] TopKeys = ["total", "seed", "shortage", "max_epochs", "categories"];
    private static readonly string[] CategoryKeys = ["count", "weight", "repeat", "max_epochs", "writes", "sources"];
    private static readonly string[] SourceKeys = ["name", "path", "count", "weight", "share", "kind", "text_key"];

    /// <summary>Reads a recipe from the JSON of its YAML.</summary>
    /// <param name="recipe">total, seed, shortage (fail or shrink), max_epochs, and categories with count or weight, repeat, max_epochs,
    /// writes and sources</param>
    /// <param name="file">its path, for messages</param>
    /// <exception cref="InvalidDataException">A key is not known or missing, or a value is no such thing; the message names it.</exception>
    public static MixRecipe Read(JsonObject recipe, string file)
    {
        Refuse(recipe, TopKeys, file, "");
        double epochs = Number(recipe, "max_epochs", file, "") ?? DefaultMaxEpochs;
        JsonObject categories =
            recipe["categories"] as JsonObject
            ?? throw new InvalidDataException($"{file}: categories is missing; name them with their count and sources");
        MixRecipe read = new MixRecipe(
            Whole(recipe, "total", file, ""),
            Whole(recipe, "seed", file, "") ?? 42,
            Word(recipe, "shortage", file, "", "fail", "fail", "shrink") == "shrink",
            [
                .. categories.Select(c =>
                    Category(
                        c.Key,
                        c.Value as JsonObject
                            ?? throw new InvalidDataException(
                                $"{file}: categories.{c.Key} must have keys of its own: {string.Join(", ", CategoryKeys)}"
                            ),
                        epochs,
                        file
                    )
                ),
            ]
        );
        if (read.Categories.Count == 0)
        {
            throw new InvalidDataException($"{file}: categories is empty");
        }
        if (read.Categories.Any(c => c.Weight is not null) != read.Total is not null)
        {
            throw new InvalidDataException(
                $"{file}: total and the weights of categories belong together: a category has a count, or a weight in the total"
            );
        }
        return read;
    }

    private static MixCategory Category(string name, JsonObject c, double epochs, string file)
    {
        string place = $"categories.{name}.";
        Refuse(c, CategoryKeys, file, place);
        long? count = Whole(c, "count", file, place);
        double? weight = Number(c, "weight", file, place);
        if (count is null == weight is null)
        {
            throw new InvalidDataException($"{file}: categories.{name} needs a count, or a weight in the total, and not both");
        }
        JsonNode[] sources = c["sources"] switch
        {
            JsonArray list => [.. list.Select(s => s ?? throw new InvalidDataException($"{file}: {place}sources has an empty entry"))],
            { } one => [one],
            null => throw new InvalidDataException($"{file}: {place}sources is missing; name its files"),
        };
        MixOutputs outputs = MixOutputs.None;
        foreach (string output in Texts(c, "writes", file, place))
        {
            outputs |= output switch
            {
                "pretrain" => MixOutputs.Pretrain,
                "sft" => MixOutputs.Sft,
                "dpo" => MixOutputs.Dpo,
                _ => throw new InvalidDataException($"{file}: {place}writes names '{output}'; known are pretrain, sft and dpo"),
            };
        }
        long repeat = Whole(c, "repeat", file, place) ?? 1;
        return new MixCategory(
            name,
            count,
            weight,
            repeat is >= 1 and <= 1000 ? (int)repeat : throw new InvalidDataException($"{file}: {place}repeat must be between 1 and 1000"),
            Number(c, "max_epochs", file, place) ?? epochs,
            outputs,
            [.. sources.Select(s => Source(name, s, file, place + "sources"))]
        );
    }

    private static MixSource Source(string category, JsonNode node, string file, string place)
    {
        if (node is JsonValue path && path.TryGetValue(out string? only))
        {
            return new MixSource(category, [only], null, null, 1, MixKind.Auto, ["text"]);
        }
        JsonObject s =
            node as JsonObject ?? throw new InvalidDataException($"{file}: {place} must be paths, or entries with keys such as path: FILE");
        Refuse(s, SourceKeys, file, place + ".");
        IReadOnlyList<string> paths = Texts(s, "path", file, place + ".");
        if (paths.Count == 0)
        {
            throw new InvalidDataException($"{file}: {place} has an entry without a path");
        }
        double share = Number(s, "share", file, place + ".") ?? 1;
        IReadOnlyList<string> keys = Texts(s, "text_key", file, place + ".");
        return new MixSource(
            Text(s, "name", file, place + ".") ?? category,
            paths,
            Whole(s, "count", file, place + "."),
            Number(s, "weight", file, place + "."),
            share is > 0 and <= 1 ? share : throw new InvalidDataException($"{file}: {place}.share must be above 0 and at most 1"),
            Enum.Parse<MixKind>(
                Word(s, "kind", file, place + ".", "auto", "auto", "text", "conversation", "choice", "preference"),
                ignoreCase: true
            ),
            keys.Count > 0 ? [.. keys.SelectMany(k => k.Split(','))] : ["text"]
        );
    }

    private static void Refuse(JsonObject o, string[] known, string file, string place)
    {
        if (o.Select(p => p.Key).FirstOrDefault(k => !known.Contains(k)) is { } odd)
        {
            throw new InvalidDataException($"{file}: there is no recipe key '{place}{odd}' (known here: {string.Join(", ", known)})");
        }
    }

    private static long? Whole(JsonObject o, string key, string file, string place) =>
        Number(o, key, file, place) is not { } number ? null
        : number == Math.Floor(number) && number < 1L << 53 ? (long)number
        : throw new InvalidDataException($"{file}: {place}{key} must be a whole number, got {o[key]!.ToJsonString()}");

    private static double? Number(JsonObject o, string key, string file, string place) =>
        o[key] switch
        {
            null => null,
            JsonValue v
                when v.GetValueKind() == JsonValueKind.Number
                    && v.ToJsonString() is var text
                    && double.Parse(text, System.Globalization.CultureInfo.InvariantCulture) is >= 0 and var number => number,
            // 460_000 is a text for YAML.
            JsonValue v
                when v.TryGetValue(out string? text)
                    && double.TryParse(
                        text.Replace("_", "", StringComparison.Ordinal),
                        System.Globalization.NumberStyles.Float,
                        System.Globalization.CultureInfo.InvariantCulture,
                        out double number
                    )
                    && number >= 0 => number,
            { } other => throw new InvalidDataException($"{file}: {place}{key} must be a number of 0 or more, got {other.ToJsonString()}"),
        };

    private static string? Text(JsonObject o, string key, string file, string place) =>
        o[key] switch
        {
            null => null,
            JsonValue v when v.TryGetValue(out string? text) => text,
            JsonValue v => v.ToJsonString(),
            _ => throw new InvalidDataException($"{file}: {place}{key} must be a text"),
        };

    private static IReadOnlyList<string> Texts(JsonObject o, string key, string file, string place) =>
        o[key] is JsonArray list
            ?
            [
                .. list.Select(v =>
                    (v as JsonValue)?.ToString() ?? throw new InvalidDataException($"{file}: {place}{key} must be a list of texts")
                ),
            ]
        : Text(o, key, file, place) is { } one ? [one]
        : [];

    private static string Word(JsonObject o, string key, string file, string place, string fallback, params string[] words) =>
        (Text(o, key, file, place) ?? fallback) is var word && words.Contains(word)
            ? word
            : throw new InvalidDataException($"{file}: {place}{key} must be one of {string.Join(", ", words)}, got '{word}'");
}
