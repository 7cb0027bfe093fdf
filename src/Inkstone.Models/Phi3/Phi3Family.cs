using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Phi3;

/// <summary>config.json of <c>model_type: phi3</c>, with the defaults that transformers has.</summary>
internal sealed record Phi3Config(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    AttentionSpec Attention,
    float RmsNormEps,
    Activation Activation
)
{
    /// <summary>Reads and checks.</summary>
    public static Phi3Config From(HfConfig c)
    {
        int? window = c.Has("sliding_window") ? c.Int("sliding_window") : null;
        ConfigCheck.Positive(c, ("sliding_window", window ?? 1));
        Phi3Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            ConfigCheck.Attention(c) with
            {
                Window = window,
            },
            (float)c.Number("rms_norm_eps", 1e-5),
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

/// <summary>Phi-3 (arXiv:2404.14219) and Phi-4: q, k, v in one matrix, gate and up in another, a window on every layer, positions stretched
/// by longrope.</summary>
internal static class Phi3Family
{
    /// <summary><c>phi3</c>.</summary>
    public static ModelFamily Phi3 { get; } =
        new("phi3", Build, ["sliding_window", "partial_rotary_factor", "original_max_position_embeddings"])
        {
            Harmless = ["attention_bias", "mlp_bias", "use_sliding_window", "max_window_layers"],
            Gguf = Phi3Gguf.Architecture,
        };

    private static DecoderModel<Phi3Block> Build(HfConfig config, Scope root)
    {
        Phi3Config c = Phi3Config.From(config);
        RotaryTable rotary = Rotary.From(config, Rotary.PartialDim(config, c.Attention.HeadDim, 1));
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, config.Bool("tie_word_embeddings", false)) { Rotary = rotary },
            (layer, s) => new Phi3Block(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}

/// <summary>Grouped-query attention on one projection, whose rows are those of q, of k and of v.</summary>
internal sealed class Phi3Attention(Phi3Config c, int layer, Scope s, RotaryTable rotary)
{
    private readonly Linear _qkv = new(s["qkv_proj"], c.HiddenSize, c.Attention.QueryWidth + 2 * c.Attention.KeyWidth);
    private readonly Linear _o = new(s["o_proj"], c.Attention.QueryWidth, c.HiddenSize);

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        (int queries, int keys) = (c.Attention.QueryWidth, c.Attention.KeyWidth);
        Tensor qkv = _qkv.Forward(x); // [B, T, H·D + 2·Hkv·D]
        Tensor q = ctx.Rope(Ops.HeadColumns(qkv, 1, 0, queries), c.Attention.Heads, rotary);
        Tensor k = ctx.Rope(Ops.HeadColumns(qkv, 1, queries, keys), c.Attention.KeyValueHeads, rotary);
        Tensor v = Ops.HeadColumns(qkv, 1, queries + keys, keys);
        return _o.Forward(ctx.Attend(layer, q, k, v, c.Attention), residual); // [B, T, C]
    }
}

/// <summary>Pre-norm decoder block.</summary>
internal sealed class Phi3Block(Phi3Config c, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly RmsNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly Phi3Attention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly FusedSwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, c.Activation);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 9L * c.HiddenSize + 5L * c.Attention.KeyWidth + 5L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.ForwardCompact(x), ctx, residual: x);
        return _mlp.Forward(_postAttentionNorm.ForwardCompact(h), residual: h);
    }
}
