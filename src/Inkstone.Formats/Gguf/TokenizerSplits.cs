using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// How text is cut into words before merging: llama.cpp has a name for each known tokenizer (tokenizer.ggml.pre), tokenizer.json has steps.
/// Both are
/// regular expressions, one behind the other, each of which cuts its matches out (<see cref="SplitPatterns"/>).
/// </summary>
internal static class TokenizerSplits
{
    /// <summary>tokenizer.json's pre_tokenizer, and whether whole words in the vocabulary need no merges.</summary>
    public static (JsonNode PreTokenizer, bool IgnoresMerges) Steps(string name, string file)
    {
        SplitPatterns known =
            SplitPatterns.All.FirstOrDefault(p => p.Names.Contains(name))
            ?? throw new InvalidDataException(
                $"{file}: tokenizer.ggml.pre \"{name}\" is not known here; known are {string.Join(", ", SplitPatterns.All.SelectMany(p => p.Names).Order(StringComparer.Ordinal))}."
            );
        bool gpt2 = known.Patterns[^1] == SplitPatterns.Gpt2; // ByteLevel's own
        List<JsonNode> steps = [.. known.Patterns.SkipLast(gpt2 ? 1 : 0).Select(Split), ByteLevel(gpt2)];
        return (
            steps.Count == 1 ? steps[0] : new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([.. steps]) },
            known.IgnoresMerges
        );
    }

    /// <summary>llama.cpp's name for a tokenizer.json's steps.</summary>
    public static string Name(JsonNode? preTokenizer, bool ignoresMerges, string file)
    {
        JsonNode[] steps = [.. Flat(preTokenizer)];
        string?[] patterns = [.. steps.SelectMany(Pattern)];
        bool bytes = steps.Any(s => Type(s) == "ByteLevel" && s["add_prefix_space"]?.GetValue<bool>() != true);
        SplitPatterns[] alike = [.. SplitPatterns.All.Where(p => bytes && p.Cuts(patterns))];
        return (alike.FirstOrDefault(p => p.IgnoresMerges == ignoresMerges) ?? alike.FirstOrDefault())?.Names[0]
            ?? throw new InvalidDataException(
                $"{file}: llama.cpp has no name for this pre_tokenizer, so GGUF cannot hold it; it has names for the patterns of GPT-2, GPT-4, GPT-4o, Qwen 2, Llama 3, DeepSeek and others ({SplitPatterns.All.Length} of them)."
            );
    }

    public static JsonObject ByteLevel(bool useRegex) =>
        new()
        {
            ["type"] = "ByteLevel",
            ["add_prefix_space"] = false,
            ["trim_offsets"] = true,
            ["use_regex"] = useRegex,
        };

    private static JsonObject Split(string regex) =>
        regex == SplitPatterns.Digit
            ? new() { ["type"] = "Digits", ["individual_digits"] = true }
            : new()
            {
                ["type"] = "Split",
                ["pattern"] = new JsonObject { ["Regex"] = regex },
                ["behavior"] = "Isolated",
                ["invert"] = false,
            };

    private static IEnumerable<JsonNode> Flat(JsonNode? step) =>
        step is null ? []
        : Type(step) == "Sequence" ? step["pretokenizers"]!.AsArray().SelectMany(Flat)
        : [step];

    /// <summary>The pattern that a step cuts by; null stands for a step that is none.</summary>
    private static IEnumerable<string?> Pattern(JsonNode step) =>
        Type(step) switch
        {
            "ByteLevel" => step["use_regex"]?.GetValue<bool>() != false ? [SplitPatterns.Gpt2] : [],
            "Digits" => [step["individual_digits"]?.GetValue<bool>() == true ? SplitPatterns.Digit : SplitPatterns.Digits],
            "Punctuation" when step["behavior"]?.GetValue<string>() == "Contiguous" => [SplitPatterns.Punctuation],
            // The patterns that cover all text: keeping the matches and dropping what lies between is the same.
            "Split"
                when step["behavior"]?.GetValue<string>() is "Isolated" or "Removed"
                    && (step["invert"]?.GetValue<bool>() == true || step["behavior"]!.GetValue<string>() == "Isolated") =>
            [
                step["pattern"]?["Regex"]?.GetValue<string>(),
            ],
            _ => [null],
        };

    private static string Type(JsonNode step) => step["type"]?.GetValue<string>() ?? "";
}
