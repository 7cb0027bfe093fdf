using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Nn;

namespace Inkstone.Models;

/// <summary>
/// Which keys of config.json are read. A key that would change the numbers and that a family does not read is refused by name, unless its
/// value says "nothing":
/// a model that computes something else than its file says is worse than none. Keys that no family here reads are carried along.
/// </summary>
public static class ConfigKeys
{
    private const string PartialRotary = "partial_rotary_factor";

    /// <summary>Keys that every family reads.</summary>
    public static IReadOnlyList<string> Common { get; } =
    [
        "model_type",
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "max_position_embeddings",
        "rms_norm_eps",
        "rope_theta",
        "rope_scaling",
        "rope_parameters",
        "hidden_act",
        "tie_word_embeddings",
        "initializer_range",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "architectures",
    ];

    /// <summary>
    /// Keys that change what other architectures compute, beside those that families here read. Dropout (attention_dropout and its like) is
    /// not among them:
    /// it acts in training only, and is not applied here.
    /// </summary>
    private static readonly string[] Elsewhere =
    [
        "quantization_config",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "logits_soft_cap",
        "query_pre_attn_scalar",
        "embedding_multiplier",
        "attention_multiplier",
        "residual_multiplier",
        "logits_scaling",
        "logit_scale",
        "use_qk_norm",
        "qk_layernorm",
        "clip_qkv",
        "alibi",
        "use_bias",
        "qkv_bias",
        "no_rope_layers",
        "no_rope_layer_interval",
        "parallel_attn",
        "use_parallel_residual",
        "router_jitter_noise",
        "swiglu_limit",
        "sandwich_norm",
        "rope_local_base_freq",
        "rotary_pct",
        "rope_pct",
        "num_experts_shared",
        "num_local_experts",
        "shared_intermediate_size",
        "scale_emb",
        "scale_depth",
        "dim_model_base",
        "mup_width_multiplier",
        "attention_sink",
        "use_mup",
        "embedding_scale",
    ];

    /// <summary>Values that stand for "as if the key were not there".</summary>
    private static readonly Dictionary<string, double> Neutral = new(StringComparer.Ordinal)
    {
        ["partial_rotary_factor"] = 1,
        ["rotary_pct"] = 1,
        ["rope_pct"] = 1,
        ["embedding_multiplier"] = 1,
        ["residual_multiplier"] = 1,
        ["logits_scaling"] = 1,
        ["logit_scale"] = 1,
        ["scale_emb"] = 1,
        ["embedding_scale"] = 1,
        ["n_group"] = 1,
        ["topk_group"] = 1,
        ["routed_scaling_factor"] = 1,
        ["decoder_sparse_step"] = 1,
    };

    /// <summary>All keys that some family here reads: what a recipe may set.</summary>
    public static IReadOnlyList<string> All =>
        [.. Common.Concat(ModelFamilies.All.SelectMany(family => family.Keys)).Distinct(StringComparer.Ordinal)];

    /// <summary>Refuses keys that change the numbers and that <paramref name="family"/> does not read.</summary>
    /// <exception cref="InvalidDataException">There is such a key; the message names it.</exception>
    public static void Check(HfConfig config, ModelFamily family)
    {
        foreach (string key in (string[])["rope_theta", "rope_local_base_freq", "query_pre_attn_scalar", "logits_scaling"])
        {
            ConfigCheck.Above0(config, key);
        }
        ConfigCheck.Above0(config, "rms_norm_eps", orZero: true);
        if (Rotary.Parameters(config) is { } rope)
        {
            ConfigCheck.Above0(rope, "rope_theta");
            if (!family.Keys.Contains(PartialRotary) && rope.Number(PartialRotary, 1) != 1)
            {
                throw new InvalidDataException(
                    $"{rope.Source}: \"{PartialRotary}\" changes what a model computes, and {family.ModelType} turns whole heads; remove the key if it has no meaning for this model."
                );
            }
        }
        foreach (string key in config.Keys)
        {
            if (Slip(config, family, key) is { } meant)
            {
                throw new InvalidDataException(
                    $"{config.Source}: \"{key}\" is no key of {family.ModelType}, and \"{meant}\" is not there: if that is meant, write it so; else remove the key."
                );
            }
            if (
                Changes(key)
                && !Common.Contains(key)
                && !family.Keys.Contains(key)
                && !family.Harmless.Contains(key)
                && !IsNeutral(config, key)
            )
            {
                throw new InvalidDataException(
                    key == "quantization_config"
                        ? $"{config.Source}: weights as quantization_config describes them are not read here; use the unquantised model, or a GGUF file of it."
                        : $"{config.Source}: \"{key}\" changes what a model computes, and {family.ModelType} here does not know it; remove the key if it has no meaning for this model."
                );
            }
        }
    }

    /// <summary>The key of the family that one without a meaning was to be, by its spelling; null where there is none. Ids of tokens have
    /// like names by right (boi_token_id), and transformers' own notes begin with an underscore (_sliding_window_pattern).</summary>
    private static string? Slip(HfConfig config, ModelFamily family, string key) =>
        key.Length < 8
        || Changes(key)
        || Common.Contains(key)
        || family.Harmless.Contains(key)
        || key.EndsWith("_token_id", StringComparison.Ordinal)
        || key.StartsWith('_')
            ? null
            : Common
                .Concat(family.Keys)
                .FirstOrDefault(known =>
                    !config.Has(known) && Math.Abs(known.Length - key.Length) <= 2 && Spelling.Distance(key, known) <= 2
                );

    private static bool Changes(string key) => All.Contains(key) || Elsewhere.Contains(key);

    /// <summary>null, false, 0, nothing, a list of full attention, or the key's own neutral number.</summary>
    private static bool IsNeutral(HfConfig config, string key) =>
        config.Value(key) switch
        {
            null or false or "" or 0.0 => true,
            double number => Neutral.TryGetValue(key, out double neutral) && number == neutral,
            string[] items => items.All(item => item is "full_attention"),
            _ => false,
        };
}
