using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Lfm;

/// <summary>config.json of <c>lfm2</c> and <c>lfm3</c>, with the defaults that transformers has. Attention: per layer; null where it is a
/// convolution.</summary>
internal sealed record LfmConfig(
    int VocabSize,
    int HiddenSize,
    int FeedForwardSize,
    AttentionSpec?[] Attention,
    ConvolutionSpec Convolution,
    bool ConvBias,
    float NormEps,
    bool TieWordEmbeddings
)
{
    private const string Full = "full_attention",
        Sliding = "sliding_attention",
        Conv = "conv";

    /// <summary>Whether each head's output is weighed by a gate.</summary>
    public bool Gated { get; init; }

    /// <summary>Whether operators and feed-forward layers have a norm behind them too.</summary>
    public bool Sandwich { get; init; }

    /// <summary>Names of what attention layers call otherwise in the two families.</summary>
    public (string QNorm, string KNorm, string Output) Names { get; init; } = ("q_norm", "k_norm", "o_proj");

    /// <summary>LFM2. The feed-forward width is that of a plain layer of as many weights, cut by a third and rounded up, unless
    /// block_auto_adjust_ff_dim is false.</summary>
    public static LfmConfig Lfm2(HfConfig c)
    {
        int layers = Layers(c),
            width = c.Int("block_ff_dim", c.Int("intermediate_size", 12288));
        if (c.Bool("block_auto_adjust_ff_dim", true))
        {
            int multiple = c.Int("block_multiple_of", 256);
            ConfigCheck.Positive(c, ("block_multiple_of", multiple));
            width = (int)(c.Number("block_ffn_dim_multiplier", 1) * (int)(2L * width / 3));
            width = (width + multiple - 1) / multiple * multiple;
        }
        foreach (string key in (string[])["block_dim", "conv_dim", "conv_dim_out"])
        {
            if (c.Int(key, c.Int("hidden_size")) != c.Int("hidden_size"))
            {
                throw new InvalidDataException($"{c.Source}: {key} {c.Int(key)} must be hidden_size {c.Int("hidden_size")}.");
            }
        }
        int[] full = c.Ints("full_attn_idxs");
        return Read(
            c,
            width,
            3,
            i => full.Length == 0 || full.Contains(i) ? Full : Conv,
            [Full, Conv],
            c.Bool("tie_embedding", c.Bool("tie_word_embeddings", true))
        ) with
        {
            Names = ("q_layernorm", "k_layernorm", "out_proj"),
        };
    }

    /// <summary>LFM3: gates, norms on both sides, windows in some layers.</summary>
    public static LfmConfig Lfm3(HfConfig c) =>
        Read(
            c,
            c.Int("intermediate_size"),
            3,
            i =>
                i % 4 == 2 ? Full
                : i % 4 == 0 && i > 0 ? Sliding
                : Conv,
            [Full, Sliding, Conv],
            c.Bool("tie_word_embeddings", true)
        ) with
        {
            Gated = c.Bool("use_attention_gate", true),
            Sandwich = c.Bool("use_sandwich_norm", true),
        };

    /// <summary>
    /// Angles of a kind of layer of LFM3. An entry "default" with partial_rotary_factor, as the published configuration has it, means the
    /// same as "proportional";
    /// transformers would turn all of the head, the publisher's code does not.
    /// </summary>
    public static RotaryTable Rotary3(HfConfig c, int headDim, bool sliding)
    {
        HfConfig? rope = Rotary.Parameters(c, sliding ? Sliding : Full);
        double theta =
            rope is not null && rope.Has("rope_theta") ? rope.Number("rope_theta")
            : sliding ? 10_000
            : c.Number("rope_theta", 1_000_000);
        double share = rope?.Number("partial_rotary_factor", 1) ?? 1;
        if (share is not (> 0 and <= 1))
        {
            throw new InvalidDataException(
                FormattableString.Invariant($"{rope!.Source}: \"partial_rotary_factor\" must be above 0 and at most 1, it is {share}.")
            );
        }
        return rope?.Text("rope_type", "default") is null or "default" or "proportional"
            ? RotaryTable.Proportional(headDim, theta, share)
            : Rotary.Table(c, rope, headDim, theta);
    }

    private static int Layers(HfConfig c)
    {
        int layers = c.Int("num_hidden_layers");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers));
        return layers;
    }

    private static LfmConfig Read(HfConfig c, int width, int taps, Func<int, string> kindOf, string[] kinds, bool tied)
    {
        int layers = Layers(c);
        string[] types = SlidingWindow.LayerTypes(c, layers, kinds);
        types = types.Length > 0 ? types : [.. Enumerable.Range(0, layers).Select(kindOf)];
        AttentionSpec whole = ConfigCheck.Attention(c, absentKeyValueHeads: 8);
        int window = types.Contains(Sliding) ? c.Int("sliding_window") : 1,
            kernel = c.Int("conv_L_cache", taps);
        ConfigCheck.Positive(c, ("vocab_size", c.Int("vocab_size")), ("intermediate_size", width), ("sliding_window", window));
        if (kernel < 2)
        {
            throw new InvalidDataException($"{c.Source}: \"conv_L_cache\" must be 2 or more, it is {kernel}.");
        }
        ConfigCheck.Silu(c);
        return new LfmConfig(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            width,
            [
                .. types.Select(type =>
                    type switch
                    {
                        Conv => null,
                        Sliding => whole with { Window = window },
                        _ => whole,
                    }
                ),
            ],
            new ConvolutionSpec(c.Int("hidden_size"), kernel),
            c.Bool("conv_bias", false),
            (float)c.Number("norm_eps", 1e-5),
            tied
        );
    }
}
