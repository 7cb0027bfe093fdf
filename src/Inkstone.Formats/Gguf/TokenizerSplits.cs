using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// How text is cut into words before merging: llama.cpp has a name for each known tokenizer (tokenizer.ggml.pre), tokenizer.json has steps.
/// </summary>
internal static class TokenizerSplits
{
    private const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>cl100k's own spelling, which cuts as Llama 3's does.</summary>
    private const string Gpt4 = @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";

    private static readonly string[] Gpt2Names = ["gpt-2", "default", "phi-2", "mpt", "olmo", "roberta-bpe", "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code", "gigachat"];
    private static readonly string[] DigitNames = ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"];
    private static readonly string[] Llama3Names = ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"];
    private static readonly string[] Gpt4Names = ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"];
    private static readonly string[] Qwen2Names = ["qwen2", "deepseek-r1-qwen", "megrez", "hunyuan", "stablelm2"];

    /// <summary>tokenizer.json's pre_tokenizer, whether it composes characters first (NFC), and whether whole words in the vocabulary need no merges.</summary>
    public static (JsonNode PreTokenizer, bool Composes, bool IgnoresMerges) Steps(string name, string file)
        => Gpt2Names.Contains(name) ? (ByteLevel(useRegex: true), false, false)
        : DigitNames.Contains(name) ? (Sequence(new JsonObject { ["type"] = "Digits", ["individual_digits"] = true }, ByteLevel(useRegex: true)), false, false)
        : Llama3Names.Contains(name) ? (Sequence(Split(Llama3), ByteLevel(useRegex: false)), false, true)
        : Gpt4Names.Contains(name) ? (Sequence(Split(Llama3), ByteLevel(useRegex: false)), false, false)
        : Qwen2Names.Contains(name) ? (Sequence(Split(Qwen2), ByteLevel(useRegex: false)), true, false)
        : throw new InvalidDataException($"{file}: tokenizer.ggml.pre \"{name}\" is not known here; known are "
            + string.Join(", ", (string[])[.. Gpt2Names, .. DigitNames, .. Llama3Names, .. Gpt4Names, .. Qwen2Names]) + ".");

    /// <summary>llama.cpp's name for a tokenizer.json's steps.</summary>
    public static string Name(JsonNode? preTokenizer, bool ignoresMerges, string file)
    {
        JsonNode[] steps = preTokenizer?["type"]?.GetValue<string>() == "Sequence" ? [.. preTokenizer["pretokenizers"]!.AsArray().Select(s => s!)] : preTokenizer is null ? [] : [preTokenizer];
        string[] types = [.. steps.Select(s => s["type"]?.GetValue<string>() ?? "")];
        bool regex = steps.Length > 0 && (steps[^1]["use_regex"]?.GetValue<bool>() ?? true);
        string? pattern = types.Length > 0 && types[0] == "Split" ? steps[0]["pattern"]?["Regex"]?.GetValue<string>() : null;
        return (types, pattern) switch
        {
            (["ByteLevel"], _) when regex => "gpt-2",
            (["Digits", "ByteLevel"], _) when regex && steps[0]["individual_digits"]?.GetValue<bool>() == true => "smollm",
            (["Split", "ByteLevel"], Qwen2) when !regex => "qwen2",
            (["Split", "ByteLevel"], Llama3 or Gpt4) when !regex => ignoresMerges ? "llama-bpe" : "dbrx",
            _ => throw new InvalidDataException($"{file}: llama.cpp has no name for this pre_tokenizer, so GGUF cannot hold it; it has one for the patterns gpt2, gpt4 and qwen2, and for single digits before gpt2."),
        };
    }

    public static JsonObject ByteLevel(bool useRegex) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = useRegex };

    private static JsonObject Sequence(JsonNode first, JsonNode second) => new() { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray(first, second) };

    private static JsonObject Split(string regex)
        => new() { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = regex }, ["behavior"] = "Isolated", ["invert"] = false };
}
