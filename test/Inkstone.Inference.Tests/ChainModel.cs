using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Inference.Tests;

/// <summary>A Llama in which the likeliest next token depends on the last one alone, as it is told: the embedding is the identity, layers
/// add nothing.</summary>
internal static class ChainModel
{
    /// <summary>Makes it.</summary>
    /// <param name="device">where</param>
    /// <param name="vocabulary">number of ids</param>
    /// <param name="next">pairs of a token and its successor; every other token is followed by itself</param>
    /// <param name="more">further members of config.json</param>
    public static CausalLm Make(Device device, int vocabulary, IEnumerable<(int Token, int Next)> next, string more = "")
    {
        int hidden = (vocabulary + 15) / 16 * 16;
        CausalLm model = Pretrained.New(
            HfConfig.Parse(
                $$"""
                {"model_type":"llama","vocab_size":{{vocabulary}},"hidden_size":{{hidden}},"intermediate_size":16,"num_hidden_layers":1,"num_attention_heads":1,
                 "num_key_value_heads":1,"head_dim":16,"max_position_embeddings":256,"tie_word_embeddings":false{{more}}}
                """
            ),
            device,
            seed: 1
        );
        foreach (Parameter p in model.Parameters)
        {
            p.Tensor.Span.Fill(p.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0);
        }
        Span<float> embedding = model.Parameters["model.embed_tokens.weight"].Span,
            head = model.Parameters["lm_head.weight"].Span;
        Dictionary<int, int> successors = next.ToDictionary(pair => pair.Token, pair => pair.Next);
        for (int id = 0; id < vocabulary; id++)
        {
            embedding[id * hidden + id] = 1;
            head[successors.GetValueOrDefault(id, id) * hidden + id] = 1;
        }
        return model;
    }

    /// <summary>The pairs of a sequence in which each token follows the one before.</summary>
    public static IEnumerable<(int Token, int Next)> Chain(params int[] ids) => ids.Zip(ids.Skip(1));
}
