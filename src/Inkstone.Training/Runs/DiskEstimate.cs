using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What a run will need on its disk at most, checked before it starts rather than found out an hour later.</summary>
/// <param name="CheckpointBytes">Weights and moments.</param>
/// <param name="Checkpoints">How many more of them than now will lie there at once, the one being written included.</param>
/// <param name="CopyBytes">What a run of an adapter copies at its end.</param>
internal readonly record struct DiskEstimate(long CheckpointBytes, int Checkpoints, long CopyBytes)
{
    private const int FinalAndBest = 2;

    /// <summary>Estimates.</summary>
    /// <param name="trained">the parameters that a checkpoint holds</param>
    /// <param name="optimizers">whose state it holds</param>
    /// <param name="adapter">whether they are an adapter</param>
    /// <param name="keep">checkpoints that are kept besides the best and the last</param>
    /// <param name="best">whether the best one is kept</param>
    /// <param name="saves">how often the run can save at most</param>
    /// <param name="present">checkpoints that are there already</param>
    public static DiskEstimate Estimate(
        Parameters trained,
        IReadOnlyList<IOptimizer> optimizers,
        bool adapter,
        int keep,
        bool best,
        long saves,
        int present
    )
    {
        long weights = sizeof(float) * trained.ElementCount;
        int most = keep + 2 + (best ? 1 : 0); // kept, the last, the best, and the new one before an old one goes
        return new DiskEstimate(
            weights + optimizers.Sum(o => o.State.Sum(p => p.Tensor.DType.Bytes(p.Tensor.Count))),
            (int)Math.Max(0, Math.Min(most, present + saves) - present),
            adapter ? FinalAndBest * weights : 0
        );
    }

    /// <summary>Refuses a run that the disk of <paramref name="directory"/> cannot hold.</summary>
    /// <param name="directory">OUT</param>
    /// <param name="freed">bytes there that the run deletes before it writes</param>
    public void Check(string directory, long freed)
    {
        string existing = Path.GetFullPath(directory);
        while (!Directory.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing)!;
        }
        long free = new DriveInfo(existing).AvailableFreeSpace + freed,
            needed = Checkpoints * CheckpointBytes + CopyBytes;
        if (free < needed)
        {
            throw new IOException(
                FormattableString.Invariant(
                    $"{directory}: {Checkpoints} checkpoints of {Size(CheckpointBytes)} (weights and moments; those that train.keep keeps, the best, the last and the one being written) need {Size(needed)}, but the disk has {Size(free)} free; free some, lower train.keep or set out to another disk"
                )
            );
        }
    }

    private static string Size(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:0.#} MiB");
}
