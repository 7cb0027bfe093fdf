using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>Unicode normalization forms C and D (UAX #15), Hangul by arithmetic.</summary>
internal static class CanonicalForm
{
    private const int HangulBase = 0xAC00,
        LBase = 0x1100,
        VBase = 0x1161,
        TBase = 0x11A7,
        VCount = 21,
        TCount = 28,
        HangulCount = 19 * VCount * TCount;

    private static readonly Dictionary<int, byte> Classes = [];
    private static readonly Dictionary<int, (int First, int Second)> Decomposition = [];
    private static readonly Dictionary<(int First, int Second), int> Composition = [];

    /// <summary>Bit for each code point that may not stand as it is in form C; a text without any is in form C already.</summary>
    private static readonly ulong[] Suspects = new ulong[0x30000 / 64];

    static CanonicalForm()
    {
        foreach (string entry in NormalizationData.CombiningClasses.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = entry.Split(':');
            int first = Hex(parts[0]);
            for (int c = first; c < first + Hex(parts[1]); c++)
            {
                Classes[c] = byte.Parse(parts[2], CultureInfo.InvariantCulture);
                Suspect(c);
            }
        }
        foreach (string entry in NormalizationData.Decompositions.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = entry.TrimStart('!').Split(':', ',');
            int c = Hex(parts[0]);
            Decomposition[c] = (Hex(parts[1]), parts.Length > 2 ? Hex(parts[2]) : 0);
            if (entry[0] == '!')
            {
                Suspect(c);
            }
            else
            {
                Composition[Decomposition[c]] = c;
                Suspect(Decomposition[c].Second);
            }
        }
        for (int c = VBase; c < TBase + TCount; c++)
        {
            Suspect(c);
        }
    }

    public static bool IsSurelyComposed(ReadOnlySpan<byte> text)
    {
        // Nothing below U+0300 (lead byte 0xCC) is suspect.
        int i = text.IndexOfAnyInRange((byte)0xCC, (byte)0xFF);
        while (i >= 0 && i < text.Length)
        {
            if (text[i] < 0xCC)
            {
                i++;
                continue;
            }
            int c = Utf8Bytes.CodePoint(text, i, out int size);
            if (c < 0x30000 && (Suspects[c >> 6] & (1UL << (c & 63))) != 0)
            {
                return false;
            }
            i += size;
        }
        return true;
    }

    public static string Decompose(string text) => Text(Decomposed(text));

    public static string Compose(string text)
    {
        List<int> points = Decomposed(text);
        int starter = -1,
            lastClass = -1,
            n = 0;
        for (int i = 0; i < points.Count; i++)
        {
            int c = points[i],
                kind = Class(c);
            // A mark is blocked from its starter by one of the same or a higher class between them.
            if (starter >= 0 && (lastClass < kind || lastClass == -1) && Pair(points[starter], c) is int composed)
            {
                points[starter] = composed;
                continue;
            }
            (starter, lastClass) = kind == 0 ? (n, -1) : (starter, kind);
            points[n++] = c;
        }
        points.RemoveRange(n, points.Count - n);
        return Text(points);
    }

    private static List<int> Decomposed(string text)
    {
        List<int> points = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Append(rune.Value, points);
        }
        // Marks between starters are put in the order of their classes, equal ones left in place.
        for (int i = 1; i < points.Count; i++)
        {
            int kind = Class(points[i]);
            for (int j = i; kind != 0 && j > 0 && Class(points[j - 1]) > kind; j--)
            {
                (points[j - 1], points[j]) = (points[j], points[j - 1]);
            }
        }
        return points;
    }

    private static void Append(int c, List<int> points)
    {
        if ((uint)(c - HangulBase) < HangulCount)
        {
            int index = c - HangulBase;
            points.Add(LBase + (index / (VCount * TCount)));
            points.Add(VBase + (index / TCount % VCount));
            if (index % TCount != 0)
            {
                points.Add(TBase + (index % TCount));
            }
        }
        else if (Decomposition.TryGetValue(c, out (int First, int Second) parts))
        {
            Append(parts.First, points);
            if (parts.Second != 0)
            {
                Append(parts.Second, points);
            }
        }
        else
        {
            points.Add(c);
        }
    }

    private static int? Pair(int first, int second)
    {
        if ((uint)(first - LBase) < 19 && (uint)(second - VBase) < VCount)
        {
            return HangulBase + ((((first - LBase) * VCount) + second - VBase) * TCount);
        }
        if ((uint)(first - HangulBase) < HangulCount && (first - HangulBase) % TCount == 0 && second > TBase && second < TBase + TCount)
        {
            return first + second - TBase;
        }
        return Composition.TryGetValue((first, second), out int composed) ? composed : null;
    }

    private static int Class(int c) => c < 0x300 ? 0 : Classes.GetValueOrDefault(c);

    private static void Suspect(int c) => Suspects[c >> 6] |= 1UL << (c & 63);

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string Text(List<int> points)
    {
        StringBuilder made = new(points.Count);
        Span<char> units = stackalloc char[2];
        foreach (int c in points)
        {
            made.Append(units[..new Rune(c).EncodeToUtf16(units)]);
        }
        return made.ToString();
    }
}
