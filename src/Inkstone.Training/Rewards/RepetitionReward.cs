using System.Text;

namespace Inkstone.Training;

/// <summary>
/// From 0 down to −1: minus the share of runs of <c>n</c> units that stand in the answer already. Units are words, but each character of a
/// script that writes no blanks between words
/// is one, or a Chinese answer would be one word that never repeats itself.
/// </summary>
internal static class RepetitionReward
{
    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        int n = s.Integer("n", 3, 1, 100);
        return _ => new EachReward(a => -Share(a.Answer, n));
    }

    /// <summary>Share of runs of units that have stood before.</summary>
    public static double Share(string text, int n)
    {
        List<string> units = Units(text);
        int count = units.Count - n + 1;
        if (count <= 0)
        {
            return 0;
        }
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            seen.Add(string.Join('\0', units.Skip(i).Take(n)));
        }
        return 1 - (double)seen.Count / count;
    }

    private static List<string> Units(string text)
    {
        List<string> units = [];
        StringBuilder word = new();
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool alone = IsAlone(rune.Value);
            if ((alone || !Rune.IsLetterOrDigit(rune)) && word.Length > 0)
            {
                units.Add(word.ToString());
                word.Clear();
            }
            if (alone)
            {
                units.Add(rune.ToString());
            }
            else if (Rune.IsLetterOrDigit(rune))
            {
                word.Append(rune.ToString().ToLowerInvariant());
            }
        }
        if (word.Length > 0)
        {
            units.Add(word.ToString());
        }
        return units;
    }

    /// <summary>Chinese characters, kana, Thai, Lao, Khmer and Burmese letters.</summary>
    private static bool IsAlone(int c) =>
        c
            is >= 0x2E80
                and <= 0x2FDF
                or >= 0x3040
                and <= 0x30FF
                or >= 0x3400
                and <= 0x9FFF
                or >= 0xF900
                and <= 0xFAFF
                or >= 0x20000
                and <= 0x3FFFF
                or >= 0x0E00
                and <= 0x0EFF
                or >= 0x1000
                and <= 0x109F
                or >= 0x1780
                and <= 0x17FF;
}
