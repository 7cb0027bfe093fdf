using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>Pre-norm decoder block, dense or sparse; a sparse one has experts that every token uses beside those it is routed to.</summary>
public sealed class DeepseekV3Block : IBlock<ForwardContext>
{
    private readonly RmsNorm _inputNorm, _postAttentionNorm;
    private readonly DeepseekV3Attention _attention;
    private readonly SwiGlu? _dense;            // the whole layer, or the shared experts of a sparse one

    /// <summary>Builds the block.</summary>
    public DeepseekV3Block(DeepseekV3Config c, int layer, Scope s, RotaryTable rotary, bool sparse)
    {
        _inputNorm = new RmsNorm(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
        _attention = new DeepseekV3Attention(c, layer, s["self_attn"], rotary);
        _postAttentionNorm = new RmsNorm(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
        if (!sparse)
        {
            _dense = new SwiGlu(s["mlp"], c.HiddenSize, c.IntermediateSize);
            return;
        }
        Sparse = new SparseExperts(s["mlp"], new SparseExpertsSettings(c.HiddenSize, c.MoeIntermediateSize, c.NRoutedExperts, RouterScoring.Sigmoid, c.Routing, CorrectionBias: true));
        _dense = c.NSharedExperts > 0 ? new SwiGlu(s["mlp"]["shared_experts"], c.HiddenSize, c.MoeIntermediateSize * c.NSharedExperts) : null;
    }

    /// <summary>The sparse layer, where this block has one.</summary>
    public SparseExperts? Sparse { get; }

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        Tensor y = _postAttentionNorm.Forward(h);
        h = _dense?.Forward(y, residual: h) ?? h;
        return Sparse?.Forward(y, residual: h) ?? h;
    }
}
