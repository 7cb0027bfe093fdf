using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;

namespace Inkstone.Models;

/// <summary>Files beside the weights that belong to a model and go with it: tokenizer, chat template, generation settings.</summary>
internal static class Companions
{
    private static readonly string[] Names = [HfDirectory.GenerationConfigFile, "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja"];

    /// <summary>Copies them from a directory, or writes what a .gguf file says of them.</summary>
    public static void Copy(string source, string directory)
    {
        if (GgufFile.Is(source))
        {
            using GgufFile file = GgufFile.Open(source);
            Write(file.Metadata, directory);
            return;
        }
        foreach (string name in Names.Where(name => File.Exists(Path.Combine(source, name))))
        {
            File.Copy(Path.Combine(source, name), Path.Combine(directory, name));
        }
    }

    private static void Write(GgufMetadata metadata, string directory)
    {
        if (GgufTokenizer.Read(metadata) is { } tokenizer)
        {
            AtomicFile.WriteText(Path.Combine(directory, "tokenizer.json"), tokenizer.Json);
            AtomicFile.WriteText(Path.Combine(directory, "tokenizer_config.json"), tokenizer.ConfigJson);
        }
        JsonObject generation = [];
        GgufConfig.AddTokenIds(metadata, generation);
        AtomicFile.WriteText(Path.Combine(directory, HfDirectory.GenerationConfigFile), generation.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }
}
