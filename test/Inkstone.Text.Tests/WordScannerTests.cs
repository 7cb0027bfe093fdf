using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Text.Tests;

/// <summary>The hand-written scanners against .NET's regular expressions on hard and random text.</summary>
public sealed partial class WordScannerTests
{
    // In .NET: possessive quantifiers as atomic groups, and U+017F beside s, which .NET's case folding leaves out.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2();

    [GeneratedRegex(
        @"'(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|(?>[^\r\n\p{L}\p{N}]?)\p{L}+|\p{N}{1,3}| ?(?>[^\s\p{L}\p{N}]+)[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    )]
    private static partial Regex Gpt4();

    [GeneratedRegex(
        @"'(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|(?>[^\r\n\p{L}\p{N}]?)\p{L}+|\p{N}{1,2}| ?(?>[^\s\p{L}\p{N}]+)[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    )]
    private static partial Regex Nanochat();

    [GeneratedRegex(
        @"'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )]
    private static partial Regex Qwen2();

    private static Regex RegexOf(SplitPattern pattern) =>
        pattern switch
        {
            SplitPattern.Gpt2 => Gpt2(),
            SplitPattern.Gpt4 => Gpt4(),
            SplitPattern.Nanochat => Nanochat(),
            _ => Qwen2(),
        };

    public static TheoryData<SplitPattern> Patterns => [SplitPattern.Gpt2, SplitPattern.Gpt4, SplitPattern.Nanochat, SplitPattern.Qwen2];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Scanner_equals_regex_on_hard_text(SplitPattern pattern) =>
        Compare(
            pattern,
            "I'm you'RE 'sit '\u017Fo don't\r\n\r\n  if (x >= 10) { return \"价格：１２３４\"; }\t \n\n",
            new string(' ', 50) + "x" + new string('\n', 50) + "\t\t "
        );

    [GoldenTheory("goldens/tokenizers")]
    [MemberData(nameof(Patterns))]
    public void Scanner_equals_regex_on_golden_text(SplitPattern pattern) =>
        Compare(pattern, [.. Goldens.Texts(Goldens.Of("tokenizers")).Where(t => !t.Any(char.IsSurrogate))]);

    /// <summary>Text made of the characters that patterns tell apart, so that every alternative meets every other.</summary>
    [Theory]
    [MemberData(nameof(Patterns))]
    public void Scanner_equals_regex_on_random_text(SplitPattern pattern)
    {
        string[] alphabet =
        [
            " ",
            " ",
            "\n",
            "\r",
            "\t",
            "\u00A0",
            "\u3000",
            "\u2028",
            "\u0085",
            "'",
            "'",
            "s",
            "T",
            "ſ",
            "l",
            "L",
            "ve",
            "RE",
            "d",
            "m",
            "é",
            "你",
            "好",
            "。",
            "！",
            "1",
            "2",
            "٣",
            "ⅷ",
            "½",
            "-",
            "!",
            "\u0301",
            "\u200B",
            "\uFEFF",
            "\0",
            "Ⓐ",
            "한",
        ];
        Random random = new(7);
        for (int round = 0; round < 20_000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 24)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            string.Join('|', Scanned(pattern, text)).ShouldBe(string.Join('|', Matched(pattern, text)), $"{pattern}, round {round}");
        }
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Scanner_equals_regex_on_every_character_of_the_first_plane(SplitPattern pattern)
    {
        for (int c = 0; c < 0x10000; c++)
        {
            if (c is >= 0xD800 and < 0xE000)
            {
                continue;
            }
            string text = $"a{(char)c}b {(char)c}1{(char)c}{(char)c}";
            string.Join('|', Scanned(pattern, text)).ShouldBe(string.Join('|', Matched(pattern, text)), $"{pattern}, U+{c:X4}");
        }
    }

    /// <summary>Outside the first plane .NET sees surrogates, so a character of the same kind stands in for the comparison.</summary>
    [Theory]
    [MemberData(nameof(Patterns))]
    public void Scanner_knows_letters_and_numbers_of_other_planes(SplitPattern pattern)
    {
        const string Far = "ab𠀀𠀁 𝒳𝔘 𐅀𐅁x 𝟘𝟙 👍🏽!\n😀 'S";
        string near = Far.Replace("𠀀", "一")
            .Replace("𠀁", "丁")
            .Replace("𝒳", "X")
            .Replace("𝔘", "U")
            .Replace("𐅀", "ⅷ")
            .Replace("𐅁", "ⅷ")
            .Replace("𝟘", "0")
            .Replace("𝟙", "1")
            .Replace("👍", "+")
            .Replace("🏽", "^")
            .Replace("😀", "☺");
        Scanned(pattern, Far).Select(w => w.EnumerateRunes().Count()).ShouldBe(Matched(pattern, near).Select(w => w.Length));
    }

    [Fact]
    public void Possessive_quantifiers_become_atomic_groups()
    {
        new Regex(OnigurumaPattern.Translate(SplitRegex.Gpt4).Pattern)
            .Matches("Hello, wor1234")
            .Select(m => m.Value)
            .ShouldBe(["Hello", ",", " wor", "123", "4"]);
        Regex possessive = new($"^(?:{OnigurumaPattern.Translate("(?:a|b)*+b|c?+c|x{2}+").Pattern})$");
        possessive.IsMatch("aab").ShouldBeFalse();
        possessive.IsMatch("c").ShouldBeFalse();
        possessive.IsMatch("xxxx").ShouldBeTrue();
    }

    private static void Compare(SplitPattern pattern, params string[] texts)
    {
        foreach (string text in texts)
        {
            Scanned(pattern, text).ShouldBe(Matched(pattern, text), $"{pattern}: {text}");
        }
    }

    private static List<string> Scanned(SplitPattern pattern, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        WordScanner scanner = WordScanner.For(pattern);
        List<string> words = new();
        for (int i = 0; i < utf8.Length; )
        {
            int end = scanner.Next(utf8, i);
            end.ShouldBeGreaterThan(i);
            words.Add(Encoding.UTF8.GetString(utf8.AsSpan(i..end)));
            i = end;
        }
        return words;
    }

    private static IEnumerable<string> Matched(SplitPattern pattern, string text) => RegexOf(pattern).Matches(text).Select(m => m.Value);
}
