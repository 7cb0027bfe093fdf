using System.Text.Json;

namespace Inkstone.Data;

/// <summary>The files of one split.</summary>
internal sealed record TokenizeSource(string Split, IReadOnlyList<string> Files, string? Separator)
{
    /// <summary>The names of both splits.</summary>
    public static readonly string[] Splits = ["train", "valid"];

    private static readonly string[] Extensions = [".jsonl", ".txt"];
    private const string MicroLmSeparator = "<|endoftext|>";

    /// <summary>Train and valid of a prepared folder; otherwise everything is train.</summary>
    public static TokenizeSource[] Find(TokenizeOptions options)
    {
        if (options.Inputs.Count == 0)
        {
            throw new ArgumentException("there is no input: name a prepared folder, or files.");
        }
        if (options.Inputs is [var folder] && Directory.Exists(folder))
        {
            foreach (string extension in Extensions)
            {
                if (!File.Exists(Path.Combine(folder, "train" + extension)))
                {
                    continue;
                }
                string? separator = extension == ".txt" ? options.InputSeparator ?? StoredSeparator(folder) : null;
                return
                [
                    .. Splits
                        .Select(split => new TokenizeSource(split, [Path.Combine(folder, split + extension)], separator))
                        .Where(source => File.Exists(source.Files[0])),
                ];
            }
        }
        return [new TokenizeSource("train", InputFiles.Find(options.Inputs), options.InputSeparator)];
    }

    private static string StoredSeparator(string folder)
    {
        string path = Path.Combine(folder, "metadata.json");
        if (!File.Exists(path))
        {
            return MicroLmSeparator;
        }
        try
        {
            using JsonDocument metadata = JsonDocument.Parse(File.ReadAllText(path));
            return
                metadata.RootElement.TryGetProperty("options", out JsonElement options)
                && options.TryGetProperty("output_separator", out JsonElement separator)
                ? separator.GetString() ?? MicroLmSeparator
                : MicroLmSeparator;
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"the file '{path}' is no JSON: prepare the folder again, or name the separator.", exception);
        }
    }
}
