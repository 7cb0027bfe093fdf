using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Inkstone.Files;

namespace Inkstone.Formats;

/// <summary>
/// README.md of a model directory as Hugging Face reads it: a YAML head, then what is known of the model. What a model may be used for and
/// under which licence is its maker's to say.
/// </summary>
/// <param name="Config">config.json</param>
/// <param name="Parameters">number of weights</param>
public sealed partial record ModelCard(HfConfig Config, long Parameters)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "README.md";

    /// <summary>Whether the directory holds an adapter and not the model.</summary>
    public bool IsAdapter { get; init; }

    /// <summary>Path or name of the model that it was made of, or null.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Paths or names of the data that it learned from.</summary>
    public IReadOnlyList<string> Data { get; init; } = [];

    /// <summary>Names of what was measured on held-out data.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = [];

    /// <summary>How it came to be, as rows of a table.</summary>
    public IReadOnlyList<(string Name, string Value)> Facts { get; init; } = [];

    /// <summary>Writes it into a directory, unless there is one.</summary>
    public void Write(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            AtomicFile.WriteText(path, Text());
        }
    }

    /// <summary>The file.</summary>
    public string Text()
    {
        bool scores = (Config.Has("architectures") ? Config.Texts("architectures") : []).Any(a =>
            a.EndsWith("ForSequenceClassification", StringComparison.Ordinal)
        );
        string[] sets = [.. Data.Select(HubName).OfType<string>().Distinct()];
        StringBuilder text = new("---\n# license: name one, such as apache-2.0\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"library_name: {(IsAdapter ? "peft" : "transformers")}\npipeline_tag: {(scores ? "text-classification" : "text-generation")}\n"
        );
        if (BaseModel is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"base_model: {Quoted(HubName(BaseModel) ?? BaseModel)}\n");
        }
        List("datasets", sets);
        List("metrics", Metrics);
        List("tags", ["inkstone"]);
        text.Append("---\n\n# ").Append(IsAdapter ? "Adapter" : "Model").Append("\n\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"A{(IsAdapter ? " low-rank adapter" : $" model of {Parameters:N0} parameters")} of the family {Config.Text("model_type", "unknown")}, made with Inkstone.\n\n| | |\n| --- | --- |\n"
        );
        foreach (
            (string name, string value) in (IEnumerable<(string, string)>)[.. Sizes(), .. Facts, .. Data.Select(d => ("learned from", d))]
        )
        {
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {value.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
        }
        string load =
            IsAdapter ? "AutoPeftModelForCausalLM"
            : scores ? "AutoModelForSequenceClassification"
            : "AutoModelForCausalLM";
        return text.Append(
                CultureInfo.InvariantCulture,
                $"\n## Use\n\n    ink serve --model .\n\n    from {(IsAdapter ? "peft" : "transformers")} import {load}\n    model = {load}.from_pretrained(\".\")\n"
            )
            .ToString();

        void List(string key, IReadOnlyList<string> items)
        {
            if (items.Count > 0)
            {
                text.Append(key).Append(":\n");
                foreach (string item in items)
                {
                    text.Append("- ").Append(Quoted(item)).Append('\n');
                }
            }
        }
    }

    private IEnumerable<(string, string)> Sizes() =>
        from key in (string[])["vocab_size", "hidden_size", "num_hidden_layers", "max_position_embeddings"]
        where Config.Has(key)
        select (key, Config.Int(key).ToString(CultureInfo.InvariantCulture));

    /// <summary>ORG/NAME of what lies in a hub's cache, or null.</summary>
    private static string? HubName(string path) =>
        CachePlace().Match(path) is { Success: true } m ? $"{m.Groups[1].Value}/{m.Groups[2].Value}" : null;

    private static string Quoted(string value) =>
        PlainScalar().IsMatch(value)
            ? value
            : "\"" + value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    [GeneratedRegex(@"(?:models|datasets)--([^/\\]+?)--([^/\\]+)(?:[/\\]|$)")]
    private static partial Regex CachePlace();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_./-]*$")]
    private static partial Regex PlainScalar();
}
