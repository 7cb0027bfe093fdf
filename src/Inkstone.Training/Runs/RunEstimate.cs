using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What memory a run will need, checked before it starts rather than found out an hour later.</summary>
/// <param name="MemoryBytes">Weights, gradients, moments and the activations of one micro-batch.</param>
/// <param name="LoadedBytes">Those of them that are there already: the weights.</param>
internal readonly record struct RunEstimate(long MemoryBytes, long LoadedBytes = 0)
{
    /// <summary>The same with the program itself, as the process will show it.</summary>
    public long ProcessBytes => MemoryBytes + Math.Max(0, Environment.WorkingSet - LoadedBytes);

    /// <summary>Estimates; activations are about those that the family keeps for its backward pass.</summary>
    public static RunEstimate Estimate(CausalLm model, Parameters trained, int rows, int length)
    {
        long weights = model.Parameters.Sum(p => p.Tensor.DType.Bytes(p.Tensor.Count)),
            moved = 4 * trained.ElementCount;
        long activations = 4L * rows * length * model.ActivationsPerToken;
        long still = trained == model.Parameters ? 0 : weights;
        return new RunEstimate(still + 4 * moved + activations, still + moved);
    }

    /// <summary>Refuses a run that twice the memory cannot hold, and tells of one that memory may not hold.</summary>
    /// <param name="warn">where warnings go</param>
    /// <param name="processes">of the run on this machine, which share its memory</param>
    public void Check(Action<string> warn, int processes = 1)
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / processes;
        if (MemoryBytes / 2 > memory)
        {
            throw new InvalidDataException(
                $"this run needs about {MemoryBytes >> 20} MiB and the machine has {memory >> 20} MiB; take a smaller model, a smaller train.batch_size with more train.accumulation, shorter rows, or train.recompute"
            );
        }
        if (MemoryBytes > memory * 9 / 10)
        {
            warn(
                $"this run needs about {MemoryBytes >> 20} MiB of the machine's {memory >> 20} MiB; a smaller train.batch_size with more train.accumulation needs less, and so does train.recompute"
            );
        }
    }
}
