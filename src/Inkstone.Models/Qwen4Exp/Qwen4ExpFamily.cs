using Inkstone.Formats;
using Inkstone.Nn;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>
/// Qwen4, text part: Qwen3.5's layers on several residual streams, attention to blocks that an indexer chooses, hashed n-grams. Published
/// checkpoints nest the text model's configuration and names,
/// as Qwen3.5's do.
/// </summary>
internal static class Qwen4ExpFamily
{
    // "seed", the seed of the n-grams' factors, is read too; as a key of this list it would be refused in other families' files, where it
    // means something else.
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
        "num_experts",
        "num_local_experts",
        "num_experts_per_tok",
        "moe_intermediate_size",
        "shared_expert_intermediate_size",
        "norm_topk_prob",
        "output_router_logits",
        "router_aux_loss_coef",
        "hc_count",
        "hc_lowrank",
        "output_gate_type",
        "ple_layer_ids",
        "ple_embed_dim",
        "ple_conv_kernel_size",
        "ngram_size",
        "heads_per_ngram",
        "ngram_vocab_size_base",
        "make_ngram_vocab_size_divisible_by",
        "split_ngram_parts",
        "indexer_n_heads",
        "indexer_kv_heads",
        "indexer_head_dim",
        "indexer_budget",
        "indexer_compress_ratio",
        "indexer_loss",
        "mtp_num_hidden_layers",
        "mtp_use_dedicated_embeddings",
        "mtp_loss_weight",
    ];

    /// <summary><c>qwen4_exp_text</c>.</summary>
    public static ModelFamily Qwen4ExpText { get; } =
        new("qwen4_exp_text", (config, root) => Build(config, config, root), Keys)
        {
            Harmless = ["mlp_only_layers", "decoder_sparse_step"],
            IsRedundant = name =>
                name.StartsWith("mtp.", StringComparison.Ordinal) || name.StartsWith("model.visual.", StringComparison.Ordinal),
            DependsOnEnd = true,
        };

    /// <summary><c>qwen4_exp</c>.</summary>
    public static ModelFamily Qwen4Exp { get; } = Qwen4ExpText with { ModelType = "qwen4_exp", Build = BuildNested };

    private static Qwen4ExpModel BuildNested(HfConfig config, Scope root)
    {
        HfConfig text =
            config.Object("text_config")
            ?? throw new InvalidDataException($"{config.Source} has no \"text_config\"; a {config.Text("model_type")} model has one.");
        ConfigKeys.Check(text, ModelFamilies.Find(config));
        return Build(config, text, root);
    }

    private static Qwen4ExpModel Build(HfConfig config, HfConfig text, Scope root)
    {
        // A text model that transformers read from a published checkpoint is written with the names of that.
        bool published = ReferenceEquals(config, text)
            ? !root["model"]["embed_tokens"].Has("weight")
            : root["model"]["language_model"]["embed_tokens"].Has("weight");
        return new Qwen4ExpModel(config, text, root, Qwen4ExpConfig.From(text, config), published ? "model.language_model" : "model");
    }
}
