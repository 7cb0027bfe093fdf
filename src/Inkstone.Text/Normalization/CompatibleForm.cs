using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>The compatibility part of Unicode normalization forms KC and KD: ligatures, full-width letters, circled digits and the
/// like.</summary>
internal static class CompatibleForm
{
    private static readonly Dictionary<int, string> Decomposition = Read();

    /// <summary>Every character that form KD changes and form D does not; form C or D of the result is form KC or KD of the text.</summary>
    public static string Decompose(string text)
    {
        StringBuilder made = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            made.Append(Decomposition.TryGetValue(rune.Value, out string? parts) ? parts : rune.ToString());
        }
        return made.ToString();
    }

    private static Dictionary<int, string> Read()
    {
        Dictionary<int, string> made = new();
        foreach (string entry in CompatibilityData.Decompositions.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string[] sides = entry.Split(':'),
                run = sides[0].Split('+');
            int[] parts = [.. sides[1].Split(',').Select(Hex)];
            int first = Hex(run[0]),
                count = run.Length > 1 ? Hex(run[1]) : 1;
            for (int i = 0; i < count; i++)
            {
                made[first + i] = count > 1 ? new Rune(parts[0] + i).ToString() : string.Concat(parts.Select(p => new Rune(p).ToString()));
            }
        }
        return made;
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
