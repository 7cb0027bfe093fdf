using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen3;

/// <summary>config.json of <c>model_type: qwen3</c>, with the defaults that transformers has. Attention: per layer.</summary>
internal sealed record Qwen3Config(
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
    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Attention.Length;

    /// <summary>Reads and checks.</summary>
    public static Qwen3Config From(HfConfig c)
    {
        Qwen3Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            SlidingWindow.OfLayers(c, ConfigCheck.Attention(c, absentHeadDim: 128)),
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            ConfigCheck.Activation(c),
            c.Bool("tie_word_embeddings", false)
        );
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize));
        return config;
    }
}
