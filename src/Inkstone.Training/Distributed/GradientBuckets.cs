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
    /// <summary>Whether its weights are matrices of one block, which processes can gather for it.</summary>
    public bool OfOneBlock { get; init; }

    /// <summary>The part of a rank, in the arena.</summary>
    public FlatRange Part(int rank) => new(Range.Start + Borders[rank], Borders[rank + 1] - Borders[rank]);

    /// <summary>What lies before and behind the part of a rank.</summary>
    public (FlatRange Before, FlatRange Behind) Others(int rank) =>
        (new(Range.Start, Borders[rank]), new(Range.Start + Borders[rank + 1], Range.Length - Borders[rank + 1]));

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
    /// <param name="byBlock">whether matrices of a block are in buckets of their own</param>
    /// <param name="whole">parameters that belong to one process as wholes; null: none</param>
    public static GradientBucket[] Cut(
        ParameterArena arena,
        IReadOnlyList<string> names,
        bool headIsApart,
        long elements,
        int ranks,
        bool byBlock = false,
        Func<int, bool>? whole = null
    )
    {
        List<GradientBucket> buckets = [];
        int[] layers = [.. names.Select(name => byBlock && IsModule(name) ? Shared : LayerOf(name, headIsApart))];
        List<long> ends = []; // of the pieces of the open bucket
        int first = 0;
        long start = 0;
        for (int p = 0; p < names.Count; p++)
        {
            FlatRange range = arena.RangeOf(p);
            bool undivided = whole?.Invoke(p) == true;
            long step = undivided ? range.Length : TensorList.PieceLength;
            for (long at = 0; at < range.Length; at += step)
            {
                long end = range.Start + Math.Min(range.Length, at + step);
                bool alike = undivided == (whole?.Invoke(first) == true) && Alike(layers[p], layers[first]);
                if (byBlock && alike && ends.Count > 0)
                {
                    alike = IsMatrix(p) == IsMatrix(first) && (!IsMatrix(p) || layers[p] == layers[first]);
                }
                if (ends.Count > 0 && (!alike || end - start > elements))
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
            if (whole?.Invoke(first) == true && ends.Count >= ranks)
            {
                Balance(borders, [.. ends.Select(end => end - start)]);
            }
            buckets.Add(
                new GradientBucket(new FlatRange(start, ends[^1] - start), layers[first], (first, endParameter), borders)
                {
                    OfOneBlock = byBlock && IsMatrix(first) && layers[first] is >= 0 and not Behind,
                }
            );
            ends.Clear();
        }

        bool IsMatrix(int p) => arena.Parameters[p].Shape.Rank >= 2;
    }

    /// <summary>Deals wholes of different sizes out by where their middles lie.</summary>
    private static void Balance(int[] borders, long[] ends)
    {
        int unit = 0,
            ranks = borders.Length - 1;
        for (int r = 1; r < ranks; r++)
        {
            while (unit < ends.Length && ((unit == 0 ? 0 : ends[unit - 1]) + ends[unit]) * ranks < 2 * r * ends[^1])
            {
                unit++;
            }
            borders[r] = unit == 0 ? 0 : (int)ends[unit - 1];
        }
    }

    /// <summary>The block whose weights are gathered for it that a matrix belongs to, by its name, or <see cref="Shared"/>.</summary>
    public static int BlockOf(string name) => IsModule(name) ? Shared : LayerOf(name, headIsApart: false);

    /// <summary>Whether a parameter belongs to a module that is gone through behind the blocks and numbers its layers anew.</summary>
    private static bool IsModule(string name) => name.StartsWith("mtp.", StringComparison.Ordinal);

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
