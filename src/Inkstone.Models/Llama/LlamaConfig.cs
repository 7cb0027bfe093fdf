using Inkstone.Formats;

namespace Inkstone.Models.Llama;

/// <summary>config.json of <c>model_type: llama</c>, with the defaults that transformers has.</summary>
public sealed record LlamaConfig(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int NumKeyValueHeads,
    int HeadDim,
    float RmsNormEps = 1e-6f,
    bool AttentionBias = false,
    bool MlpBias = false,
    bool TieWordEmbeddings = false)
{
    /// <summary>Reads and checks.</summary>
    public static LlamaConfig From(HfConfig c)
    {
        int heads = c.Int("num_attention_heads");
        LlamaConfig config = new(
            c.Int("vocab_size"),
            c.Int("hidden_size"),
            c.Int("intermediate_size"),
            c.Int("num_hidden_layers"),
            heads,
            c.Int("num_key_value_heads", heads),
            c.Int("head_dim", heads > 0 ? c.Int("hidden_size") / heads : 0),
            (float)c.Number("rms_norm_eps", 1e-6),
            c.Bool("attention_bias", false),
            c.Bool("mlp_bias", false),
            c.Bool("tie_word_embeddings", false));
        config.Validate(c);
        return config;
    }

    private void Validate(HfConfig c)
    {
        ConfigCheck.Positive(c, ("vocab_size", VocabSize), ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize),
            ("num_hidden_layers", NumHiddenLayers), ("num_attention_heads", NumAttentionHeads), ("num_key_value_heads", NumKeyValueHeads), ("head_dim", HeadDim));
        ConfigCheck.Multiple(c, "num_attention_heads", NumAttentionHeads, "num_key_value_heads", NumKeyValueHeads);
        ConfigCheck.Even(c, "head_dim", HeadDim);
        ConfigCheck.Silu(c);
    }
}
