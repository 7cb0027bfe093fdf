using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;

namespace Inkstone.Models.DeepseekV32;

/// <summary>DeepSeek-V3.2 (arXiv:2512.02556): DeepSeek-V3 whose attention sees only the keys that an indexer chooses.</summary>
internal static class DeepseekV32Family
{
    /// <summary><c>deepseek_v32</c>.</summary>
    public static ModelFamily DeepseekV32 { get; } =
        DeepseekV3Family.DeepseekV3 with
        {
            ModelType = "deepseek_v32",
            Build = (config, root) => DeepseekV3Model.Build(config, root, Config(config)),
            Keys =
            [
                .. DeepseekV3Family.DeepseekV3.Keys,
                "index_n_heads",
                "index_head_dim",
                "index_topk",
                "indexer_loss",
                "layer_types",
                "mlp_layer_types",
            ],
            Gguf = null,
        };

    private static DeepseekV3Config Config(HfConfig c)
    {
        DeepseekV3Config config = DeepseekV3Config.From(c);
        if (config.QLoraRank is null)
        {
            throw new InvalidDataException(
                $"{c.Source}: a deepseek_v32 model needs q_lora_rank, from which its indexers take their queries."
            );
        }
        IndexerSpec index = new(c.Int("index_n_heads", 64), c.Int("index_head_dim", 128), c.Int("index_topk", 2048));
        ConfigCheck.Positive(c, ("index_n_heads", index.Heads), ("index_head_dim", index.HeadDim), ("index_topk", index.TopK));
        ConfigCheck.AtMost(c, "qk_rope_head_dim", config.QkRopeHeadDim, "index_head_dim", index.HeadDim);
        _ = SlidingWindow.LayerTypes(c, config.NumHiddenLayers, "indexed_attention");
        string[] types = c.Texts("mlp_layer_types");
        return types.Length > 0 && (types.Length != config.NumHiddenLayers || !types.All(type => type is "dense" or "sparse"))
            ? throw new InvalidDataException(
                $"{c.Source}: mlp_layer_types must name dense or sparse for each of {config.NumHiddenLayers} layers."
            )
            : config with
            {
                Index = index,
                Sparse = types.Length == 0 ? null : [.. types.Select(type => type == "sparse")],
            };
    }
}
