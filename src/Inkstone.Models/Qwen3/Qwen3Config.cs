using Inkstone.Formats;

namespace Inkstone.Models.Qwen3;

/// <summary>config.json of <c>model_type: qwen3</c>, with the defaults that transformers has.</summary>
public sealed record Qwen3Config(
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int NumKeyValueHeads,
    int HeadDim,
    float RmsNormEps,
    bool AttentionBias,
    bool TieWordEmbeddings,
    int?[] Windows)
{
    /// <summary>Reads and checks.</summary>
    public static Qwen3Config From(HfConfig c)
    {
        int hidden = c.Int("hidden_size"), layers = c.Int("num_hidden_layers"), heads = c.Int("num_attention_heads");
        ConfigCheck.Positive(c, ("hidden_size", hidden), ("num_hidden_layers", layers), ("num_attention_heads", heads));
        Qwen3Config config = new(c.Int("vocab_size"), hidden, c.Int("intermediate_size"), layers, heads, c.Int("num_key_value_heads", heads),
            c.Int("head_dim", 128), (float)c.Number("rms_norm_eps", 1e-6), c.Bool("attention_bias", false), c.Bool("tie_word_embeddings", false),
            SlidingWindow.From(c, layers));
        ConfigCheck.Positive(c, ("vocab_size", config.VocabSize), ("intermediate_size", config.IntermediateSize),
            ("num_key_value_heads", config.NumKeyValueHeads), ("head_dim", config.HeadDim));
        ConfigCheck.Multiple(c, "num_attention_heads", heads, "num_key_value_heads", config.NumKeyValueHeads);
        ConfigCheck.Even(c, "head_dim", config.HeadDim);
        ConfigCheck.Silu(c);
        return config;
    }
}
