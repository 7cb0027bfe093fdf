using System.Runtime.InteropServices;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// AdamW of which each process keeps the moments of its own parts of the buckets alone and moves these weights; then every process receives
/// what the others have moved (ZeRO-1,
/// arXiv:1910.02054). Element for element the arithmetic is that of <see cref="AdamW"/>.
/// </summary>
internal sealed class ShardedAdamW : IOptimizer
{
    private const string Mean = "exp_avg.",
        Square = "exp_avg_sq.";

    private readonly SharedGradients _gradients;
    private readonly Cooperation _together;
    private readonly Parameters _trained;
    private readonly List<Segment> _segments = [];
    private readonly Parameter[] _moments; // means of all segments, then squares
    private readonly AdamW _own;
    private readonly TensorList _tensors;
    private readonly double[] _sums,
        _ownSums; // Σ g² of the pieces of all that is trained, and of the own ones

    /// <summary>An optimizer with zero moments.</summary>
    public ShardedAdamW(Parameters trained, AdamWSettings settings, SharedGradients gradients, Cooperation together)
    {
        (_trained, _gradients, _together) = (trained, gradients, together);
        Dictionary<string, int> places = trained.Select((p, i) => (p.Name, i)).ToDictionary(p => p.Name, p => p.i, StringComparer.Ordinal);
        foreach (GradientBucket bucket in gradients.Buckets)
        {
            FlatRange part = bucket.Part(together.Ranks.Rank);
            for (int p = bucket.Parameters.First; p < bucket.Parameters.End; p++)
            {
                FlatRange whole = gradients.Arena.RangeOf(p);
                Parameter parameter = gradients.Parameters[p];
                long start = Math.Max(part.Start, whole.Start) - whole.Start,
                    end = Math.Min(part.End - whole.Start, parameter.Tensor.Count);
                if (end > start)
                {
                    _segments.Add(
                        new Segment(
                            p,
                            start,
                            gradients.Arena.Segment(p, start, (int)(end - start)),
                            trained.Tensors.FirstPiece(places[parameter.Name]) + (int)(start / TensorList.PieceLength)
                        )
                    );
                }
            }
        }
        Parameters own = Parameters.FromList(
            _segments.Select(s => new Parameter($"{s.Start}:{gradients.Parameters[s.Parameter].Name}", s.Tensor))
        );
        _own = new AdamW(own, settings);
        _moments = [.. _own.State];
        _tensors = own.Tensors;
        (_ownSums, _sums) = (new double[_tensors.Pieces], new double[trained.Tensors.Pieces]);
    }

    /// <inheritdoc/>
    public long StepCount
    {
        get => _own.StepCount;
        set => _own.StepCount = value;
    }

    /// <summary>The moments that this process keeps.</summary>
    public IEnumerable<Parameter> State => _moments;

    /// <summary>Euclidean norm of all gradients, each process having the sums of its own pieces: the bits are those of
    /// <see cref="GradientClip.Norm"/>.</summary>
    public double Norm()
    {
        for (int i = 0; i < _segments.Count; i++)
        {
            ParameterArena.Define(_segments[i].Tensor, _gradients.Reached[_segments[i].Parameter]);
        }
        Ops.SquaredNorm(_tensors, _ownSums);
        Array.Clear(_sums);
        for (int i = 0; i < _segments.Count; i++)
        {
            _ownSums.AsSpan(_tensors.FirstPiece(i).._tensors.FirstPiece(i + 1)).CopyTo(_sums.AsSpan(_segments[i].FirstPiece));
        }
        _together.Ranks.AllReduce(_sums);
        double total = 0;
        for (int i = 0; i < _trained.Count; i++)
        {
            double own = 0;
            for (int piece = _trained.Tensors.FirstPiece(i); piece < _trained.Tensors.FirstPiece(i + 1); piece++)
            {
                own += _sums[piece];
            }
            total += own;
        }
        return Math.Sqrt(total);
    }

    /// <inheritdoc/>
    public void Step(double multiple, double gradientScale = 1)
    {
        _own.Step(multiple, gradientScale);
        _gradients.GatherWeights();
    }

    /// <summary>The whole state, as one process alone has it: on rank 0; empty on the others, which take part. The tensors are the caller's
    /// to dispose.</summary>
    public IReadOnlyList<Parameter> Gather()
    {
        bool keeps = _together.Ranks.Rank == 0;
        List<Parameter> whole = [];
        float[] scratch = new float[_gradients.Buckets.Max(b => (int)b.Range.Length)];
        foreach ((string prefix, int first) in ((string, int)[])[(Mean, 0), (Square, _segments.Count)])
        {
            Dictionary<string, Tensor> tensors = keeps
                ? _trained.ToDictionary(p => p.Name, p => Tensor.Allocate(p.Tensor.Device, p.Tensor.Shape), StringComparer.Ordinal)
                : [];
            foreach (GradientBucket bucket in _gradients.Buckets)
            {
                Span<float> all = scratch.AsSpan(0, (int)bucket.Range.Length);
                for (int i = 0; i < _segments.Count; i++)
                {
                    long at = _gradients.Arena.RangeOf(_segments[i].Parameter).Start + _segments[i].Start;
                    if (at >= bucket.Range.Start && at < bucket.Range.End)
                    {
                        _moments[first + i].Tensor.CopyTo(all.Slice((int)(at - bucket.Range.Start), (int)_segments[i].Tensor.Count));
                    }
                }
                _together.Ranks.AllGather(MemoryMarshal.AsBytes(all), bucket.Bytes(sizeof(float)));
                for (int p = bucket.Parameters.First; keeps && p < bucket.Parameters.End; p++)
                {
                    FlatRange range = _gradients.Arena.RangeOf(p);
                    Parameter parameter = _gradients.Parameters[p];
                    long start = Math.Max(range.Start, bucket.Range.Start),
                        end = Math.Min(range.Start + parameter.Tensor.Count, bucket.Range.End);
                    tensors[parameter.Name].CopyFrom(all.Slice((int)(start - bucket.Range.Start), (int)(end - start)), start - range.Start);
                }
            }
            whole.AddRange(keeps ? _trained.Select(p => new Parameter(prefix + p.Name, tensors[p.Name])) : []);
        }
        return whole;
    }

    /// <summary>Takes the own parts of a whole state.</summary>
    /// <param name="read">reads one tensor of it by its name</param>
    public void Read(Action<string, Tensor> read)
    {
        foreach ((string prefix, int first) in ((string, int)[])[(Mean, 0), (Square, _segments.Count)])
        {
            foreach (IGrouping<int, (Segment Segment, int Index)> group in _segments.Select((s, i) => (s, i)).GroupBy(s => s.s.Parameter))
            {
                Parameter parameter = _gradients.Parameters[group.Key];
                using Tensor whole = Tensor.Allocate(parameter.Tensor.Device, parameter.Tensor.Shape);
                read(prefix + parameter.Name, whole);
                foreach ((Segment segment, int i) in group)
                {
                    float[] part = new float[segment.Tensor.Count];
                    whole.CopyTo(part, segment.Start);
                    _moments[first + i].Tensor.CopyFrom(part);
                }
            }
        }
    }

    /// <summary>A part of a parameter that this process moves.</summary>
    /// <param name="Parameter">its number in the arena</param>
    /// <param name="Start">first element, counted in the parameter</param>
    /// <param name="Tensor">the part, with its gradient</param>
    /// <param name="FirstPiece">number of its first piece among those of all that is trained</param>
    private sealed record Segment(int Parameter, long Start, Tensor Tensor, int FirstPiece);
}
