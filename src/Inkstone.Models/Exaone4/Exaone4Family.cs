using Inkstone.Formats;
using Inkstone.Models.Olmo2;
using Inkstone.Models.Qwen3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Exaone4;

/// <summary>EXAONE 4 (arXiv:2507.11407): norms behind the branches as in OLMo 2, on heads of q and k as in Qwen3. Where some layers slide,
/// the others do not rotate.</summary>
internal static class Exaone4Family
{
    internal const string Sliding = "sliding_attention",
        Full = "full_attention";

    /// <summary><c>exaone4</c>.</summary>
    public static ModelFamily Exaone4 { get; } =
        new("exaone4", Build, ["sliding_window", "sliding_window_pattern", "layer_types"]) { Gguf = Exaone4Gguf.Architecture };

    private static DecoderModel<Exaone4Block> Build(HfConfig config, Scope root)
    {
        int? window = Window(config);
        Olmo2Config c = Olmo2Config.From(config, Attention(config, window));
        RotaryTable rotary = Rotary.From(config, c.Attention[0].HeadDim);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.Attention.Length, c.TieWordEmbeddings) { Rotary = rotary },
            (layer, s) => new Exaone4Block(c, layer, s, window is null || c.Attention[layer].Window is not null ? rotary : null),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }

    /// <summary>The window of sliding layers; null where sliding_window is null.</summary>
    internal static int? Window(HfConfig c) =>
        c.Has("sliding_window") ? c.Int("sliding_window")
        : c.Keys.Contains("sliding_window") ? null
        : 4096;

    /// <summary>Whether each layer slides: layer_types, or all but every sliding_window_pattern-th.</summary>
    internal static bool[] Slides(HfConfig c, int layers)
    {
        string[] types = SlidingWindow.LayerTypes(c, layers, Sliding, Full);
        if (types.Length > 0)
        {
            return [.. types.Select(type => type == Sliding)];
        }
        if (c.Keys.Contains("sliding_window_pattern") && (!c.Has("sliding_window_pattern") || c.IsText("sliding_window_pattern")))
        {
            throw new InvalidDataException(
                $"{c.Source}: \"sliding_window_pattern\" must be a number where \"layer_types\" is absent; name the kind of each layer in layer_types."
            );
        }
        int pattern = c.Int("sliding_window_pattern", 4);
        ConfigCheck.Positive(c, ("sliding_window_pattern", pattern));
        return [.. Enumerable.Range(1, layers).Select(i => i % pattern != 0)];
    }

    private static AttentionSpec[] Attention(HfConfig c, int? window)
    {
        AttentionSpec whole = ConfigCheck.Attention(c, absentKeyValueHeads: 32);
        int layers = c.Int("num_hidden_layers");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("sliding_window", window ?? 1));
        if (window is null)
        {
            return SlidingWindow.LayerTypes(c, layers, Sliding, Full).Contains(Sliding)
                ? throw new InvalidDataException(
                    $"{c.Source}: \"layer_types\" has layers that slide, and \"sliding_window\" is null; give the window, or name every layer full_attention."
                )
                : [.. Enumerable.Repeat(whole, layers)];
        }
        return [.. Slides(c, layers).Select(slides => slides ? whole with { Window = window } : whole)];
    }
}

/// <summary>Decoder block that norms what its branches give. Without a table queries and keys are not rotated.</summary>
internal sealed class Exaone4Block(Olmo2Config c, int layer, Scope s, RotaryTable? rotary) : IDecoderBlock
{
    private readonly Qwen3Attention _attention = new(
        c.Attention[layer],
        c.HiddenSize,
        c.RmsNormEps,
        bias: false,
        layer,
        s["self_attn"],
        rotary
    );
    private readonly RmsNorm _postAttentionNorm = new(s["post_attention_layernorm"], c.HiddenSize, c.RmsNormEps);
    private readonly SwiGlu _mlp = new(s["mlp"], c.HiddenSize, c.IntermediateSize, activation: c.Activation);
    private readonly RmsNorm _postFeedforwardNorm = new(s["post_feedforward_layernorm"], c.HiddenSize, c.RmsNormEps);

    /// <inheritdoc/>
    public ICacheSpec Cache => c.Attention[layer];

    /// <inheritdoc/>
    public long ActivationsPerToken => 10L * c.HiddenSize + 3L * c.Attention[layer].KeyWidth + 3L * c.IntermediateSize;

    /// <summary>x: [B, T, C].</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor h = Ops.Add(x, _postAttentionNorm.Forward(_attention.Forward(x, ctx)));
        return Ops.Add(h, _postFeedforwardNorm.Forward(_mlp.Forward(h)));
    }
}
