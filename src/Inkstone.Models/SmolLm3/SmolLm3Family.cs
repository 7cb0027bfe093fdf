using Inkstone.Formats;
using Inkstone.Models.Llama;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.SmolLm3;

/// <summary>SmolLM3: Llama's block, of which some layers do not rotate (arXiv:2501.18795).</summary>
internal static class SmolLm3Family
{
    /// <summary><c>smollm3</c>.</summary>
    public static ModelFamily SmolLm3 { get; } =
        new(
            "smollm3",
            Build,
            [
                "attention_bias",
                "mlp_bias",
                "no_rope_layers",
                "no_rope_layer_interval",
                "use_sliding_window",
                "sliding_window",
                "layer_types",
            ]
        )
        {
            Harmless = ["max_window_layers"],
            TiedByDefault = true,
            Gguf = SmolLm3Gguf.Architecture,
        };

    private static DecoderModel<LlamaBlock> Build(HfConfig config, Scope root)
    {
        LlamaConfig c = LlamaConfig.From(config, ConfigCheck.Attention(config, absentKeyValueHeads: 4)) with
        {
            TieWordEmbeddings = config.Bool("tie_word_embeddings", true),
        };
        RotaryTable rotary = Rotary.From(config, c.Attention.HeadDim, absentTheta: 2_000_000);
        bool[] rotated = Rotated(config, c.NumHiddenLayers);
        AttentionSpec[] attention = Windows(config, c.Attention, rotated);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings),
            (layer, s) => new LlamaBlock(c with { Attention = attention[layer] }, layer, s, rotated[layer] ? rotary : null),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }

    /// <summary>no_rope_layers says 1 where a layer rotates; without it all but every no_rope_layer_interval-th do.</summary>
    private static bool[] Rotated(HfConfig c, int layers)
    {
        int[] list = c.Ints("no_rope_layers");
        int interval = c.Int("no_rope_layer_interval", 4);
        ConfigCheck.Positive(c, ("no_rope_layer_interval", interval));
        return list.Length == 0 ? [.. Enumerable.Range(0, layers).Select(i => (i + 1) % interval != 0)]
            : list.Length == layers ? [.. list.Select(turns => turns != 0)]
            : throw new InvalidDataException(
                $"{c.Source}: no_rope_layers must have a number for each of {layers} layers, it has {list.Length}."
            );
    }

    /// <summary>layer_types, or windows on the layers that do not rotate, where use_sliding_window asks for them.</summary>
    private static AttentionSpec[] Windows(HfConfig c, AttentionSpec whole, bool[] rotated)
    {
        if (!c.Bool("use_sliding_window", false) || !c.Has("sliding_window"))
        {
            return [.. rotated.Select(_ => whole)];
        }
        int window = c.Int("sliding_window");
        ConfigCheck.Positive(c, ("sliding_window", window));
        string[] types = SlidingWindow.LayerTypes(c, rotated.Length, "sliding_attention", "full_attention");
        return
        [
            .. rotated.Select(
                (turns, i) => (types.Length > 0 ? types[i] == "sliding_attention" : !turns) ? whole with { Window = window } : whole
            ),
        ];
    }
}
