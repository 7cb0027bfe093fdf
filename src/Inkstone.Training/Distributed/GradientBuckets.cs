using System.Globalization;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run of gradients that travels at once.</summary>
/// <param name="Range">where it lies in the arena</param>
/// <param name="Layer">the first of the blocks whose parameters these are; <see cref="int.MaxValue"/>: behind all blocks; −1: known with
/// the whole backward pass only</param>
/// <param name="Parameters">numbers in the arena of the parameters in it</param>
/// <param name="Borders">elements from the bucket's beginning at which the part of each rank begins; one more for the end</param>
internal sealed record GradientBucket(FlatRange Range, int Layer, (int First, int End) Parameters, int[] Borders)
{
    /// <summary>The part of a rank, in the arena.</summary>
    public FlatRange Part(int rank) => new(Range.Start + Borders[rank], Borders[rank + 1] - Borders[rank]);

    /// <summary>Bytes of each rank's part.</summary>
    public int[] Bytes(int elementBytes) =>
        [.. Enumerable.Range(0, Borders.Length - 1).Select(r => (Borders[r + 1] - Borders[r]) * elementBytes)];
}

/// <summary>
/// The arena of gradients cut into buckets, in the order in which the backward pass completes them: what lies behind the blocks, the last
/// block, … , the first, what all share. A bucket is made
/// of whole pieces of <see cref="TensorList.PieceLength"/> elements, and so is the part of each rank in it: norms, which are summed piece
/// by piece, have the same bits whoever owns the pieces.
/// </summary>
internal static class GradientBuckets
{
    public const int Shared = -1,
        Behind = int.MaxValue;

    /// <summary>Cuts an arena.</summary>
    /// <param name="arena">what is cut</param>
    /// <param name="names">the name of each parameter of the arena</param>
    /// <param name="headIsApart">whether lm_head is read behind the blocks alone</param>
    /// <param name="elements">most elements of a bucket, about</param>
    /// <param name="ranks">number of processes</param>
    public static GradientBucket[] Cut(ParameterArena arena, IReadOnlyList<string> names, bool headIsApart, long elements, int ranks)
    {
        List<GradientBucket> buckets = [];
        int[] layers = [.. names.Select(name => LayerOf(name, headIsApart))];
        List<long> ends = []; // of the pieces of the open bucket
        int first = 0;
        long start = 0;
        for (int p = 0; p < names.Count; p++)
        {
            FlatRange range = arena.RangeOf(p);
            for (long at = 0; at < range.Length; at += TensorList.PieceLength)
            {
                long end = range.Start + Math.Min(range.Length, at + TensorList.PieceLength);
                if (ends.Count > 0 && (!Alike(layers[p], layers[first]) || end - start > elements))
                {
                    Close(at > 0 ? p + 1 : p);
                }
                if (ends.Count == 0)
                {
                    (first, start) = (p, range.Start + at);
                }
                ends.Add(end);
            }
        }
        Close(names.Count);
        return [.. buckets.OrderByDescending(b => b.Layer).ThenByDescending(b => b.Range.Start)];

        void Close(int endParameter)
        {
            int turn = buckets.Count % ranks; // a bucket of fewer pieces than ranks goes to another rank than the one before it
            int[] borders =
            [
                .. Enumerable
                    .Range(0, ranks + 1)
                    .Select(r => ((long)ends.Count * r + turn) / ranks)
                    .Select(piece => (int)((piece == 0 ? start : ends[(int)piece - 1]) - start)),
            ];
            buckets.Add(new GradientBucket(new FlatRange(start, ends[^1] - start), layers[first], (first, endParameter), borders));
            ends.Clear();
        }
    }

    /// <summary>Whether parameters may be in one bucket: of one block, or of blocks that follow each other, with which a bucket waits for
    /// the first; a message of a few kilobytes costs its time of arrival.</summary>
    private static bool Alike(int layer, int first) => layer == first || (layer >= first && first >= 0 && layer != Behind);

    /// <summary>The block that a parameter belongs to, by its name.</summary>
    private static int LayerOf(string name, bool headIsApart)
    {
        const string Layers = ".layers.";
        int at = name.IndexOf(Layers, StringComparison.Ordinal);
        if (at >= 0)
        {
            ReadOnlySpan<char> number = name.AsSpan(at + Layers.Length);
            int dot = number.IndexOf('.');
            return dot > 0 && int.TryParse(number[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : Shared;
        }
        return headIsApart && name == "lm_head.weight" ? Behind : Shared;
    }
}
