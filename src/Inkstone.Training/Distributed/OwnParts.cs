using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A part of a parameter that this process moves.</summary>
/// <param name="Parameter">its number in the arena</param>
/// <param name="Start">first element, counted in the parameter</param>
/// <param name="Tensor">the part, with its gradient</param>
/// <param name="FirstPiece">number of its first piece among those of all that is trained</param>
internal sealed record OwnPart(int Parameter, long Start, Tensor Tensor, int FirstPiece);

/// <summary>What this process moves of all that is trained: its parts of the buckets (ZeRO, arXiv:1910.02054).</summary>
internal sealed class OwnParts
{
    private readonly SharedGradients _gradients;
    private readonly Cooperation _together;
    private readonly Parameters _trained;
    private readonly List<OwnPart> _parts = [];
    private readonly TensorList _tensors;
    private readonly double[] _sums,
        _ownSums; // Σ g² of the pieces of all that is trained, and of the own ones

    public OwnParts(Parameters trained, SharedGradients gradients, Cooperation together)
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
                    _parts.Add(
                        new OwnPart(
                            p,
                            start,
                            gradients.Arena.Segment(p, start, (int)(end - start)),
                            trained.Tensors.FirstPiece(places[parameter.Name]) + (int)(start / TensorList.PieceLength)
                        )
                    );
                }
            }
        }
        _tensors = new TensorList(_parts.Select(part => part.Tensor));
        (_ownSums, _sums) = (new double[_tensors.Pieces], new double[trained.Tensors.Pieces]);
    }

    /// <summary>The optimizers of the own parts, as <see cref="OptimizerOptions.Build"/> makes them of the whole.</summary>
    public IReadOnlyList<IOptimizer> Build(OptimizerOptions options)
    {
        bool muon = options.Name == "muon";
        ShardedOptimizer adam = Shard(p => !muon || !Muon.Takes(p), own => new AdamW(own, options.Adam), "exp_avg.", "exp_avg_sq.");
        return muon ? [Shard(Muon.Takes, own => new Muon(own, options.Muon), "momentum_buffer."), adam] : [adam];

        ShardedOptimizer Shard(Func<Parameter, bool> takes, Func<Parameters, IOptimizer> optimizer, params string[] state)
        {
            OwnPart[] own = [.. _parts.Where(part => takes(_gradients.Parameters[part.Parameter]))];
            Parameters tensors = Parameters.FromList(
                own.Select(part => new Parameter($"{part.Start}:{_gradients.Parameters[part.Parameter].Name}", part.Tensor))
            );
            return new ShardedOptimizer(_trained.Where(takes), optimizer(tensors), state, own, _gradients, _together);
        }
    }

    /// <summary>Euclidean norm of all gradients, each process having the sums of its own pieces: the bits are those of
    /// <see cref="GradientClip.Norm"/>.</summary>
    public double Norm()
    {
        foreach (OwnPart part in _parts)
        {
            ParameterArena.Define(part.Tensor, _gradients.Reached[part.Parameter]);
        }
        Ops.SquaredNorm(_tensors, _ownSums);
        Array.Clear(_sums);
        for (int i = 0; i < _parts.Count; i++)
        {
            _ownSums.AsSpan(_tensors.FirstPiece(i).._tensors.FirstPiece(i + 1)).CopyTo(_sums.AsSpan(_parts[i].FirstPiece));
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
}
