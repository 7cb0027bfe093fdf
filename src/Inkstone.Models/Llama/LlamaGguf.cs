using Inkstone.Formats;

namespace Inkstone.Models.Llama;

/// <summary>GGUF files of Llama.</summary>
internal static class LlamaGguf
{
    /// <summary>Tensors of Llama's block: rows of q and k permuted, biases where the model has them.</summary>
    /// <param name="absentKeyValueHeads">num_key_value_heads where config.json lacks it</param>
    public static GgufTensorRule[] Block(int? absentKeyValueHeads = null) =>
        [
            .. GgufRules.Norms(),
            .. GgufRules.Attention(interleaved: true, absentKeyValueHeads),
            .. GgufRules.QkvBiases(interleaved: true, absentKeyValueHeads),
            GgufRules.OutputBias,
            .. GgufRules.Dense,
            .. GgufRules.DenseBiases,
        ];

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("llama", "llama", Block())
        {
            Rope = ["linear", "llama3", "yarn"],
            Is = (_, keys) => keys.Int("expert_count") is null or 0,
            Read = (file, _, json) => GgufRules.ReadBiases(file, json),
        };
}
