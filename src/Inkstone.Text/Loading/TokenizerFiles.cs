using System.Text.Json;

namespace Inkstone.Text;

/// <summary>What a tokenizer is made of: tokenizer.json with every token that stands only beside it, and tokenizer_config.json with every
/// role.</summary>
/// <param name="Json">tokenizer.json</param>
/// <param name="Parts">what it says</param>
/// <param name="Config">tokenizer_config.json</param>
/// <param name="ConfigFile">its name, for messages</param>
/// <param name="ChatTemplate">a template in a file of its own</param>
/// <param name="Undeclared">new tokens that stand nowhere but in a role such as eos_token</param>
internal sealed record TokenizerFiles(
    byte[] Json,
    TokenizerJson Parts,
    byte[]? Config,
    string ConfigFile,
    string? ChatTemplate,
    IReadOnlyList<AddedToken> Undeclared
)
{
    public const string JsonName = "tokenizer.json",
        ConfigName = "tokenizer_config.json",
        TemplateName = "chat_template.jinja";

    /// <summary>Takes both files as they are.</summary>
    public static TokenizerFiles Create(byte[] json, string jsonFile, byte[]? config, string configFile, string? template) =>
        new(json, new TokenizerJson(json, jsonFile), config, configFile, template, []);

    /// <summary>Reads a tokenizer.json and the files beside it.</summary>
    public static TokenizerFiles Read(string file)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string configFile = Path.Combine(directory, ConfigName),
            template = Path.Combine(directory, TemplateName);
        byte[]? config = File.Exists(configFile) ? File.ReadAllBytes(configFile) : null;
        using JsonDocument? map = Open(directory, "special_tokens_map.json"),
            added = Open(directory, "added_tokens.json");
        config = CompanionTokens.WithRoles(config, configFile, Part(map, directory, "special_tokens_map.json"));
        TokenizerFiles plain = Create(
            File.ReadAllBytes(file),
            file,
            config,
            configFile,
            File.Exists(template) ? File.ReadAllText(template) : null
        );
        if (config == null && added == null)
        {
            return plain;
        }
        using JsonDocument roles = TokenizerJson.Parse(config ?? "{}"u8.ToArray(), configFile);
        (IReadOnlyList<AddedToken> tokens, IReadOnlyList<AddedToken> undeclared) = CompanionTokens.Find(
            plain.Parts,
            new JsonPart(roles.RootElement, configFile, ""),
            Part(added, directory, "added_tokens.json")
        );
        if (tokens.Count == 0)
        {
            return plain;
        }
        byte[] json = CompanionTokens.AddTo(plain.Json, tokens);
        return plain with { Json = json, Parts = new TokenizerJson(json, file), Undeclared = undeclared };
    }

    private static JsonDocument? Open(string directory, string name) =>
        File.Exists(Path.Combine(directory, name))
            ? TokenizerJson.Parse(File.ReadAllBytes(Path.Combine(directory, name)), Path.Combine(directory, name))
            : null;

    private static JsonPart Part(JsonDocument? document, string directory, string name) =>
        document == null ? default : new(document.RootElement, Path.Combine(directory, name), "");
}
