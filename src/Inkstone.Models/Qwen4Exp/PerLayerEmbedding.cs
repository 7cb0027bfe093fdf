using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>What n-grams add to the streams before a layer: a value that each stream takes as far as its own state answers to the n-gram's
/// key, and a convolution of it over time.</summary>
/// <remarks><code>γ_i = rms(key_i) · rms(X_i) / √C        V_i = σ(sign(γ_i) √|γ_i|) v        X_i += V_i + silu(conv(rms(V_i)))        conv:
/// every n-th token, n the longest n-gram</code></remarks>
internal sealed class PerLayerEmbedding(Qwen4ExpConfig c, NgramSpec ngrams, int layer, Scope s)
{
    private readonly NgramEmbedding _embedding = new(ngrams, layer, s["ple_embedding"]);
    private readonly Linear _key = new(s["key_proj"], ngrams.Width, c.Width),
        _value = new(s["value_proj"], ngrams.Width, c.Core.HiddenSize);
    private readonly RmsNorm _keyNorm = Norm(c, s["norm_key"]),
        _queryNorm = Norm(c, s["norm_query"]),
        _convNorm = Norm(c, s["norm_conv"]);
    private readonly Tensor _conv = s["conv1d"].Parameter("weight", new Shape(c.Width, 1, ngrams.Kernel), Initial.Zeros);

    /// <summary>Share of rows of its tables that a token asks for.</summary>
    public double ActiveShare => _embedding.ActiveShare;

    /// <summary>x: [B, T, n·C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor e = _embedding.Forward(ctx); // [B, T, E]
        Tensor agreement = Ops.Multiply(_keyNorm.Forward(_key.Forward(e)), _queryNorm.Forward(x));
        Tensor sums = Ops.SumLast(agreement.View(new Shape(x.Shape.Rows * c.Streams, c.Core.HiddenSize)));
        Tensor gate = Ops.SignedRoot(Ops.Scale(sums, 1 / MathF.Sqrt(c.Core.HiddenSize))).View(x.Shape.WithLast(c.Streams));
        Tensor v = Ops.RowGate(Ops.SpreadStreams(_value.Forward(e), c.Streams), gate); // [B, T, n·C]
        Tensor mixed = ctx.Convolve(layer, _convNorm.Forward(v), _conv, part: 1, dilation: ngrams.Size);
        return Ops.Add(Ops.Add(x, v), mixed);
    }

    private static RmsNorm Norm(Qwen4ExpConfig c, Scope s) => new(s, c.Width, c.Core.RmsNormEps, zeroCentred: true, c.Streams);
}
