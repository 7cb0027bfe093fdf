using Inkstone.Formats;
using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;

namespace Inkstone.Models.Qwen35;

/// <summary>
/// Qwen3.5, text part: Qwen3-Next with its projections apart, dense or with experts in every layer. Published checkpoints nest the text
/// model's configuration and
/// names and hold a vision module beside, which is not built; text models alone have model types that end in _text.
/// </summary>
internal static class Qwen35Family
{
    private static readonly string[] Keys =
    [
        "attention_bias",
        "partial_rotary_factor",
        "layer_types",
        "full_attention_interval",
        "linear_conv_kernel_dim",
        "linear_key_head_dim",
        "linear_value_head_dim",
        "linear_num_key_heads",
        "linear_num_value_heads",
        "mtp_num_hidden_layers",
        "mtp_use_dedicated_embeddings",
        "mtp_loss_weight",
    ];

    private static readonly string[] ExpertKeys =
    [
        "num_experts",
        "num_local_experts",
        "num_experts_per_tok",
        "moe_intermediate_size",
        "shared_expert_intermediate_size",
        "output_router_logits",
        "router_aux_loss_coef",
    ];

    /// <summary><c>qwen3_5_text</c>.</summary>
    public static ModelFamily Qwen35Text { get; } =
        new("qwen3_5_text", (config, root) => Build(config, config, root), Keys) { Harmless = ["mlp_only_layers"], IsRedundant = IsBeside };

    /// <summary><c>qwen3_5</c>.</summary>
    public static ModelFamily Qwen35 { get; } = Qwen35Text with { ModelType = "qwen3_5", Build = BuildNested };

    /// <summary><c>qwen3_5_moe_text</c>.</summary>
    public static ModelFamily Qwen35MoeText { get; } =
        new("qwen3_5_moe_text", (config, root) => Build(config, config, root), [.. Keys, .. ExpertKeys])
        {
            Harmless = ["mlp_only_layers", "norm_topk_prob", "decoder_sparse_step"],
            IsRedundant = IsBeside,
        };

    /// <summary><c>qwen3_5_moe</c>.</summary>
    public static ModelFamily Qwen35Moe { get; } = Qwen35MoeText with { ModelType = "qwen3_5_moe", Build = BuildNested };

    private static bool IsBeside(string name) =>
        name.StartsWith("mtp.", StringComparison.Ordinal) || name.StartsWith("model.visual.", StringComparison.Ordinal);

    private static Qwen35Model BuildNested(HfConfig config, Scope root)
    {
        HfConfig text =
            config.Object("text_config")
            ?? throw new InvalidDataException($"{config.Source} has no \"text_config\"; a {config.Text("model_type")} model has one.");
        ConfigKeys.Check(text, ModelFamilies.Find(config));
        return Build(config, text, root);
    }

    private static Qwen35Model Build(HfConfig config, HfConfig text, Scope root)
    {
        bool sparse = text.Has("num_experts") || text.Has("num_local_experts");
        // A text model that transformers read from a published checkpoint is written with the names of that.
        bool published = ReferenceEquals(config, text)
            ? !root["model"]["embed_tokens"].Has("weight")
            : root["model"]["language_model"]["embed_tokens"].Has("weight");
        return new Qwen35Model(config, text, root, Qwen3NextConfig.From(text, sparse), published ? "model.language_model" : "model");
    }
}
