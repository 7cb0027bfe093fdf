using System.Text.Json;
using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>The templates and special tokens that a tokenizer's files hold: one template for all conversations, and perhaps another for
/// those with tools.</summary>
internal sealed record ChatTemplateSource(string Name, string Template, string? ToolUse, IReadOnlyDictionary<string, Value> SpecialTokens)
{
    private const string ConfigName = "tokenizer_config.json",
        TemplateName = "chat_template.jinja",
        ToolUseName = "additional_chat_templates/tool_use.jinja";

    /// <summary>Reads a tokenizer's directory, a tokenizer_config.json, or a file that is a template.</summary>
    public static ChatTemplateSource Read(string path)
    {
        if (!Directory.Exists(path) && !File.Exists(path))
        {
            throw new FileNotFoundException(
                $"there is no chat template at '{path}'; give a tokenizer's directory, a tokenizer_config.json or a .jinja file.",
                path
            );
        }
        string directory = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        bool json = Path.GetExtension(path) == ".json";
        string template = Directory.Exists(path) || json ? Path.Combine(directory, TemplateName) : path;
        string config = json && Path.GetFileName(path) != "tokenizer.json" ? path : Path.Combine(directory, ConfigName);
        // A configuration that is named counts by itself; the template file of a directory counts more than what its configuration holds.
        bool separate = File.Exists(template) && !(json && config == path);
        string toolUse = Path.Combine(directory, ToolUseName);
        return Choose(
                File.Exists(config) ? File.ReadAllBytes(config) : null,
                config,
                separate ? File.ReadAllText(template) : null,
                template,
                Directory.Exists(path) && File.Exists(toolUse) ? File.ReadAllText(toolUse) : null
            )
            ?? throw new InvalidDataException(
                $"{path} has no chat template; add a {TemplateName} beside it or a chat_template to {ConfigName}."
            );
    }

    /// <summary>What a configuration and a separate template hold together; null when neither has a template.</summary>
    public static ChatTemplateSource? Choose(byte[]? config, string configFile, string? template, string templateFile, string? toolUse)
    {
        Dictionary<string, Value> tokens = new(StringComparer.Ordinal);
        string? inConfig = null,
            toolUseInConfig = null;
        if (config is not null)
        {
            using JsonDocument document = TokenizerJson.Parse(config, configFile);
            JsonPart root = new(document.RootElement, configFile, "");
            (inConfig, toolUseInConfig) = Templates(root["chat_template"]);
            ReadTokens(document.RootElement, tokens);
        }
        string? text = template ?? inConfig ?? toolUseInConfig;
        return text is null
            ? null
            : new(
                template is not null ? templateFile : $"{configFile}: chat_template",
                text,
                toolUse ?? (template is null ? toolUseInConfig : null),
                tokens
            );
    }

    /// <summary>One template, or a list of named ones.</summary>
    private static (string? Default, string? ToolUse) Templates(JsonPart part)
    {
        if (part.Value.ValueKind != JsonValueKind.Array)
        {
            return (part.TextOrNull(), null);
        }
        Dictionary<string, string> named = part.Items()
            .ToDictionary(t => t["name"].Text(), t => t["template"].Text(), StringComparer.Ordinal);
        return (named.GetValueOrDefault("default"), named.GetValueOrDefault("tool_use"));
    }

    /// <summary>Every key that ends with _token names a special token, as a text or as an object with its content.</summary>
    private static void ReadTokens(JsonElement config, Dictionary<string, Value> tokens)
    {
        foreach (JsonProperty member in config.EnumerateObject())
        {
            if (member.Name.EndsWith("_token", StringComparison.Ordinal) && Content(member.Value) is { Length: > 0 } token)
            {
                tokens[member.Name] = new StringValue(token);
            }
            else if (
                member.Name == "additional_special_tokens"
                && member.Value.ValueKind == JsonValueKind.Array
                && member.Value.GetArrayLength() > 0
            )
            {
                tokens[member.Name] = new ListValue([.. member.Value.EnumerateArray().Select(t => new StringValue(Content(t) ?? ""))]);
            }
        }
    }

    private static string? Content(JsonElement token) =>
        token.ValueKind == JsonValueKind.String ? token.GetString()
        : token.ValueKind == JsonValueKind.Object
        && token.TryGetProperty("content", out JsonElement content)
        && content.ValueKind == JsonValueKind.String
            ? content.GetString()
        : null;
}
