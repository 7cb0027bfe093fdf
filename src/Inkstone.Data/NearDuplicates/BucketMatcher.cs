using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>Finds rows with equal keys in bucket files.</summary>
/// <param name="threshold">Pairs whose sizes alone keep them below it are left out.</param>
/// <param name="window">Rows before a row in its bucket with which it is paired.</param>
/// <param name="memory">Bytes of a file that may be in memory: a larger one is read several times, each time for a part of its
/// keys.</param>
internal sealed class BucketMatcher(double threshold, int window, long memory)
{
    private const int Batch = 1 << 15;

    /// <summary>Gives candidates, earlier row in the upper half, in batches and with repetitions; returns how many rows had more neighbours
    /// than the window holds.</summary>
    public long Match(string file, Action<List<ulong>> give)
    {
        long length = new FileInfo(file).Length,
            cut = 0;
        int passes = (int)(length / memory) + 1;
        List<ulong> pairs = new(Batch);
        for (int pass = 0; pass < passes; pass++)
        {
            BucketRecord[] records = Read(file, length, pass, passes);
            Array.Sort(records);
            for (int start = 0, end; start < records.Length; start = end)
            {
                for (end = start + 1; end < records.Length && records[end].Key == records[start].Key; end++) { }
                if (end - start > window)
                {
                    cut += end - start - window;
                }
                Pair(records.AsSpan(start, end - start), pairs, give);
            }
        }
        give(pairs);
        return cut;
    }

    private void Pair(ReadOnlySpan<BucketRecord> bucket, List<ulong> pairs, Action<List<ulong>> give)
    {
        for (int j = 1; j < bucket.Length; j++)
        {
            BucketRecord b = bucket[j];
            for (int i = Math.Max(0, j - window); i < j; i++)
            {
                BucketRecord a = bucket[i];
                if (Math.Min(a.Shingles, b.Shingles) < threshold * Math.Max(a.Shingles, b.Shingles))
                {
                    continue; // |A ∩ B| / |A ∪ B| ≤ smaller / larger
                }
                if (a.Text == b.Text && a.Shingles == b.Shingles && !b.IsFirstBand)
                {
                    continue;
                }
                pairs.Add((ulong)a.Row << 32 | b.Row);
            }
            if (pairs.Count < Batch)
            {
                continue;
            }
            give(pairs);
            pairs.Clear();
        }
    }

    private static BucketRecord[] Read(string path, long length, int pass, int passes)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
        if (passes == 1)
        {
            BucketRecord[] all = new BucketRecord[length / BucketRecord.Size];
            file.ReadExactly(MemoryMarshal.AsBytes(all.AsSpan()));
            return all;
        }
        List<BucketRecord> some = [];
        BucketRecord record = default;
        for (long i = 0; i < length / BucketRecord.Size; i++)
        {
            file.ReadExactly(MemoryMarshal.AsBytes(new Span<BucketRecord>(ref record)));
            if ((int)((record.Key >> 8 & 0xFFFFFF) % (uint)passes) == pass)
            {
                some.Add(record);
            }
        }
        return [.. some];
    }
}
