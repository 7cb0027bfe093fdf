using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen2;

/// <summary>config.json of <c>model_type: qwen2</c> (Qwen2 and Qwen2.5), with the defaults that transformers has. Attention: per
/// layer.</summary>
internal sealed record Qwen2Config(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    AttentionSpec[] Attention,
    float RmsNormEps,
    Activation Activation,
    bool TieWordEmbeddings
)
{
    /// <summary>Number of layers.</summary>
    public int NumHiddenLayers => Attention.Length;

    /// <summary>Reads and checks.</summary>
    public static Qwen2Config From(HfConfig c)
    {
        Qwen2Config config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            SlidingWindow.OfLayers(c, ConfigCheck.Attention(c)),
            (float)c.Number("rms_norm_eps", 1e-6),
            ConfigCheck.Activation(c),
            c.Bool("tie_word_embeddings", false)
        );
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize));
        return config;
    }
}
