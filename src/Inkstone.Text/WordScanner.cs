namespace Inkstone.Text;

/// <summary>
/// Cuts valid UTF-8 into words exactly as the GPT-2 and GPT-4 families of regular expressions do, by looking at each character once.
/// Two facts make one scanner serve the whole GPT-4 family: <c>\s*[\r\n]</c> and <c>\s*[\r\n]+</c> both end after the last line break of
/// a run of white space, and the possessive quantifiers never had anything to give back. What remains is how many digits stay together.
/// </summary>
internal sealed class WordScanner
{
    private readonly bool _gpt2;
    private readonly int _digits;

    private WordScanner(bool gpt2, int digits) => (_gpt2, _digits) = (gpt2, digits);

    public static WordScanner For(SplitPattern pattern) => ForRegex(SplitRegex.GetPattern(pattern))!;

    /// <summary>The scanner equal to a pattern, or null when the pattern is not one of the known ones.</summary>
    public static WordScanner? ForRegex(string regex) =>
        regex switch
        {
            SplitRegex.Gpt2 => new(true, 0),
            SplitRegex.Gpt4 or SplitRegex.Llama3 => new(false, 3),
            SplitRegex.Nanochat => new(false, 2),
            SplitRegex.Qwen2 => new(false, 1),
            _ => null,
        };

    /// <summary>Whether the pattern is that of Qwen 2: every digit alone.</summary>
    public bool IsQwen2 => !_gpt2 && _digits == 1;

    /// <summary>End of the word that starts at <paramref name="i"/>; <paramref name="i"/> must be less than the length.</summary>
    public int Next(ReadOnlySpan<byte> s, int i) => _gpt2 ? NextGpt2(s, i) : NextGpt4(s, i);

    private static int NextGpt2(ReadOnlySpan<byte> s, int i)
    {
        byte b = s[i];
        if (b == '\'' && Contraction(s, i, foldCase: false) is > 0 and int end)
        {
            return end;
        }
        byte kind = CharClass.At(s, i, out int size);
        if (kind != CharClass.Space)
        {
            return CharClass.EndOfRun(s, i + size, kind);
        }
        if (b == ' ' && i + 1 < s.Length && CharClass.At(s, i + 1, out size) is not CharClass.Space and byte next)
        {
            return CharClass.EndOfRun(s, i + 1 + size, next);
        }
        return WhiteSpace(s, i, breakAfterLine: false);
    }

    private int NextGpt4(ReadOnlySpan<byte> s, int i)
    {
        byte b = s[i];
        if (b == '\'' && Contraction(s, i, foldCase: true) is > 0 and int end)
        {
            return end;
        }
        byte kind = CharClass.At(s, i, out int size);
        int after = i + size;
        switch (kind)
        {
            case CharClass.Letter:
                return CharClass.EndOfRun(s, after, CharClass.Letter);
            case CharClass.Number:
                for (int n = 1; n < _digits && after < s.Length && CharClass.At(s, after, out size) == CharClass.Number; n++)
                {
                    after += size;
                }
                return after;
        }
        byte next = after < s.Length ? CharClass.At(s, after, out size) : CharClass.Space;
        if (next == CharClass.Letter && b is not ((byte)'\r' or (byte)'\n'))
        {
            return CharClass.EndOfRun(s, after + size, CharClass.Letter);
        }
        if (kind == CharClass.Other)
        {
            return LineBreaks(s, CharClass.EndOfRun(s, after, CharClass.Other));
        }
        if (b == ' ' && next == CharClass.Other)
        {
            return LineBreaks(s, CharClass.EndOfRun(s, after + size, CharClass.Other));
        }
        return WhiteSpace(s, i, breakAfterLine: true);
    }

    /// <summary><c>[\r\n]*</c></summary>
    private static int LineBreaks(ReadOnlySpan<byte> s, int i)
    {
        while (i < s.Length && s[i] is (byte)'\r' or (byte)'\n')
        {
            i++;
        }
        return i;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c> (the first branch only when asked): a run of white space leaves its last character to the
    /// word behind it.</summary>
    private static int WhiteSpace(ReadOnlySpan<byte> s, int start, bool breakAfterLine)
    {
        int i = start,
            last = start,
            afterLine = 0;
        while (i < s.Length && CharClass.At(s, i, out int size) == CharClass.Space)
        {
            last = i;
            i += size;
            if (s[last] is (byte)'\r' or (byte)'\n')
            {
                afterLine = i;
            }
        }
        if (breakAfterLine && afterLine > 0)
        {
            return afterLine;
        }
        return i == s.Length || last == start ? i : last;
    }

    /// <summary>End of 's 't 'm 'd 're 've 'll at <paramref name="i"/>, or 0. Folding case, U+017F (ſ) is an s too.</summary>
    private static int Contraction(ReadOnlySpan<byte> s, int i, bool foldCase)
    {
        if (i + 1 >= s.Length)
        {
            return 0;
        }
        int fold = foldCase ? 0x20 : 0;
        int a = s[i + 1] | fold;
        if (a is 's' or 't' or 'm' or 'd')
        {
            return i + 2;
        }
        if (i + 2 >= s.Length)
        {
            return 0;
        }
        if (foldCase && s[i + 1] == 0xC5 && s[i + 2] == 0xBF)
        {
            return i + 3;
        }
        return (a, s[i + 2] | fold) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? i + 3 : 0;
    }
}
