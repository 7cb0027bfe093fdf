using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Reports;

/// <summary>A run as a report shows it.</summary>
/// <param name="Name">what curves are called</param>
/// <param name="Path">where it lies</param>
/// <param name="Curves">what it has logged</param>
/// <param name="Samples">texts that the model wrote: step, prompt, text</param>
/// <param name="Recipe">its configuration as text; empty where it has none</param>
public sealed record ReportRun(
    string Name,
    string Path,
    RunCurves Curves,
    IReadOnlyList<(double Step, string Prompt, string Text)> Samples,
    string Recipe
)
{
    private const int MostSamples = 200;

    /// <summary>Whether a directory is a run: it has metrics.jsonl or event files of TensorBoard.</summary>
    public static bool IsRun(string directory) =>
        File.Exists(System.IO.Path.Combine(directory, "metrics.jsonl")) || TensorBoardReader.Files(directory).Length > 0;

    /// <summary>Reads a run.</summary>
    /// <param name="directory">its directory</param>
    /// <param name="name">what it is to be called</param>
    public static ReportRun Read(string directory, string name)
    {
        string metrics = System.IO.Path.Combine(directory, "metrics.jsonl"),
            recipe = System.IO.Path.Combine(directory, "recipe.resolved.yaml"),
            samples = System.IO.Path.Combine(directory, "samples.jsonl");
        return new ReportRun(
            name,
            directory,
            File.Exists(metrics) ? RunCurves.ReadMetrics(metrics) : TensorBoardReader.Read(TensorBoardReader.Files(directory)),
            File.Exists(samples) ? [.. ReadSamples(samples)] : [],
            File.Exists(recipe) ? File.ReadAllText(recipe) : ""
        );
    }

    internal JsonObject Json() =>
        new()
        {
            ["name"] = Name,
            ["path"] = Path,
            ["recipe"] = Recipe,
            ["series"] = new JsonObject(Curves.Names.Select(n => KeyValuePair.Create(n, (JsonNode?)Points(RunCurves.Thinned(Curves[n]))))),
            ["samples"] = new JsonArray([
                .. Samples
                    .TakeLast(MostSamples)
                    .Select(s =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["step"] = s.Step,
                                ["prompt"] = s.Prompt,
                                ["text"] = s.Text,
                            }
                    ),
            ]),
        };

    private static JsonArray Points(IReadOnlyList<(double Step, double Value)> points) =>
        new([.. points.Select(p => (JsonNode)new JsonArray(Rounded(p.Step), Rounded(p.Value)))]);

    /// <summary>Six digits are more than a screen shows.</summary>
    private static double Rounded(double value) =>
        double.Parse(
            value.ToString("G6", System.Globalization.CultureInfo.InvariantCulture),
            System.Globalization.CultureInfo.InvariantCulture
        );

    /// <summary>Texts that a model wrote, of a samples.jsonl; lines that are none are left out.</summary>
    public static IEnumerable<(double Step, string Prompt, string Text)> ReadSamples(string path)
    {
        foreach (string line in File.ReadLines(path))
        {
            JsonNode? sample = null;
            try
            {
                sample = JsonNode.Parse(line);
            }
            catch (JsonException)
            {
                // The last line of a run that goes on may be cut.
            }
            if (sample is JsonObject)
            {
                yield return ((double?)sample["step"] ?? 0, (string?)sample["prompt"] ?? "", (string?)sample["text"] ?? "");
            }
        }
    }
}
