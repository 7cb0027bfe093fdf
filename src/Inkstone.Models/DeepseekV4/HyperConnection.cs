using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>
/// How a layer reads n residual streams, and how they take up its result and are mixed, by weights that follow from the streams
/// (manifold-constrained hyper-connections, arXiv:2512.24880).
/// D: numbers of a stream.
/// </summary>
/// <param name="s">place of the parameters</param>
/// <param name="name">what their names begin with</param>
/// <param name="hiddenSize">D</param>
/// <param name="rule">n and constants</param>
/// <param name="mixes">false where streams are read for the last time</param>
internal sealed class HyperConnection(Scope s, string name, int hiddenSize, StreamRule rule, bool mixes = true)
{
    private readonly Tensor _fn = s.Parameter(name + "_fn", new Shape(Width(rule, mixes), rule.Streams * hiddenSize), Initial.Normal);
    private readonly Tensor _base = s.Parameter(name + "_base", new Shape(Width(rule, mixes)), Initial.Zeros);
    private readonly Tensor _scale = s.Parameter(name + "_scale", new Shape(mixes ? 3 : 1), Initial.Ones);

    /// <summary>What the layer reads, [B, T, D], and the weights; x: [B, T, n·D].</summary>
    public Tensor Read(Tensor x, out Tensor weights)
    {
        weights = Ops.StreamWeights(x, _fn, _base, _scale, rule);
        return Ops.StreamSum(x, rule.Streams, weights);
    }

    /// <summary>The streams behind the layer; y: [B, T, D].</summary>
    public Tensor Write(Tensor x, Tensor y, Tensor weights) =>
        Ops.StreamUpdate(x, y, rule.Streams, weights, rule.Streams, 2 * rule.Streams);

    private static int Width(StreamRule rule, bool mixes) => mixes ? (2 + rule.Streams) * rule.Streams : rule.Streams;
}
