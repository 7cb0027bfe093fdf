using System.Text.Json;
using Inkstone.Files;
using Inkstone.Formats;

namespace Inkstone.Models;

/// <summary>Files beside the weights that belong to a model and go with it: tokenizer, chat templates, generation settings.</summary>
public static class SidecarFiles
{
    private const string TokenizerFile = "tokenizer.json",
        ConfigFile = "tokenizer_config.json",
        TemplateFile = "chat_template.jinja",
        TemplatesFolder = "additional_chat_templates";

    /// <summary>Files that repeat or complete a tokenizer.json, and mean nothing beside another one.</summary>
    private static readonly string[] TokenizerParts =
    [
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "tokenizer.model",
    ];

    private static readonly string[] Names = [HfDirectory.GenerationConfigFile, TokenizerFile, ConfigFile, .. TokenizerParts, TemplateFile];

    /// <summary>Copies them and the model card from a directory, or writes what a .gguf file says of them.</summary>
    public static void Copy(string source, string directory)
    {
        if (GgufFile.IsGguf(source))
        {
            using GgufFile file = GgufFile.Open(source);
            Write(file.Metadata, directory);
            return;
        }
        CopyAll(source, directory, [.. Names, ModelCard.FileName]);
    }

    private static void CopyAll(string source, string directory, IReadOnlyList<string> names)
    {
        foreach (string name in names.Where(name => File.Exists(Path.Combine(source, name))))
        {
            File.Copy(Path.Combine(source, name), Path.Combine(directory, name), overwrite: true);
        }
        CopyTemplates(source, directory);
    }

    /// <summary>Copies the named templates beside the main one, such as that for conversations with tools.</summary>
    public static void CopyTemplates(string source, string directory)
    {
        string templates = Path.Combine(source, TemplatesFolder);
        if (Directory.Exists(templates))
        {
            Directory.CreateDirectory(Path.Combine(directory, TemplatesFolder));
            foreach (string file in Directory.EnumerateFiles(templates, "*.jinja"))
            {
                File.Copy(file, Path.Combine(directory, TemplatesFolder, Path.GetFileName(file)), overwrite: true);
            }
        }
    }

    /// <summary>Copies an adapter's files over those of the model below: each that the adapter has counts, the others stay.</summary>
    public static void Overlay(string adapter, string directory)
    {
        if (File.Exists(Path.Combine(adapter, TokenizerFile)))
        {
            foreach (string name in TokenizerParts)
            {
                File.Delete(Path.Combine(directory, name));
            }
        }
        string config = Path.Combine(directory, ConfigFile),
            template = Path.Combine(directory, TemplateFile);
        bool ownConfig = File.Exists(Path.Combine(adapter, ConfigFile));
        if (ownConfig && HfConfig.Read(Path.Combine(adapter, ConfigFile)).Has("chat_template"))
        {
            File.Delete(template); // the file of a template counts more than a configuration's: that of the model below would hide the adapter's
        }
        else if (
            ownConfig
            && File.Exists(config)
            && !File.Exists(template)
            && HfConfig.Read(config) is { } below
            && below.IsText("chat_template")
        )
        {
            AtomicFile.WriteText(template, below.Text("chat_template"));
        }
        CopyAll(adapter, directory, Names);
    }

    private static void Write(GgufMetadata metadata, string directory)
    {
        if (GgufTokenizer.Read(metadata) is { } tokenizer)
        {
            AtomicFile.WriteText(Path.Combine(directory, TokenizerFile), tokenizer.Json);
            AtomicFile.WriteText(Path.Combine(directory, ConfigFile), tokenizer.ConfigJson);
        }
        AtomicFile.WriteText(
            Path.Combine(directory, HfDirectory.GenerationConfigFile),
            GgufGeneration.Read(metadata).ToJsonString(new JsonSerializerOptions { WriteIndented = true })
        );
    }
}
