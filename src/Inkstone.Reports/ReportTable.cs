using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Reports;

/// <summary>A table of a report.</summary>
/// <param name="Kind">evaluation or data</param>
/// <param name="Title">its title</param>
/// <param name="Columns">heads of the columns</param>
/// <param name="Rows">cells</param>
public sealed record ReportTable(string Kind, string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>The table as pages read it: kind, title, columns, rows.</summary>
    public JsonObject Json() =>
        new()
        {
            ["kind"] = Kind,
            ["title"] = Title,
            ["columns"] = Texts(Columns),
            ["rows"] = new JsonArray([.. Rows.Select(r => (JsonNode)Texts(r))]),
        };

    /// <summary>The table that a file holds: results of evaluations, logs of stages, counts of data; null for any other file.</summary>
    /// <exception cref="InvalidDataException">The file has the name of one and another content.</exception>
    public static ReportTable? Read(string path)
    {
        string name = Path.GetFileName(path);
        try
        {
            return name switch
            {
                "structured.json" => Structured(path, Parse(path)),
                "eval_results.jsonl" => Stages(path),
                "report.json" when Parse(path)["steps"] is JsonArray => Steps(path, Parse(path)),
                "mix.json" => Mixture(path, Parse(path)),
                "metadata.json" => Numbers(path, Parse(path)),
                _ when name.StartsWith("results_", StringComparison.Ordinal) && name.EndsWith(".json", StringComparison.Ordinal) => Tasks(
                    path,
                    Parse(path)
                ),
                _ => null,
            };
        }
        catch (Exception fault)
            when (fault is JsonException or InvalidOperationException or NullReferenceException or FormatException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"{path}: this is not what ink writes under that name ({fault.Message}); move it away or mend it",
                fault
            );
        }
    }

    private static JsonObject Parse(string path) =>
        JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? throw new FormatException("it is no object");

    private static ReportTable Structured(string path, JsonObject json)
    {
        string[] metrics =
        [
            "parse",
            "missing",
            "hallucination",
            "types",
            "enums",
            "strict",
            "strict_alias",
            "value_match",
            "latency_seconds",
        ];
        return new ReportTable(
            "evaluation",
            $"{path} ({json["prompts"]} prompts)",
            ["model", "guided", .. metrics, "pairs F1"],
            [
                .. json["models"]!
                    .AsArray()
                    .Select(m =>
                        (IReadOnlyList<string>)
                            [
                                (string)m!["model"]!,
                                (bool)m["guided"]! ? "yes" : "no",
                                .. metrics.Select(n =>
                                    n == "latency_seconds" ? Number(m["metrics"]![n]!["value"], "0.00") : Share(m["metrics"]![n]!)
                                ),
                                Number(m["metrics"]!["pairs"]!["f1"], "0.000"),
                            ]
                    ),
            ]
        );
    }

    private static ReportTable Stages(string path)
    {
        JsonNode[] lines = [.. File.ReadLines(path).Where(l => l.Length > 0).Select(l => JsonNode.Parse(l)!)];
        string[] scores =
        [
            .. lines
                .SelectMany(l => (l["scores"] as JsonObject ?? []).SelectMany(t => ((JsonObject)t.Value!).Select(m => $"{t.Key} {m.Key}")))
                .Distinct(),
        ];
        return new ReportTable(
            "evaluation",
            path,
            ["stage", "step", "loss", "perplexity", "bits per byte", .. scores],
            [
                .. lines.Select(l =>
                    (IReadOnlyList<string>)
                        [
                            l["stage"]!.ToString(),
                            l["step"]?.ToString() ?? "",
                            Number(l["loss"], "0.0000"),
                            Number(l["perplexity"], "0.00"),
                            Number(l["bits_per_byte"], "0.0000"),
                            .. scores.Select(s =>
                                s.Split(' ', 2) is [var task, var metric] && l["scores"]?[task]?[metric] is JsonObject score
                                    ? WithError(score["value"], score["stderr"], score["n"])
                                    : ""
                            ),
                        ]
                ),
            ]
        );
    }

    private static ReportTable Steps(string path, JsonObject json) =>
        new(
            "data",
            path,
            ["step", "of", "in", "out", ""],
            [
                .. json["steps"]!
                    .AsArray()
                    .Select(s =>
                        (IReadOnlyList<string>)
                            [
                                (string)s!["step"]!,
                                (string)s["of"]!,
                                Count(s["in"]),
                                Count(s["out"]),
                                string.Join(
                                    "; ",
                                    ((s["removed"] ?? s["parts"]) as JsonObject ?? []).Select(p =>
                                        $"{(s["removed"] is null ? "" : "− ")}{p.Key} {Count(p.Value)}"
                                    )
                                ),
                            ]
                    ),
            ]
        );

    private static ReportTable Mixture(string path, JsonObject json)
    {
        string[] keys =
        [
            .. json["sources"]!.AsArray().SelectMany(s => ((JsonObject)s!).Where(p => p.Value is JsonValue).Select(p => p.Key)).Distinct(),
        ];
        return new ReportTable(
            "data",
            path,
            keys,
            [.. json["sources"]!.AsArray().Select(s => (IReadOnlyList<string>)[.. keys.Select(k => Count(s![k]))])]
        );
    }

    private static ReportTable Numbers(string path, JsonObject json) =>
        new(
            "data",
            path,
            ["", ""],
            [
                .. json.Where(p => p.Value is JsonValue v && v.GetValueKind() == JsonValueKind.Number)
                    .Select(p => (IReadOnlyList<string>)[p.Key.Replace('_', ' '), Count(p.Value)]),
            ]
        );

    private static ReportTable Tasks(string path, JsonObject json) =>
        new(
            "evaluation",
            path,
            ["task", "metric", "value", "n"],
            [
                .. json["results"]!
                    .AsObject()
                    .SelectMany(t =>
                        ((JsonObject)t.Value!)
                            .Where(m =>
                                m.Key.Contains(',', StringComparison.Ordinal) && !m.Key.Contains("_stderr,", StringComparison.Ordinal)
                            )
                            .Select(m =>
                                (IReadOnlyList<string>)
                                    [
                                        t.Key,
                                        m.Key,
                                        WithError(
                                            m.Value,
                                            t.Value![m.Key.Insert(m.Key.IndexOf(',', StringComparison.Ordinal), "_stderr")],
                                            null
                                        ),
                                        json["n-samples"]?[t.Key]?["effective"]?.ToString() ?? t.Value!["sample_len"]?.ToString() ?? "",
                                    ]
                            )
                    ),
            ]
        );

    private static string Share(JsonNode score) =>
        score["value"] is null
            ? "–"
            : Number(score["value"]!.GetValue<double>() * 100, "0.0")
                + " %"
                + (score["stderr"] is { } error ? " ± " + Number(error.GetValue<double>() * 100, "0.0") : "");

    private static string WithError(JsonNode? value, JsonNode? error, JsonNode? n) =>
        Number(value, "0.0000") + (Real(error) is { } e ? " ± " + Number(e, "0.0000") : "") + (n is null ? "" : $" ({n})");

    private static string Count(JsonNode? value) =>
        Real(value) is { } number ? Number(number, number == Math.Floor(number) ? "#,0" : "0.####") : value?.ToString() ?? "";

    private static string Number(JsonNode? value, string form) =>
        Real(value) is { } number ? number.ToString(form, CultureInfo.InvariantCulture) : value?.ToString() ?? "";

    private static string Number(double value, string form) => value.ToString(form, CultureInfo.InvariantCulture);

    private static double? Real(JsonNode? value) =>
        value is JsonValue v && v.GetValueKind() == JsonValueKind.Number ? v.GetValue<double>() : null;

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)t)]);
}
