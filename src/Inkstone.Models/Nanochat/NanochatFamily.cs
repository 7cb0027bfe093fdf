using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Nanochat;

/// <summary>config.json of <c>model_type: nanochat</c>.</summary>
internal sealed record NanochatConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    AttentionSpec Attention,
    float RmsNormEps,
    bool AttentionBias,
    Activation Activation
)
{
    /// <summary>Reads and checks.</summary>
    public static NanochatConfig From(HfConfig c)
    {
        NanochatConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            ConfigCheck.Attention(c),
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            ConfigCheck.Activation(c, absent: "relu2")
        );
        ConfigCheck.Positive(
            c,
            ("vocab_size", config.VocabSize),
            ("intermediate_size", config.IntermediateSize),
            ("num_hidden_layers", config.NumHiddenLayers)
        );
        return config;
    }
}

/// <summary>nanochat: norms without weights, q and k normed behind their rotation, which turns the other way, squared ReLU, capped
/// logits.</summary>
internal static class NanochatFamily
{
    /// <summary><c>nanochat</c>.</summary>
    public static ModelFamily Nanochat { get; } = new("nanochat", Build, ["attention_bias", "final_logit_softcapping"]);

    private static DecoderModel<NanochatBlock> Build(HfConfig config, Scope root)
    {
        NanochatConfig c = NanochatConfig.From(config);
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim).Reversed();
        UnitNorm norm = new(root.Device, c.HiddenSize, c.RmsNormEps),
            heads = new(root.Device, c.Attention.HeadDim, c.RmsNormEps);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, config.Bool("tie_word_embeddings", false))
            {
                EmbeddingNorm = norm.Forward,
                LogitSoftCap = (float)config.Number("final_logit_softcapping", config.Keys.Contains("final_logit_softcapping") ? 0 : 15),
            },
            (layer, s) => new NanochatBlock(c, layer, s, rotary, norm, heads),
            _ => norm.Forward
        );
    }
}

/// <summary>Grouped-query attention whose heads of q and k are normed after they were rotated.</summary>
internal sealed class NanochatAttention(NanochatConfig c, int layer, Scope s, RotaryTable rotary, UnitNorm heads)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention.QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention.QueryWidth, c.HiddenSize, c.AttentionBias);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = heads.Heads(ctx.Rope(q, c.Attention.Heads, rotary));
        k = heads.Heads(ctx.Rope(k, c.Attention.KeyValueHeads, rotary));
        return _o.Forward(ctx.Attend(layer, q, k, v, c.Attention), residual); // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block with a feed-forward layer that has no gate.</summary>
internal sealed class NanochatBlock(NanochatConfig c, int layer, Scope s, RotaryTable rotary, UnitNorm norm, UnitNorm heads) : IDecoderBlock
{
    private readonly NanochatAttention _attention = new(c, layer, s["self_attn"], rotary, heads);
    private readonly Linear _fc1 = new(s["mlp"]["fc1"], c.HiddenSize, c.IntermediateSize);
    private readonly Linear _fc2 = new(s["mlp"]["fc2"], c.IntermediateSize, c.HiddenSize);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 8L * c.HiddenSize + 3L * c.Attention.KeyWidth + 2L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(norm.Forward(x), ctx, residual: x);
        return _fc2.Forward(Ops.Activate(_fc1.Forward(norm.Forward(h)), c.Activation), residual: h);
    }
}
