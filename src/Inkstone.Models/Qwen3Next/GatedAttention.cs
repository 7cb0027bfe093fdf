using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>
/// Grouped-query attention whose output is weighed by a sigmoid gate (arXiv:2505.06708); heads of q and k are normed, and rotated in part.
/// <c>q_proj</c> holds queries and gates, head by head.
/// </summary>
public sealed class GatedAttention(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, 2 * c.NumAttentionHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.NumKeyValueHeads * c.HeadDim, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.NumAttentionHeads * c.HeadDim, c.HiddenSize, c.AttentionBias);
    private readonly RmsNorm _qNorm = new(s["q_norm"], c.HeadDim, c.RmsNormEps, zeroCentred: true);
    private readonly RmsNorm _kNorm = new(s["k_norm"], c.HeadDim, c.RmsNormEps, zeroCentred: true);
    private readonly ColumnRuns _queries = new(ColumnRuns.OfHeads(c.NumAttentionHeads, 2 * c.HeadDim, 0, c.HeadDim));
    private readonly ColumnRuns _gates = new(ColumnRuns.OfHeads(c.NumAttentionHeads, 2 * c.HeadDim, c.HeadDim, c.HeadDim));
    private readonly float _scale = 1 / MathF.Sqrt(c.HeadDim);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        Tensor both = _q.Forward(x);                                                            // [B, T, H·2D]
        Tensor q = Ops.Rope(_qNorm.Heads(Ops.Columns(both, _queries)), c.NumAttentionHeads, ctx.Positions, rotary);
        Tensor k = Ops.Rope(_kNorm.Heads(_k.Forward(x)), c.NumKeyValueHeads, ctx.Positions, rotary);
        Tensor v = _v.Forward(x);                                                               // [B, T, Hkv·D]
        (k, v) = ctx.Cache?.Layer<KeyValueCache>(layer).Append(k, v) ?? (k, v);                 // [B, S, Hkv·D]

        Tensor y = Ops.Attention(q, k, v, c.NumAttentionHeads, c.NumKeyValueHeads, _scale, ctx.DocumentStarts);
        return _o.Forward(Ops.SigmoidGate(y, Ops.Columns(both, _gates)), residual);             // [B, T, C]
    }
}
