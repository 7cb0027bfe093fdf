using System.Numerics;

namespace Inkstone.Data;

/// <summary>Lengths of documents in characters; percentiles interpolate linearly between neighbours, as NumPy's do.</summary>
public sealed record LengthStatistics(int Min, int Max, double Mean, double Median, double P25, double P75, double P95, double P99);

/// <summary>Counts lengths: as many entries as there are different lengths.</summary>
internal sealed class LengthHistogram
{
    private readonly SortedDictionary<int, long> _counts = [];
    private long _count;
    private long _sum;

    /// <summary>Counts one document.</summary>
    public void Add(int length)
    {
        _counts[length] = _counts.GetValueOrDefault(length) + 1;
        _count++;
        _sum += length;
    }

    /// <summary>The statistics of at least one document.</summary>
    public LengthStatistics Summarize() =>
        new(At(0), At(_count - 1), (double)_sum / _count, Percentile(50), Percentile(25), Percentile(75), Percentile(95), Percentile(99));

    /// <summary>Documents whose lengths lie between two powers of two, from 1 on.</summary>
    public long[] Bins()
    {
        long[] bins = new long[_counts.Count == 0 ? 0 : BitOperations.Log2((uint)_counts.Keys.Last()) + 1];
        foreach ((int length, long count) in _counts)
        {
            bins[BitOperations.Log2((uint)length)] += count;
        }
        return bins;
    }

    private double Percentile(int percent)
    {
        double rank = percent / 100.0 * (_count - 1);
        long below = (long)rank;
        int low = At(below),
            high = At(Math.Min(below + 1, _count - 1));
        return low + (rank - below) * (high - low);
    }

    /// <summary>The length at a place of the sorted list.</summary>
    private int At(long index)
    {
        foreach ((int length, long count) in _counts)
        {
            if (index < count)
            {
                return length;
            }
            index -= count;
        }
        throw new InvalidOperationException("no document was counted.");
    }
}
