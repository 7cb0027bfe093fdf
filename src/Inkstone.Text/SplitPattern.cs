namespace Inkstone.Text;

/// <summary>Which regular expression cuts text into the words inside which merges may happen.</summary>
public enum SplitPattern
{
    /// <summary>GPT-2: optional space + letters, numbers or punctuation; contractions in lower case only.</summary>
    Gpt2,

    /// <summary>GPT-4 (cl100k): at most three digits together, any non-letter may lead a word.</summary>
    Gpt4,

    /// <summary>nanochat: as GPT-4 with at most two digits together.</summary>
    Nanochat,

    /// <summary>Qwen 2: as GPT-4 with every digit alone.</summary>
    Qwen2,
}

/// <summary>The patterns as they stand in tokenizer.json.</summary>
internal static class SplitRegex
{
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Gpt4 =
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
    public const string Nanochat =
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static string GetPattern(SplitPattern pattern) =>
        pattern switch
        {
            SplitPattern.Gpt2 => Gpt2,
            SplitPattern.Gpt4 => Gpt4,
            SplitPattern.Nanochat => Nanochat,
            SplitPattern.Qwen2 => Qwen2,
            _ => throw new ArgumentOutOfRangeException(
                nameof(pattern),
                pattern,
                "Unknown split pattern; choose gpt2, gpt4, nanochat or qwen2."
            ),
        };
}
