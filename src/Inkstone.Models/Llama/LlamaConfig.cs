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
        foreach ((string key, int size) in new[] { ("vocab_size", VocabSize), ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize),
            ("num_hidden_layers", NumHiddenLayers), ("num_attention_heads", NumAttentionHeads), ("num_key_value_heads", NumKeyValueHeads), ("head_dim", HeadDim) })
        {
            if (size <= 0)
            {
                throw new InvalidDataException($"{c.Source}: \"{key}\" must be above 0, it is {size}.");
            }
        }
        if (NumAttentionHeads % NumKeyValueHeads != 0)
        {
            throw new InvalidDataException($"{c.Source}: num_attention_heads {NumAttentionHeads} must be a multiple of num_key_value_heads {NumKeyValueHeads}.");
        }
        if (HeadDim % 2 != 0)
        {
            throw new InvalidDataException($"{c.Source}: head_dim {HeadDim} must be even, rotary positions turn pairs.");
        }
        if (c.Text("hidden_act", "silu") is not "silu" and var activation)
        {
            throw new InvalidDataException($"{c.Source}: hidden_act \"{activation}\" is not known here; known is silu.");
        }
    }
}
