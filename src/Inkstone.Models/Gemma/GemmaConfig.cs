using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Gemma;

/// <summary>config.json of <c>gemma2</c> and <c>gemma3_text</c>, with the defaults that transformers has. Attention: per layer.</summary>
internal sealed record GemmaConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec[] Attention,
    float RmsNormEps,
    bool AttentionBias,
    Activation Activation,
    bool TieWordEmbeddings,
    float FinalSoftCap,
    bool NormsHeads
)
{
    private const string Sliding = "sliding_attention",
        Full = "full_attention";

    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Attention.Length;

    /// <summary>Gemma 2: even layers slide, scores are capped.</summary>
    public static GemmaConfig Gemma2(HfConfig c) =>
        From(c, i => i % 2 == 0, (float)Cap(c, "attn_logit_softcapping", 50), Cap(c, "final_logit_softcapping", 30), normsHeads: false);

    /// <summary>Gemma 3: all but every sixth layer slide, heads are normed instead.</summary>
    public static GemmaConfig Gemma3(HfConfig c)
    {
        int pattern = c.Int("sliding_window_pattern", 6);
        ConfigCheck.Positive(c, ("sliding_window_pattern", pattern));
        return From(c, i => (i + 1) % pattern != 0, 0, Cap(c, "final_logit_softcapping", 0), normsHeads: true);
    }

    private static GemmaConfig From(HfConfig c, Func<int, bool> slides, float scoreCap, double finalCap, bool normsHeads)
    {
        int layers = c.Int("num_hidden_layers"),
            window = c.Int("sliding_window", 4096);
        double scalar = c.Number("query_pre_attn_scalar", 256);
        ConfigCheck.Positive(c, ("num_hidden_layers", layers), ("sliding_window", window));
        if (!(scalar > 0))
        {
            throw new InvalidDataException($"{c.Source}: \"query_pre_attn_scalar\" must be above 0, it is {scalar}.");
        }
        AttentionSpec whole = ConfigCheck.Attention(c, absentKeyValueHeads: 4, absentHeadDim: 256) with
        {
            Scale = (float)(1 / Math.Sqrt(scalar)),
            SoftCap = scoreCap,
        };
        string[] types = SlidingWindow.LayerTypes(c, layers, Sliding, Full);
        GemmaConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            [
                .. Enumerable
                    .Range(0, layers)
                    .Select(i => (types.Length > 0 ? types[i] == Sliding : slides(i)) ? whole with { Window = window } : whole),
            ],
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            ConfigCheck.Activation(c, "hidden_activation", "gelu_pytorch_tanh"),
            c.Bool("tie_word_embeddings", true),
            (float)finalCap,
            normsHeads
        );
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize));
        return config;
    }

    /// <summary>A cap; null turns it off.</summary>
    private static double Cap(HfConfig c, string key, double absent) =>
        c.Has(key) ? c.Number(key)
        : c.Keys.Contains(key) ? 0
        : absent;
}
