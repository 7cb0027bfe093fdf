using System.Text.Json.Nodes;

namespace Inkstone.Cli;

/// <summary>The few numbers of a stage's result that a table has room for.</summary>
internal static class StageFigures
{
    private static readonly (string Key, string Label)[] Known =
    [
        ("documents", "documents"),
        ("parameters", "parameters"),
        ("tokens", "tokens"),
        ("vocab_size", "kinds of token"),
        ("vocabulary", "kinds of token"),
        ("valid_bits_per_byte", "bits per byte"),
        ("valid_rewards/accuracies", "preferred"),
        ("valid_loss", "loss"),
        ("bits_per_byte", "bits per byte"),
        ("rows", "rows"),
        ("text", "text"),
    ];

    private const int Most = 4,
        Longest = 60;

    public static string Summarize(JsonNode? result)
    {
        if (result is not JsonObject sheet)
        {
            return "";
        }
        List<string> figures =
        [
            .. Known
                .Where(k => sheet[k.Key] is JsonValue)
                .DistinctBy(k => k.Label)
                .Select(k => Figure(sheet[k.Key]!.AsValue(), k.Label))
                .Take(Most),
        ];
        foreach ((string task, JsonNode? scores) in sheet["scores"] as JsonObject ?? sheet["results"] as JsonObject ?? [])
        {
            figures.AddRange(Scores(task, scores as JsonObject ?? []).Take(1));
        }
        if (sheet["lines"] is JsonObject lines)
        {
            figures.AddRange(lines.Where(l => l.Value is JsonValue).Select(l => Figure(l.Value!.AsValue(), l.Key)));
        }
        if (sheet["checks"] is JsonArray checks)
        {
            figures.Add(Format.Text($"{checks.Count(c => c?["ok"] is JsonValue ok && ok.GetValue<bool>())} of {checks.Count} checks pass"));
        }
        return string.Join(", ", figures);
    }

    private static IEnumerable<string> Scores(string task, JsonObject scores) =>
        from score in scores
        let value = score.Value is JsonObject inner ? inner["value"] as JsonValue : score.Value as JsonValue
        where
            value is not null
            && value.TryGetValue(out double _)
            && score.Key.Contains(',', StringComparison.Ordinal)
            && !score.Key.Contains("stderr", StringComparison.Ordinal)
        select Format.Text($"{task} {score.Key.Split(',')[0]} {value.GetValue<double>():0.000}");

    private static string Figure(JsonValue value, string label)
    {
        if (!value.TryGetValue(out double number))
        {
            string text = Format.Visible(value.ToString()).ReplaceLineEndings(" ");
            return text.Length > Longest ? text[..Longest] + "…" : text;
        }
        return number == Math.Floor(number) ? $"{Format.Count(number)} {label}" : Format.Text($"{label} {number:0.000}");
    }
}
