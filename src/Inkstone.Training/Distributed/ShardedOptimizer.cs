using System.Runtime.InteropServices;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// An optimizer of which each process keeps the state of its own parts alone and moves these; what the others have moved is gathered
/// afterwards (<see cref="SharedGradients.GatherWeights"/>). Muon's parts are whole matrices. Element for element the arithmetic is that of
/// one process.
/// </summary>
/// <param name="trained">what it moves, over all processes</param>
/// <param name="inner">moves the own parts; its state lists all parts for the first prefix, then for the next</param>
/// <param name="prefixes">names of its state before those of parameters</param>
/// <param name="own">the own parts</param>
/// <param name="gradients">where they lie</param>
/// <param name="together">the processes</param>
internal sealed class ShardedOptimizer(
    Parameters trained,
    IOptimizer inner,
    IReadOnlyList<string> prefixes,
    IReadOnlyList<OwnPart> own,
    SharedGradients gradients,
    Cooperation together
) : IOptimizer
{
    private readonly Parameter[] _state = [.. inner.State];

    /// <inheritdoc/>
    public long StepCount
    {
        get => inner.StepCount;
        set => inner.StepCount = value;
    }

    /// <summary>The state that this process keeps.</summary>
    public IEnumerable<Parameter> State => _state;

    /// <inheritdoc/>
    public void Step(double multiple, double gradientScale = 1) => inner.Step(multiple, gradientScale);

    /// <summary>The whole state, as one process alone has it: on rank 0; empty on the others, which take part. The tensors are the caller's
    /// to dispose.</summary>
    public IReadOnlyList<Parameter> Gather()
    {
        bool keeps = together.Ranks.Rank == 0;
        List<Parameter> whole = [];
        float[] scratch = new float[gradients.Buckets.Max(b => (int)b.Range.Length)];
        for (int kind = 0; kind < prefixes.Count; kind++)
        {
            Dictionary<string, Tensor> tensors = keeps
                ? trained.ToDictionary(p => p.Name, p => Tensor.Allocate(p.Tensor.Device, p.Tensor.Shape), StringComparer.Ordinal)
                : [];
            foreach (GradientBucket bucket in gradients.Buckets)
            {
                Span<float> all = scratch.AsSpan(0, (int)bucket.Range.Length);
                for (int i = 0; i < own.Count; i++)
                {
                    long at = gradients.Arena.RangeOf(own[i].Parameter).Start + own[i].Start;
                    if (at >= bucket.Range.Start && at < bucket.Range.End)
                    {
                        Tensor part = _state[kind * own.Count + i].Tensor;
                        part.CopyTo(all.Slice((int)(at - bucket.Range.Start), (int)part.Count));
                    }
                }
                together.Ranks.AllGather(MemoryMarshal.AsBytes(all), bucket.Bytes(sizeof(float)));
                for (int p = bucket.Parameters.First; keeps && p < bucket.Parameters.End; p++)
                {
                    FlatRange range = gradients.Arena.RangeOf(p);
                    Parameter parameter = gradients.Parameters[p];
                    long start = Math.Max(range.Start, bucket.Range.Start),
                        end = Math.Min(range.Start + parameter.Tensor.Count, bucket.Range.End);
                    if (tensors.TryGetValue(parameter.Name, out Tensor? tensor))
                    {
                        tensor.CopyFrom(all.Slice((int)(start - bucket.Range.Start), (int)(end - start)), start - range.Start);
                    }
                }
            }
            whole.AddRange(keeps ? trained.Select(p => new Parameter(prefixes[kind] + p.Name, tensors[p.Name])) : []);
        }
        return whole;
    }

    /// <summary>Takes the own parts of a whole state.</summary>
    /// <param name="read">reads one tensor of it by its name</param>
    public void Read(Action<string, Tensor> read)
    {
        for (int kind = 0; kind < prefixes.Count; kind++)
        {
            foreach (IGrouping<int, (OwnPart Part, int Index)> group in own.Select((part, i) => (part, i)).GroupBy(p => p.part.Parameter))
            {
                Parameter parameter = gradients.Parameters[group.Key];
                using Tensor whole = Tensor.Allocate(parameter.Tensor.Device, parameter.Tensor.Shape);
                read(prefixes[kind] + parameter.Name, whole);
                foreach ((OwnPart part, int i) in group)
                {
                    float[] values = new float[part.Tensor.Count];
                    whole.CopyTo(values, part.Start);
                    _state[kind * own.Count + i].Tensor.CopyFrom(values);
                }
            }
        }
    }
}
