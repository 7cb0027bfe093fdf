using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>
/// Which of some texts share a run of n units with documents, as GPT-3's authors looked for contamination (arXiv:2005.14165, appendix C).
/// Units are Han characters and other words,
/// without marks and in lower case. Texts shorter than a run are looked for as a whole.
/// </summary>
public sealed class TextOverlap
{
    private readonly Dictionary<ulong, List<int>> _runs = [];
    private readonly Dictionary<int, int> _lengths = []; // length → texts that have runs of it

    /// <summary>Takes the texts; nothing is read yet.</summary>
    /// <param name="texts">what is looked for</param>
    /// <param name="length">units of a run</param>
    /// <param name="least">fewest units of a text that is looked for as a whole: "yes" is everywhere</param>
    public TextOverlap(IReadOnlyList<string> texts, int length, int least = 5)
    {
        for (int text = 0; text < texts.Count; text++)
        {
            ulong[] units = Hashes(texts[text]);
            int run = Math.Min(length, units.Length);
            if (run < least)
            {
                continue;
            }
            Looked++;
            _lengths[run] = _lengths.GetValueOrDefault(run) + 1;
            for (int i = 0; i + run <= units.Length; i++)
            {
                ulong hash = Hash(units, i, run);
                if (!_runs.TryGetValue(hash, out List<int>? of))
                {
                    _runs.Add(hash, of = []);
                }
                if (of.Count == 0 || of[^1] != text)
                {
                    of.Add(text);
                }
            }
        }
    }

    /// <summary>Texts that are long enough to be looked for.</summary>
    public int Looked { get; }

    /// <summary>Texts that have been found so far, by their numbers.</summary>
    public SortedSet<int> Found { get; } = [];

    /// <summary>Looks through a document.</summary>
    public void Look(string document)
    {
        ulong[] units = Hashes(document);
        foreach (int run in _lengths.Keys)
        {
            for (int i = 0; i + run <= units.Length; i++)
            {
                if (_runs.TryGetValue(Hash(units, i, run), out List<int>? of))
                {
                    Found.UnionWith(of);
                }
            }
        }
    }

    private static ulong[] Hashes(string text) =>
        [.. UnitFilter.Units(text).Select(u => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(u.ToLowerInvariant().AsSpan())))];

    private static ulong Hash(ulong[] units, int start, int length) =>
        XxHash3.HashToUInt64(MemoryMarshal.AsBytes(units.AsSpan(start, length)), length);
}
