using System.Globalization;
using System.Text;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>Ollama's Modelfile for a .gguf file: where it is, its chat template in Go's language, what ends an answer, how tokens are
/// chosen.</summary>
internal static class Modelfile
{
    private const string Name = "Modelfile",
        FirstLine = "# written by ink convert: ollama create NAME -f ";

    private static readonly (string Key, string Parameter)[] Settings =
    [
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("top_k", "top_k"),
        ("min_p", "min_p"),
        ("repetition_penalty", "repeat_penalty"),
    ];

    /// <summary>Where it goes: beside the .gguf file. One that another program wrote is refused.</summary>
    public static string Claim(CommandContext call, string gguf) =>
        call.ClaimFile(
            Path.Combine(Path.GetDirectoryName(Path.GetFullPath(gguf))!, Name),
            path => File.ReadLines(path).FirstOrDefault()?.StartsWith(FirstLine, StringComparison.Ordinal) == true
        );

    /// <summary>Writes it.</summary>
    public static void Write(CommandContext call, string path, string gguf, string model, int context)
    {
        Tokenizer tokenizer = Models.Tokenizer(model, call);
        StringBuilder text = new($"{FirstLine}{Name}\nFROM ./{Path.GetFileName(gguf)}\n");
        ChatTemplate? template = ChatTemplate.TryFor(tokenizer);
        if (template is not null && OllamaTemplate.Convert(template) is { } go)
        {
            text.Append("TEMPLATE \"\"\"").Append(go).Append("\"\"\"\n");
        }
        else if (template is not null)
        {
            call.Warn(
                $"{model}'s chat template does more than put texts around messages, so the Modelfile has none: Ollama takes what it knows of the template in the .gguf file; look at its answers"
            );
        }
        else
        {
            text.Append("TEMPLATE \"{{ .Prompt }}\"\n");
        }
        string?[] ends = [.. template?.EndOfTurn(tokenizer) ?? [], tokenizer.EosId is { } id ? tokenizer.IdToToken(id) : null];
        foreach (string end in ends.OfType<string>().Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"PARAMETER stop \"{end}\"\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"PARAMETER num_ctx {context}\n");
        if (Models.GenerationConfig(model) is { } settings)
        {
            foreach ((string key, string parameter) in Settings.Where(s => settings.Has(s.Key)))
            {
                text.Append(CultureInfo.InvariantCulture, $"PARAMETER {parameter} {settings.Number(key)}\n");
            }
        }
        AtomicFile.WriteText(path, text.ToString());
    }
}
