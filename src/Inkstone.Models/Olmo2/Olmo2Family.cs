using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Olmo2;

/// <summary>config.json of <c>olmo2</c> and <c>olmo3</c>. Attention: per layer.</summary>
internal sealed record Olmo2Config(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec[] Attention,
    float RmsNormEps,
    bool AttentionBias,
    Activation Activation,
    bool TieWordEmbeddings
)
{
    /// <summary>Reads and checks.</summary>
    public static Olmo2Config From(HfConfig c, AttentionSpec[] attention)
    {
        Olmo2Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            attention,
            (float)c.Number("rms_norm_eps", 1e-5),
            c.Bool("attention_bias", false),
            ConfigCheck.Activation(c),
            c.Bool("tie_word_embeddings", false)
        );
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize));
        return config;
    }
}

/// <summary>OLMo 2 (arXiv:2501.00656) and OLMo 3, which adds windows and stretches positions of its full layers only.</summary>
internal static class Olmo2Family
{
    private const string Sliding = "sliding_attention",
        Full = "full_attention";

    /// <summary><c>olmo2</c>.</summary>
    public static ModelFamily Olmo2 { get; } =
        new(
            "olmo2",
            (config, root) =>
            {
                AttentionSpec heads = ConfigCheck.Attention(config);
                int layers = config.Int("num_hidden_layers");
                ConfigCheck.Positive(config, ("num_hidden_layers", layers));
                RotaryTable rotary = Rotary.From(config, heads.HeadDim);
                return Build(config, root, [.. Enumerable.Repeat(heads, layers)], _ => rotary);
            },
            ["attention_bias"]
        )
        {
            Gguf = Olmo2Gguf.Olmo2,
        };

    /// <summary><c>olmo3</c>.</summary>
    public static ModelFamily Olmo3 { get; } =
        new(
            "olmo3",
            (config, root) =>
            {
                AttentionSpec heads = ConfigCheck.Attention(config);
                int layers = config.Int("num_hidden_layers"),
                    window = config.Int("sliding_window", 4096);
                ConfigCheck.Positive(config, ("num_hidden_layers", layers), ("sliding_window", window));
                string[] types = SlidingWindow.LayerTypes(config, layers, Sliding, Full);
                types = types.Length > 0 ? types : [.. Enumerable.Range(0, layers).Select(i => (i + 1) % 4 == 0 ? Full : Sliding)];
                // Hub form: rope_theta counts for all layers, rope_scaling for the full ones (transformers 4.57 and llama.cpp; 5.24 forgets
                // theta
                // in the sliding ones).
                RotaryTable full = Rotary.From(config, heads.HeadDim, Full);
                RotaryTable sliding =
                    config.Object("rope_parameters") is { } nested && nested.Has(Sliding)
                        ? Rotary.From(config, heads.HeadDim, Sliding)
                        : RotaryTable.Default(
                            heads.HeadDim,
                            Rotary.Parameters(config) is { } rope && rope.Has("rope_theta")
                                ? rope.Number("rope_theta")
                                : config.Number("rope_theta", 10_000)
                        );
                return Build(
                    config,
                    root,
                    [.. types.Select(type => type == Sliding ? heads with { Window = window } : heads)],
                    layer => types[layer] == Sliding ? sliding : full
                );
            },
            ["attention_bias", "sliding_window", "layer_types"]
        )
        {
            Gguf = Olmo2Gguf.Olmo3,
        };

    private static DecoderModel<Olmo2Block> Build(HfConfig config, Scope root, AttentionSpec[] attention, Func<int, RotaryTable> rotary)
    {
        Olmo2Config c = Olmo2Config.From(config, attention);
        return new(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, attention.Length, c.TieWordEmbeddings),
            (layer, s) => new Olmo2Block(c, layer, s, rotary(layer)),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps).Forward
        );
    }
}
