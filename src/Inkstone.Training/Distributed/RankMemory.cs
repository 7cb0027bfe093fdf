using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>Bytes that training keeps in each process beside activations and the program, by formula.</summary>
/// <param name="Weights">4P; with sharded weights 4 (O + (P − O) / N + 2B (N − 1) / N), O lying outside the matrices of blocks, B in the largest
/// block: while one is computed, the next is gathered</param>
/// <param name="Gradients">as many; and for each of what waits for its sum (order: fixed, or sharded weights with several micro-batches) 4P, with
/// sharded weights 4P / N</param>
/// <param name="Moments">AdamW 8P, Muon's matrices 4P; over N with sharded state</param>
/// <param name="Buckets">what is on its way</param>
public sealed record RankMemory(long Weights, long Gradients, long Moments, long Buckets)
{
    /// <summary>All of it.</summary>
    public long Total => Weights + Gradients + Moments + Buckets;

    /// <summary>By the formulas.</summary>
    /// <param name="trained">P: numbers that are trained</param>
    /// <param name="muon">of them Muon's</param>
    /// <param name="inBlocks">of them in matrices of blocks</param>
    /// <param name="largestBlock">of these in the largest block</param>
    /// <param name="ranks">N</param>
    /// <param name="ownMicroBatches">micro-batches of a process in a step</param>
    /// <param name="options">how processes work together</param>
    public static RankMemory Estimate(
        long trained,
        long muon,
        long inBlocks,
        long largestBlock,
        int ranks,
        int ownMicroBatches,
        DistributedOptions options
    )
    {
        bool sharded = options.Zero == 3 && ranks > 1;
        long there = sharded ? trained - inBlocks + inBlocks / ranks + 2 * largestBlock * (ranks - 1) / ranks : trained,
            waiting = options.FixedOrder ? (long)Math.Ceiling(Math.Log2(Math.Max(1, ownMicroBatches)))
            : sharded && ownMicroBatches > 1 ? 1
            : 0;
        double bucket = Math.Min(options.BucketMegabytes * (1 << 20), 4.0 * trained);
        bool exchanged = ranks > 1 && options is not { Bf16Wire: false, FixedOrder: false, Zero: 0 };
        return new RankMemory(
            4 * there,
            4 * (there + waiting * (sharded ? trained / ranks : trained)),
            (8 * (trained - muon) + 4 * muon) / (options.Zero > 0 ? ranks : 1),
            exchanged ? (long)(bucket * (options.Bf16Wire ? 2 : 1)) : 0
        );
    }

    /// <summary>Of what is trained the numbers in matrices of blocks, which can be sharded, and those of the largest block.</summary>
    public static (long All, long Largest) InBlocks(Parameters trained)
    {
        long[] blocks =
        [
            .. trained
                .Where(p => p.Tensor.Shape.Rank >= 2)
                .GroupBy(p => GradientBuckets.BlockOf(p.Name))
                .Where(b => b.Key != GradientBuckets.Shared)
                .Select(b => b.Sum(p => p.Tensor.Count)),
        ];
        return (blocks.Sum(), blocks.DefaultIfEmpty().Max());
    }

    internal static RankMemory Of(
        Parameters trained,
        OptimizerOptions optimizer,
        SharedGradients? gradients,
        Cooperation? together,
        int own
    ) =>
        Estimate(
            trained.ElementCount,
            optimizer.Name == "muon" ? trained.Where(Nn.Muon.Takes).ElementCount : 0,
            gradients?.Weights?.Elements ?? 0,
            gradients?.Weights?.LargestBlock ?? 0,
            together?.Ranks.Size ?? 1,
            own,
            together?.Options ?? new DistributedOptions()
        );
}
