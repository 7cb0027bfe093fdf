using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3Next;

/// <summary>Attention of a layer to the tokens that an indexer chooses.</summary>
internal interface IAttentionIndexer
{
    /// <summary>[B, T, H·D] of x [B, T, C], normed, and the layer's own q [B, T, H·D], k and v [B, T, Hkv·D].</summary>
    Tensor Attend(Tensor x, Tensor q, Tensor k, Tensor v, ForwardContext ctx);
}

/// <summary>
/// Grouped-query attention whose output is weighed by a sigmoid gate (arXiv:2505.06708); heads of q and k are normed, and rotated in part.
/// <c>q_proj</c> holds queries and gates, head by head. With an indexer only what it chooses is seen.
/// </summary>
internal sealed class GatedAttention(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary, IAttentionIndexer? indexer = null)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, 2 * c.Attention.QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention.QueryWidth, c.HiddenSize, c.AttentionBias);
    private readonly RmsNorm _qNorm = new(s["q_norm"], c.Attention.HeadDim, c.RmsNormEps, zeroCentred: true);
    private readonly RmsNorm _kNorm = new(s["k_norm"], c.Attention.HeadDim, c.RmsNormEps, zeroCentred: true);
    private readonly ColumnRuns _queries = new(ColumnRuns.OfHeads(c.Attention.Heads, 2 * c.Attention.HeadDim, 0, c.Attention.HeadDim));
    private readonly ColumnRuns _gates = new(
        ColumnRuns.OfHeads(c.Attention.Heads, 2 * c.Attention.HeadDim, c.Attention.HeadDim, c.Attention.HeadDim)
    );

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor? residual)
    {
        (Tensor both, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·2D], [B, T, Hkv·D] twice
        Tensor q = ctx.Rope(_qNorm.Heads(Ops.Columns(both, _queries)), c.Attention.Heads, rotary);
        k = ctx.Rope(_kNorm.Heads(k), c.Attention.KeyValueHeads, rotary);
        Tensor y = indexer?.Attend(x, q, k, v, ctx) ?? ctx.Attend(layer, q, k, v, c.Attention); // [B, T, H·D]
        return _o.Forward(Ops.SigmoidGate(y, Ops.Columns(both, _gates)), residual); // [B, T, C]
    }
}
