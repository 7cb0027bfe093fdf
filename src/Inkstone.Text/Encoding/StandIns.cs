using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Inkstone.Text;

/// <summary>
/// .NET matches UTF-16 units, to which a letter beyond U+FFFF is no letter. So such a character is matched as another one of its category
/// that
/// the pattern does not name, and each set of such characters in the pattern has stand-ins of its own.
/// </summary>
internal sealed partial class StandIns
{
    private const int Beyond = 0x10000;

    private readonly List<(int Low, int High)> _named = []; // ranges below U+10000
    private readonly List<List<(int Low, int High)>> _sets = []; // sets beyond
    private readonly Dictionary<(UnicodeCategory Category, ulong Sets), char> _stand = [];
    private readonly HashSet<char> _taken = [];

    /// <summary>A range of characters between the brackets of a class.</summary>
    public string Range(int low, int high)
    {
        StringBuilder made = new();
        if (low < Beyond)
        {
            int end = Math.Min(high, Beyond - 1);
            _named.Add((low, end));
            made.Append(CharacterSets.Escape((char)low));
            if (end > low)
            {
                made.Append('-').Append(CharacterSets.Escape((char)end));
            }
        }
        if (high >= Beyond)
        {
            if (_sets.Count == 64)
            {
                throw new ArgumentException("more than 64 ranges beyond U+FFFF are not supported");
            }
            made.Append('<').Append(_sets.Count).Append('>');
            _sets.Add([(Math.Max(low, Beyond), high)]);
        }
        return made.ToString();
    }

    /// <summary>Spells out a script that <see cref="CharacterSets.Property"/> named.</summary>
    public string Note(string set)
    {
        if (set[0] != '<')
        {
            return set;
        }
        (int Low, int High)[] ranges = [.. CharacterSets.Script(set.Trim('<', '>'))];
        string near = string.Concat(ranges.Where(r => r.Low < Beyond).Select(r => Range(r.Low, r.High)));
        List<(int, int)> far = [.. ranges.Where(r => r.Low >= Beyond)];
        if (far.Count == 0)
        {
            return near;
        }
        _sets.Add(far);
        return $"{near}<{_sets.Count - 1}>";
    }

    /// <summary>Keeps a character that the pattern names from standing in for another.</summary>
    public int Mentioned(int c)
    {
        _named.Add((c, c));
        return c;
    }

    /// <summary>The finished pattern: in place of each set beyond U+FFFF what stands for its members.</summary>
    public string Spell(string pattern)
    {
        foreach ((int low, int high) in _sets.SelectMany(s => s))
        {
            for (int c = low; c <= high; c++)
            {
                if (Rune.IsValid(c))
                {
                    Substitute(new Rune(c));
                }
            }
        }
        foreach (UnicodeCategory category in Enum.GetValues<UnicodeCategory>().Where(c => c != UnicodeCategory.Surrogate))
        {
            Stand(category, 0);
        }
        return SetMark()
            .Replace(
                pattern,
                mark =>
                    string.Concat(
                        _stand
                            .Where(s => (s.Key.Sets & (1UL << int.Parse(mark.Groups[1].Value, CultureInfo.InvariantCulture))) != 0)
                            .Select(s => CharacterSets.Escape(s.Value))
                    )
            );
    }

    /// <summary>The UTF-16 unit as which a character is matched.</summary>
    public char Substitute(Rune rune)
    {
        ulong sets = 0;
        if (rune.IsBmp)
        {
            // A stand-in that comes in the text itself is matched as any other of its category.
            return _sets.Count == 0 || !_taken.Contains((char)rune.Value) ? (char)rune.Value : Stand(Rune.GetUnicodeCategory(rune), 0);
        }
        for (int i = 0; i < _sets.Count; i++)
        {
            if (_sets[i].Exists(r => r.Low <= rune.Value && rune.Value <= r.High))
            {
                sets |= 1UL << i;
            }
        }
        return Stand(Rune.GetUnicodeCategory(rune), sets);
    }

    private char Stand(UnicodeCategory category, ulong sets)
    {
        lock (_stand)
        {
            if (_stand.TryGetValue((category, sets), out char found))
            {
                return found;
            }
            for (char c = '\u0080'; c < '\uFFFF'; c++)
            {
                if (
                    CharUnicodeInfo.GetUnicodeCategory(c) == category
                    && !_taken.Contains(c)
                    && !_named.Exists(r => r.Low <= c && c <= r.High)
                )
                {
                    _taken.Add(c);
                    return _stand[(category, sets)] = c;
                }
            }
            // A category with few members, all of them named: any of them.
            return _stand[(category, sets)] = '\uFFFF';
        }
    }

    [GeneratedRegex("<([0-9]+)>")]
    private static partial Regex SetMark();
}
