using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Glm4;

/// <summary>config.json of <c>model_type: glm4</c>, with the defaults that transformers has.</summary>
internal sealed record Glm4Config(
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
    public static Glm4Config From(HfConfig c)
    {
        Glm4Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            ConfigCheck.Attention(c, absentKeyValueHeads: 2, absentHeadDim: 128),
            (float)c.Number("rms_norm_eps", 1.5625e-7),
            c.Bool("attention_bias", true),
            ConfigCheck.Activation(c)
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

/// <summary>GLM-4-0414: norms before and behind both branches, rotary pairs side by side in half of each head.</summary>
internal static class Glm4Family
{
    /// <summary><c>glm4</c>.</summary>
    public static ModelFamily Glm4 { get; } =
        new("glm4", Build, ["attention_bias", "partial_rotary_factor"]) { Gguf = Glm4Gguf.Architecture };

    private static DecoderModel<Glm4Block> Build(HfConfig config, Scope root)
    {
        Glm4Config c = Glm4Config.From(config);
        RotaryTable rotary = Rotary.From(config, Rotary.PartialDim(config, c.Attention.HeadDim, 0.5));
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, config.Bool("tie_word_embeddings", false)),
            (layer, s) => new Glm4Block(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}

/// <summary>Grouped-query attention with biases on q, k and v.</summary>
internal sealed class Glm4Attention(Glm4Config c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _q = new(s["q_proj"], c.HiddenSize, c.Attention.QueryWidth, c.AttentionBias);
    private readonly Linear _k = new(s["k_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _v = new(s["v_proj"], c.HiddenSize, c.Attention.KeyWidth, c.AttentionBias);
    private readonly Linear _o = new(s["o_proj"], c.Attention.QueryWidth, c.HiddenSize);

    /// <summary>x: [B, T, C], normed.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        (Tensor q, Tensor k, Tensor v) = Linear.Forward(x, _q, _k, _v); // [B, T, H·D], [B, T, Hkv·D] twice
        q = ctx.Rope(q, c.Attention.Heads, rotary, interleaved: true);
        k = ctx.Rope(k, c.Attention.KeyValueHeads, rotary, interleaved: true);
        return _o.Forward(ctx.Attend(layer, q, k, v, c.Attention)); // [B, T, C]
    }
}

/// <summary>Decoder block with four norms.</summary>
internal sealed class Glm4Block(Glm4Config c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Glm4Attention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postSelfAttentionNorm = new(s["post_self_attn_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps); // stands before the feed-forward layer
    private readonly FusedSwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, c.Activation);
    private readonly RmsNorm _postMlpNorm = new(s["post_mlp_layernorm"], c.HiddenSize, c.RmsNormEps);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 11L * c.HiddenSize + 2L * c.Attention.KeyWidth + 5L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = Ops.Add(x, _postSelfAttentionNorm.Forward(_attention.Forward(_inputNorm.ForwardCompact(x), ctx)));
        return Ops.Add(h, _postMlpNorm.Forward(_mlp.Forward(_postAttentionNorm.ForwardCompact(h))));
    }
}
