using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Starcoder2;

/// <summary>StarCoder2 (arXiv:2402.19173): Llama's attention with biases and a window, between layer norms; a feed-forward layer without a
/// gate.</summary>
internal static class Starcoder2Family
{
    /// <summary><c>starcoder2</c>.</summary>
    public static ModelFamily Starcoder2 { get; } =
        new("starcoder2", Build, ["norm_epsilon", "sliding_window", "use_bias"])
        {
            TiedByDefault = true,
            Gguf = Starcoder2Gguf.Architecture,
        };

    private static DecoderModel<Starcoder2Block> Build(HfConfig config, Scope root)
    {
        ConfigCheck.Above0(config, "norm_epsilon", orZero: true);
        int? window = config.Has("sliding_window") ? config.Int("sliding_window") : null;
        ConfigCheck.Positive(config, ("sliding_window", window ?? 1));
        bool bias = config.Bool("use_bias", true);
        LlamaConfig c = LlamaConfig.From(config, ConfigCheck.Attention(config, absentKeyValueHeads: 2) with { Window = window }) with
        {
            Activation = ConfigCheck.Activation(config, absent: "gelu_pytorch_tanh"),
            AttentionBias = bias,
            MlpBias = bias,
            TieWordEmbeddings = config.Bool("tie_word_embeddings", true),
        };
        float eps = (float)config.Number("norm_epsilon", 1e-5);
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new Starcoder2Block(c, eps, layer, s, rotary),
            s => new LayerNorm(s, c.HiddenSize, eps).Forward
        );
    }
}

/// <summary>Pre-norm decoder block.</summary>
internal sealed class Starcoder2Block(LlamaConfig c, float eps, int layer, Scope s, RotaryTable rotary) : IDecoderBlock
{
    private readonly LayerNorm _inputNorm = new(s["input_layernorm"], c.HiddenSize, eps);
    private readonly LlamaAttention _attention = new(c, layer, s["self_attn"], rotary);
    private readonly LayerNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, eps);
    private readonly Linear _fc = new(s["mlp"]["c_fc"], c.HiddenSize, c.IntermediateSize, c.MlpBias);
    private readonly Linear _proj = new(s["mlp"]["c_proj"], c.IntermediateSize, c.HiddenSize, c.MlpBias);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention;

    /// <inheritdoc/>
    public long ActivationsPerToken => 9L * c.HiddenSize + 2L * c.Attention.KeyWidth + 2L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = _attention.Forward(_inputNorm.Forward(x), ctx, residual: x);
        return _proj.Forward(Ops.Activate(_fc.Forward(_postAttentionNorm.Forward(h)), c.Activation), residual: h);
    }
}
