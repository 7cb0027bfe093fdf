using System.Collections.Frozen;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// Finds texts of evaluation sets in documents, as GPT-3's authors did (Brown et al. 2020, appendix C): a document that shares a run of n
/// units with a set
/// is dropped. Units are Han characters and other words, without marks and in lower case, so that typesetting hides nothing.
/// </summary>
internal sealed class Contamination
{
    private readonly int _length;
    private readonly FrozenDictionary<ulong, int> _grams;
    private readonly string[] _sets;

    /// <summary>Reads the sets: every text in the records of JSON and Parquet files, every line of others.</summary>
    /// <param name="paths">files and folders</param>
    /// <param name="length">units of a run; shorter texts are not looked for</param>
    public Contamination(IReadOnlyList<string> paths, int length)
    {
        _length = length;
        _sets = [.. InputFiles.Find(paths)];
        Dictionary<ulong, int> grams = [];
        for (int set = 0; set < _sets.Length; set++)
        {
            foreach (string text in Texts(_sets[set]))
            {
                Count++;
                ulong[] hashes = Hashes(text);
                if (hashes.Length < length)
                {
                    Short++;
                }
                for (int i = 0; i + length <= hashes.Length; i++)
                {
                    grams.TryAdd(Hash(hashes, i), set);
                }
            }
        }
        if (grams.Count == 0)
        {
            throw new InvalidDataException(
                $"the evaluation sets ({string.Join(", ", paths)}) hold no text of {length} words or characters: name other files, or a smaller --contamination-length."
            );
        }
        _grams = grams.ToFrozenDictionary();
    }

    /// <summary>Texts of the sets.</summary>
    public int Count { get; }

    /// <summary>Those of them that are too short to be looked for.</summary>
    public int Short { get; }

    /// <summary>The text, or the set of which it holds a run, and how many of its runs are in any.</summary>
    public FilterVerdict Check(string text)
    {
        ulong[] hashes = Hashes(text);
        (int found, string? set) = (0, null);
        for (int i = 0; i + _length <= hashes.Length; i++)
        {
            if (!_grams.TryGetValue(Hash(hashes, i), out int of))
            {
                continue;
            }
            found++;
            set ??= Path.GetFileName(_sets[of]);
        }
        return set is null ? new FilterVerdict(text) : new FilterVerdict(null, set, found);
    }

    private static ulong[] Hashes(string text) =>
        [.. UnitFilter.Units(text).Select(u => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(u.ToLowerInvariant().AsSpan())))];

    private ulong Hash(ulong[] units, int start) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(units.AsSpan(start, _length)));

    private static IEnumerable<string> Texts(string file)
    {
        if (!InputFiles.IsJsonLines(file) && !InputFiles.IsParquet(file))
        {
            return File.ReadLines(file);
        }
        return JsonRecords.Read(file, []).SelectMany(r => Texts(r.Record));
    }

    private static IEnumerable<string> Texts(JsonNode? node) =>
        node switch
        {
            JsonObject record => record.SelectMany(p => Texts(p.Value)),
            JsonArray list => list.SelectMany(Texts),
            JsonValue value when value.TryGetValue(out string? text) => [text],
            _ => [],
        };
}
