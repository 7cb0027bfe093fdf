using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Granite;

/// <summary>Granite 3: Llama's block with a factor on embeddings, scores, branches and logits (arXiv:2408.13359).</summary>
internal static class GraniteFamily
{
    /// <summary><c>granite</c>.</summary>
    public static ModelFamily Granite { get; } =
        new(
            "granite",
            Build,
            ["attention_bias", "mlp_bias", "embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"]
        )
        {
            Gguf = GraniteGguf.Architecture,
        };

    private static DecoderModel<GraniteBlock> Build(HfConfig config, Scope root)
    {
        AttentionSpec heads = ConfigCheck.Attention(config) with { Scale = (float)config.Number("attention_multiplier", 1) }; // in place of 1 / √D
        LlamaConfig c = LlamaConfig.From(config, heads);
        float residual = (float)config.Number("residual_multiplier", 1);
        RotaryTable rotary = Rotary.From(config, heads.HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings)
            {
                EmbeddingScale = (float)config.Number("embedding_multiplier", 1),
                LogitScale = (float)(1 / config.Number("logits_scaling", 1)),
            },
            (layer, s) => new GraniteBlock(c, residual, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}

/// <summary>Pre-norm decoder block whose branches are weighed before they are added.</summary>
internal sealed class GraniteBlock(LlamaConfig c, float residualMultiplier, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly LlamaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, c.MlpBias, c.Activation);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 11L * c.HiddenSize + 2L * c.Attention.KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = Ops.Add(x, Ops.Scale(_attention.Forward(_inputNorm.ForwardCompact(x), ctx), residualMultiplier));
        return Ops.Add(h, Ops.Scale(_mlp.Forward(_postAttentionNorm.ForwardCompact(h)), residualMultiplier));
    }
}
