using System.Text;

namespace Inkstone.Text;

/// <summary>Rewrites <c>x?+</c>, <c>x*+</c> and <c>x++</c>, which .NET lacks, as <c>(?>x?)</c>, <c>(?>x*)</c> and <c>(?>x+)</c>, which mean the same.</summary>
internal static class PossessiveQuantifiers
{
    public static string ToAtomicGroups(string pattern)
    {
        var made = new StringBuilder();
        var openGroups = new Stack<int>();
        int atom = 0;
        for (int i = 0; i < pattern.Length;)
        {
            int start = made.Length;
            switch (pattern[i])
            {
                case '(':
                    openGroups.Push(start);
                    made.Append(pattern[i++]);
                    // The ? of (?: and (?= is no quantifier.
                    if (i < pattern.Length && pattern[i] == '?')
                    {
                        made.Append(pattern[i++]);
                    }
                    continue;
                case ')':
                    made.Append(pattern[i++]);
                    atom = openGroups.Count > 0 ? openGroups.Pop() : start;
                    break;
                default:
                    int end = EndOfAtom(pattern, i);
                    made.Append(pattern, i, end - i);
                    i = end;
                    atom = start;
                    break;
            }
            int quantifier = EndOfQuantifier(pattern, i);
            if (quantifier == i)
            {
                continue;
            }
            made.Append(pattern, i, quantifier - i);
            i = quantifier;
            // In Oniguruma {n,m}+ is a repeated repetition, not a possessive one.
            if (i < pattern.Length && pattern[i] == '+' && pattern[i - 1] != '}')
            {
                made.Insert(atom, "(?>").Append(')');
                i++;
            }
            else if (i < pattern.Length && pattern[i] is '?' or '+')
            {
                made.Append(pattern[i++]);
            }
        }
        return made.ToString();
    }

    private static int EndOfAtom(string p, int i)
    {
        if (p[i] == '\\')
        {
            bool property = i + 2 < p.Length && p[i + 1] is 'p' or 'P' && p[i + 2] == '{';
            int close = property ? p.IndexOf('}', i) : -1;
            return close >= 0 ? close + 1 : Math.Min(p.Length, i + 2);
        }
        if (p[i] != '[')
        {
            return i + 1;
        }
        int end = i + 1;
        if (end < p.Length && p[end] == '^')
        {
            end++;
        }
        for (bool first = true; end < p.Length && (first || p[end] != ']'); first = false)
        {
            end += p[end] == '\\' ? 2 : 1;
        }
        return Math.Min(p.Length, end + 1);
    }

    private static int EndOfQuantifier(string p, int i)
    {
        if (i >= p.Length)
        {
            return i;
        }
        if (p[i] is '?' or '*' or '+')
        {
            return i + 1;
        }
        int close = p[i] == '{' ? p.IndexOf('}', i) : -1;
        return close > 0 && p.AsSpan(i + 1, close - i - 1).Trim("0123456789,").IsEmpty ? close + 1 : i;
    }
}
