using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>Computes the exact similarity of candidates, but of those whose sketches (<see cref="MinHash.MostDifferent"/>) say that they
/// are far apart.</summary>
internal sealed class PairComparer(SpooledTexts texts, NearDuplicateOptions options, int mostDifferent, ParallelOptions parallel)
{
    private const int MostInMemory = 1 << 23,
        Chunk = 2048;

    /// <summary>Gives those pairs of a candidate file that are near, in order; returns how many different candidates there were.</summary>
    /// <remarks>A file with more candidates than memory holds is read several times, each time for a range of first rows.</remarks>
    public long Compare(string file, Action<ReadOnlySpan<NearPair>> give)
    {
        long compared = 0;
        ulong from = 0;
        while (true)
        {
            (ulong[] candidates, ulong? next) = Read(file, from);
            compared += candidates.Length;
            int chunks = (candidates.Length + Chunk - 1) / Chunk;
            List<NearPair>[] found = new List<NearPair>[chunks];
            Parallel.For(
                0,
                chunks,
                parallel,
                () => new Scratch(options.Shingles),
                (chunk, _, scratch) =>
                {
                    found[chunk] = Compare(candidates.AsSpan(chunk * Chunk, Math.Min(Chunk, candidates.Length - chunk * Chunk)), scratch);
                    return scratch;
                },
                _ => { }
            );
            foreach (List<NearPair> pairs in found)
            {
                give(CollectionsMarshal.AsSpan(pairs));
            }
            if (next is null)
            {
                return compared;
            }
            from = next.Value;
        }
    }

    private List<NearPair> Compare(ReadOnlySpan<ulong> candidates, Scratch scratch)
    {
        List<NearPair> found = [];
        SpooledTexts.Entry first = default;
        (uint? row, uint? filled) = (null, null);
        foreach (ulong pair in candidates)
        {
            uint a = (uint)(pair >> 32),
                b = (uint)pair;
            if (row != a)
            {
                (row, first) = (a, texts.Find(a));
            }
            SpooledTexts.Entry second = texts.Find(b);
            UInt128 differ = first.Sketch ^ second.Sketch;
            if ((int)UInt128.PopCount(differ) > mostDifferent)
            {
                continue;
            }
            if (filled != a)
            {
                scratch.Set.Fill(scratch.Shingler.Hash(texts.Read(first, ref scratch.Bytes, ref scratch.Text)));
            }

            filled = a;
            int common = scratch.Set.Common(scratch.Shingler.Hash(texts.Read(second, ref scratch.Bytes, ref scratch.Text))),
                union = first.Shingles + second.Shingles - common;
            if ((double)common / union >= options.Threshold)
            {
                found.Add(new NearPair(a, b, (uint)common, (uint)union));
            }
        }
        return found;
    }

    /// <summary>The candidates from a value on, sorted and without repetitions, and where to go on if that is not all.</summary>
    private static (ulong[] Candidates, ulong? Next) Read(string path, ulong from)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        List<ulong> kept = [];
        ulong limit = ulong.MaxValue;
        ulong[] block = new ulong[1 << 16];
        int read;
        while (
            (read = file.ReadAtLeast(MemoryMarshal.AsBytes(block.AsSpan()), block.Length * sizeof(ulong), throwOnEndOfStream: false)) > 0
        )
        {
            foreach (ulong pair in block.AsSpan(0, read / sizeof(ulong)))
            {
                if (pair >= from && pair < limit)
                {
                    kept.Add(pair);
                }
            }
            if (kept.Count > MostInMemory)
            {
                Shrink();
            }
        }
        Distinct();
        return ([.. kept], limit == ulong.MaxValue ? null : limit);

        void Shrink()
        {
            Distinct();
            if (kept.Count <= MostInMemory / 2)
            {
                return;
            }
            limit = kept[MostInMemory / 2];
            kept.RemoveRange(MostInMemory / 2, kept.Count - MostInMemory / 2);
        }

        void Distinct()
        {
            kept.Sort();
            int count = 0;
            for (int i = 0; i < kept.Count; i++)
            {
                if (i == 0 || kept[i] != kept[i - 1])
                {
                    kept[count++] = kept[i];
                }
            }
            kept.RemoveRange(count, kept.Count - count);
        }
    }

    /// <summary>What one thread needs.</summary>
    private sealed class Scratch(ShingleKind kind)
    {
        public byte[] Bytes = [];
        public char[] Text = [];

        public Shingler Shingler { get; } = new(kind);

        public ShingleSet Set { get; } = new();
    }
}
