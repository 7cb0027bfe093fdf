using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>A text to which two tokenizers give different ids.</summary>
/// <param name="Text">the text</param>
/// <param name="Plain">whether it is text as people write it: in composed characters, without added tokens</param>
public sealed record TokenizerDifference(string Text, bool Plain);

/// <summary>Compares two tokenizers on texts that have shown differences before: white space, digits, scripts, combining marks, added
/// tokens.</summary>
public static class TokenizerComparison
{
    private const int AddedTokens = 200;

    private static readonly string[] Plain =
    [
        "",
        "a",
        " ",
        "  ",
        "   ",
        "      x",
        " a",
        "a ",
        "a  b",
        "a   b    c     d",
        "Hello, world!",
        "  Hello  world ",
        "hello\nworld",
        "a\n\nb\n\n\nc",
        "a \n b \r\n c\r\n\r\n",
        "\n",
        "\n\n",
        "\t",
        "\ta\t\tb",
        " \t \n ",
        "The quick brown fox jumps over the lazy dog.",
        "I'm sure you're right: they've, we'll, he'd, it's, don't.",
        "I'M SURE YOU'RE RIGHT, THEY'VE, WE'LL, HE'D, IT'S, DON'T",
        "camelCase PascalCase SCREAMING_SNAKE_CASE kebab-case",
        "1 12 123 1234 12345 1234567890",
        "3.14159, 1,000,000.00 and 0x1F",
        "12:30, 2024-01-31",
        "½ ² ٣٤٥ Ⅷ ①",
        "if (x >= 10) {\n    return x * 2;  // twice\n}",
        "def f(a, b=None):\n\treturn [i**2 for i in a]\n",
        "<html><body class=\"x\">&amp;</body></html>",
        "https://example.com/path?q=1&r=%20#top",
        "user@example.com",
        "{\"key\": [1, 2.5, null, true]}",
        "!!! ??? ... --- *** ### @@@ $$$ %%%",
        "(a)[b]{c}<d>",
        "“quotes” ‘single’ — dashes – and … dots",
        "床前明月光，疑是地上霜。",
        "我有3个苹果和12本书。",
        "日本語のテキスト、カタカナとひらがな。",
        "한국어 문장입니다.",
        "Привет, мир! Ёлка",
        "Γειά σου Κόσμε",
        "مرحبا بالعالم",
        "שלום עולם",
        "नमस्ते दुनिया",
        "สวัสดีชาวโลก",
        "Xin chào thế giới",
        "déjà vu, naïve café, Straße, İstanbul",
        "😀 👍🏽 👩‍👩‍👧 🇩🇪",
        "𝒳 𝔘 𠀀𠀁",
        "a\u00A0b\u3000c\u200Bd",
        "１２３ＡＢＣ",
        "ſ K Å",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "                                        x",
        "x\u0001y\u007Fz",
        "\uFEFFtext",
    ];

    private static readonly string[] Hard =
    [
        "e\u0301 A\u030A n\u0303o",
        "\u1112\u1161\u11AB\u1100\u1173\u11AF",
        "ﬁ ㍿ ℃",
        "▁",
        "▁▁",
        "a▁b",
        "<0x41>",
        "\u0300x",
    ];

    /// <summary>Texts that get other ids, with or without the special tokens around a text.</summary>
    public static IReadOnlyList<TokenizerDifference> Compare(Tokenizer first, Tokenizer second)
    {
        string[] added = [.. Enumerable.Range(0, first.VocabularySize).Where(first.IsAdded).Select(first.IdToToken).Take(AddedTokens)];
        IEnumerable<string> around = added.SelectMany(t => new[] { t, $"a{t}b", $"a {t} b", $"{t}\n{t} x" });
        return
        [
            .. Plain
                .Select(t => new TokenizerDifference(t, !added.Any(a => t.Contains(a, StringComparison.Ordinal))))
                .Concat(Hard.Concat(around).Select(t => new TokenizerDifference(t, false)))
                .Where(t => Differ(t.Text)),
        ];

        bool Differ(string text) =>
            !first.Encode(text).AsSpan().SequenceEqual(second.Encode(text))
            || !first.Encode(text, addSpecialTokens: false).AsSpan().SequenceEqual(second.Encode(text, addSpecialTokens: false));
    }
}
