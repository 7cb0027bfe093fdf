using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Llama;

/// <summary>config.json of <c>model_type: llama</c>, with the defaults that transformers has.</summary>
internal sealed record LlamaConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    AttentionSpec Attention,
    float RmsNormEps,
    bool AttentionBias,
    bool MlpBias,
    Activation Activation,
    bool TieWordEmbeddings,
    bool InterleavedRope = false
)
{
    /// <summary>Reads and checks.</summary>
    /// <param name="c">config.json</param>
    /// <param name="attention">heads and window, where they are not those of plain Llama</param>
    public static LlamaConfig From(HfConfig c, AttentionSpec? attention = null)
    {
        LlamaConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            attention ?? ConfigCheck.Attention(c),
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            c.Bool("mlp_bias", false),
            ConfigCheck.Activation(c),
            c.Bool("tie_word_embeddings", false)
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
