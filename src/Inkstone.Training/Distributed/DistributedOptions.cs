using Inkstone.Distributed;

namespace Inkstone.Training;

/// <summary>How several processes train together. One process alone needs none of it.</summary>
/// <param name="Bf16Wire">Gradients travel rounded to bfloat16, half the bytes; sums are float32.</param>
/// <param name="Zero">0: every process keeps the whole optimizer state; 1: its own part (ZeRO-1, arXiv:1910.02054); 3: its own part of
/// gradients and of the blocks' weights too, which are gathered block by block (ZeRO-3).</param>
/// <param name="FixedOrder">Gradients of micro-batches are summed by a tree over their numbers in the step, so that results do not depend
/// on the number of processes.</param>
/// <param name="BucketMegabytes">Gradients that travel at once, MiB.</param>
public sealed record DistributedOptions(bool Bf16Wire = false, int Zero = 0, bool FixedOrder = false, double BucketMegabytes = 4)
{
    internal static DistributedOptions From(RecipeSection s)
    {
        DistributedOptions absent = new();
        string zero = s.Choice("zero", "0", "0", "1", "3");
        return new(
            s.Choice("wire", "fp32", "fp32", "bf16") == "bf16",
            zero[0] - '0',
            s.Choice("order", "fast", "fast", "fixed") == "fixed",
            s.Number("bucket_mb", absent.BucketMegabytes, 0.0625, 1024)
        );
    }
}

/// <summary>The processes of a run, and how they work together.</summary>
/// <param name="Ranks">the processes</param>
/// <param name="Options">how</param>
public sealed record Cooperation(ICommunicator Ranks, DistributedOptions Options)
{
    /// <summary>Whether anything is to be done otherwise than by one process that adds micro-batches up where they lie.</summary>
    public bool Needed => Ranks.Size > 1 || Options.FixedOrder;

    /// <summary>The micro-batches of a step that are this process' own: as many for each, those of rank 0 first.</summary>
    /// <param name="microBatches">those of a step</param>
    public (int First, int End) Own(int microBatches) =>
        (Ranks.Rank * microBatches / Ranks.Size, (Ranks.Rank + 1) * microBatches / Ranks.Size);

    /// <summary>The number in the step of one of the own micro-batches. With sharded parameters, where gradients are summed over the processes
    /// behind each micro-batch, those that are summed follow each other.</summary>
    /// <param name="leaf">which of the own ones, from 0</param>
    /// <param name="microBatches">those of a step</param>
    public int Number(int leaf, int microBatches) => ShardsWeights ? leaf * Ranks.Size + Ranks.Rank : Own(microBatches).First + leaf;

    /// <summary>Whether processes keep only parts of the optimizer's state.</summary>
    public bool ShardsMoments => Options.Zero > 0 && Ranks.Size > 1;

    /// <summary>Whether they keep only parts of weights and gradients too.</summary>
    public bool ShardsWeights => Options.Zero == 3 && Ranks.Size > 1;

    /// <summary>Refuses what cannot be dealt out.</summary>
    /// <exception cref="InvalidDataException">The message says what to change.</exception>
    public void Check(int microBatches)
    {
        if (microBatches % Ranks.Size != 0)
        {
            throw new InvalidDataException(
                $"the {microBatches} micro-batches of a step cannot be dealt out evenly to {Ranks.Size} processes; make train.accumulation a multiple of {Ranks.Size}, or start as many processes as divide it"
            );
        }
        if (Options.FixedOrder && Ranks.Size != microBatches && !int.IsPow2(Ranks.Size))
        {
            throw new InvalidDataException(
                $"distributed.order fixed sums over 1, 2, 4, 8, … processes, or one for each micro-batch of a step, not over {Ranks.Size}; start another number, or take order: fast"
            );
        }
        if (ShardsWeights && Options.FixedOrder && !int.IsPow2(microBatches / Ranks.Size))
        {
            throw new InvalidDataException(
                $"distributed.zero 3 sums in distributed.order fixed over 1, 2, 4, 8, … micro-batches of each process, not over {microBatches / Ranks.Size}; change train.accumulation, or take order: fast"
            );
        }
    }
}
