namespace Inkstone.Formats;

/// <summary>One way to cut text into words.</summary>
/// <param name="Names">llama.cpp's names for it, the one to write first</param>
/// <param name="Patterns">the regular expressions as tokenizer.json has them, one behind the other</param>
/// <param name="IgnoresMerges">whether a word that is a token needs no merges</param>
internal sealed record SplitPatterns(string[] Names, string[] Patterns, bool IgnoresMerges = false)
{
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    public const string Digit = @"\p{N}";
    public const string Digits = @"\p{N}+";
    public const string Punctuation = @"[\p{P}\$\+<=>\^~\|`]+";

    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Rest = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Other = @" ?[^\s\p{L}\p{N}]+[\r\n]*|" + Rest;
    private const string Word = @"[^\r\n\p{L}\p{N}]?\p{L}+";
    private const string Qwen2 = Contraction + "|" + Word + @"|\p{N}|" + Other;
    private const string Llama3 = Contraction + "|" + Word + @"|\p{N}{1,3}|" + Other;
    private const string Lead = @"[^\r\n\p{L}\p{N}]?",
        Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]",
        Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string UpperNotHan = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]",
        LowerNotHan = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]";
    private const string Gpt4o =
        Lead
        + Upper
        + "*"
        + Lower
        + "+"
        + Contraction
        + "?|"
        + Lead
        + Upper
        + "+"
        + Lower
        + "*"
        + Contraction
        + @"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
        + Rest;
    private const string DeepSeek =
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + Rest;
    private const string HanAndKana = "[一-龥぀-ゟ゠-ヿ]+";
    private const string Latin =
        "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481"
        + "\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D"
        + "\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F"
        + "\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A"
        + "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
    private const string Unbroken = @" ?[^(\s|.,!?…。，、।۔،)]+";

    /// <summary>Spellings that cut alike.</summary>
    private static readonly Dictionary<string, string> Same = new(StringComparer.Ordinal)
    {
        // cl100k's own: the possessive quantifiers never give anything back, and \s*[\r\n] ends where \s*[\r\n]+ does.
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"] = Llama3,
        [
            @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]++[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ] = DeepSeek,
        ["[0-9][0-9][0-9]"] = "[0-9]{3}",
        ["\\p{N}{1}"] = Digit,
        [" ?[^(\\s|[.,!?…。，、।۔،])]+"] = Unbroken,
    };

    /// <summary>All that llama.cpp knows for byte-level vocabularies.</summary>
    public static SplitPatterns[] All { get; } =
    [
        new(
            [
                "gpt-2",
                "phi-2",
                "mpt",
                "olmo",
                "jais",
                "trillion",
                "granite-docling",
                "exaone4",
                "roberta-bpe",
                "gigachat",
                "jina-es",
                "jina-de",
                "jina-v1-en",
                "jina-v2-es",
                "jina-v2-de",
                "jina-v2-code",
                "a.x-4.0",
                "mellum",
                "modern-bert",
            ],
            [Gpt2]
        ),
        new(["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], [Digit, Gpt2]),
        new(
            ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"],
            [Llama3],
            IgnoresMerges: true
        ),
        new(["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], [Llama3]),
        new(["qwen2", "deepseek-r1-qwen", "megrez", "hunyuan", "stablelm2", "solar-open", "grok-2", "kormo", "f2llmv2"], [Qwen2]),
        new(["qwen35"], [Contraction + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Rest]),
        new(["deepseek-llm"], ["[\r\n]", Latin, @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", "[一-龥ࠀ-一가-퟿]+", Digits]),
        new(["deepseek-coder"], ["[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", Digit]),
        new(["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], [@"\p{N}{1,3}", HanAndKana, DeepSeek]),
        new(
            ["spark2.5"],
            [@"\p{N}{1,3}", HanAndKana, DeepSeek.Replace("[\\r\\n]*|" + Rest, @"|[\r\n]|\s+(?!\S)|\s+", StringComparison.Ordinal), Digit]
        ),
        new(["falcon"], [Punctuation, Gpt2, "[0-9]{3}"]),
        new(["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], [Gpt4o]),
        new(["granite-embed-multi-97m"], [Gpt4o], IgnoresMerges: true),
        new(
            ["tekken"],
            [Lead + Upper + "*" + Lower + "+|" + Lead + Upper + "+" + Lower + @"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Rest],
            IgnoresMerges: true
        ),
        new(
            ["kimi-k2"],
            [
                @"[\p{Han}]+|"
                    + Lead
                    + UpperNotHan
                    + "*"
                    + LowerNotHan
                    + "+"
                    + Contraction
                    + "?|"
                    + Lead
                    + UpperNotHan
                    + "+"
                    + LowerNotHan
                    + "*"
                    + Contraction
                    + @"?|\p{N}{1,3}|"
                    + Other,
            ]
        ),
        new(["tiny_aya", "cohere2moe"], [@"\d{1,3}(?=(?:\d{3})*\b)", Gpt4o]),
        new(
            ["youtu"],
            [
                "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|" + HanAndKana,
                Lead
                    + Upper
                    + "*"
                    + Lower
                    + "+"
                    + Contraction
                    + "?|"
                    + Lead
                    + Upper
                    + "+"
                    + Lower
                    + "*"
                    + Contraction
                    + @"?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
                    + Rest,
            ],
            IgnoresMerges: true
        ),
        new(["poro-chat", "bloom", "gpt3-finnish"], [Unbroken]),
        new(["viking"], [Unbroken, Digit]),
        new(
            ["chameleon"],
            ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", @"([\t\n]|    |  )", Digit, @"[\p{P}!-/:-@\[-`{-~]", Gpt2]
        ),
        new(["superbpe"], [Digits, @"(?=(\d{3})+(?!\d))"]),
        new(
            ["bailingmoe", "bailingmoe2", "llada-moe"],
            [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"]
        ),
        new(["seed-coder"], [Contraction + "|" + Word + @"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + Rest]),
        new(["ufakzeka"], [Word + @"|\p{N}|" + Other]),
        new(
            ["afmoe"],
            [
                @"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
                "[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E00-\u0E7F\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF]+",
                DeepSeek,
            ]
        ),
        new(["laguna"], [@"[^\n]+|[\n]+", Qwen2]),
        new(
            ["exaone-moe"],
            [Contraction + @"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"]
        ),
        new(["minicpm5"], [@"\p{N}{1,3}", Contraction + "|" + Word + @"|\p{N}+|" + Other]),
        new(
            ["jais-2"],
            [
                Contraction
                    + "|"
                    + Word
                    + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}",
            ]
        ),
        new(["default"], [@"[\p{P}\$\+<=>\^~\|]+", Gpt2, Digits, "[0-9]{3}"]),
    ];

    /// <summary>Whether these patterns cut as others do.</summary>
    public bool Cuts(IReadOnlyList<string?> patterns) =>
        patterns.Count == Patterns.Length && Patterns.Zip(patterns).All(p => p.Second is not null && Plain(p.First) == Plain(p.Second));

    private static string Plain(string pattern) => Same.GetValueOrDefault(pattern, pattern);
}
