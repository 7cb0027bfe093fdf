using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>The architecture of a run: a preset, with HF keys of our own on top.</summary>
/// <param name="Preset">Name of a file in configs/models, a config.json, or a model directory, whose weights are then the start; null: the keys alone.</param>
/// <param name="Keys">HF config keys that replace the preset's.</param>
public sealed record ModelSection(string? Preset, IReadOnlyDictionary<string, JsonNode?> Keys)
{
    private static readonly string[] KnownKeys =
    [
        "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters", "attention_bias", "mlp_bias",
        "tie_word_embeddings", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id", "hidden_act", "attention_dropout",
        "num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob", "mlp_only_layers", "decoder_sparse_step",
        "output_router_logits", "router_aux_loss_coef", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "rope_interleave",
        "n_routed_experts", "n_shared_experts", "n_group", "topk_group", "first_k_dense_replace", "routed_scaling_factor", "num_nextn_predict_layers",
        "aux_loss_alpha", "mtp_loss_weight", "mtp_dense_block", "router_bias_update_rate",
        "layer_types", "full_attention_interval", "partial_rotary_factor", "shared_expert_intermediate_size", "linear_conv_kernel_dim", "linear_key_head_dim",
        "linear_value_head_dim", "linear_num_key_heads", "linear_num_value_heads",
    ];

    internal static ModelSection From(RecipeSection s)
    {
        string? preset = s.Text("preset");
        Dictionary<string, JsonNode?> keys = [];
        foreach ((string key, YamlNode value) in s.Present(KnownKeys))
        {
            keys[key] = ToJson(value);
        }
        s.Require(preset is not null || keys.Count > 0, "preset", "must name a model, such as microlm-31m");
        return new(preset, keys);
    }

    /// <summary>The HF config: preset and keys merged; vocabulary size and EOS come from the tokenizer where neither names them.</summary>
    public JsonObject Config(int vocabularySize, int? bosId, int? eosId)
    {
        JsonObject config = [];
        if (Preset is not null)
        {
            string path = Presets.Model(Preset);
            try
            {
                config = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path}: a model config is a JSON object");
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}:{e.LineNumber + 1}: this is not valid JSON; mend the file");
            }
        }
        foreach ((string key, JsonNode? value) in Keys)
        {
            config[key] = value?.DeepClone();
        }
        if (config["model_type"] is JsonValue type && type.TryGetValue(out string? family) && (Keys.ContainsKey("model_type") || config["architectures"] is null))
        {
            config["architectures"] = new JsonArray(HfConfig.ClassOf(family));   // the preset's class may be another family's; vLLM goes by this key
        }
        config["vocab_size"] ??= vocabularySize;
        config["eos_token_id"] ??= eosId;
        config["bos_token_id"] ??= bosId;
        if (config["vocab_size"]!.GetValueKind() != JsonValueKind.Number || config["vocab_size"]!.GetValue<int>() is int size && size < vocabularySize)
        {
            throw new InvalidDataException($"the model has vocab_size {config["vocab_size"]}, but the tokenizer has {vocabularySize} ids; use the tokenizer of that model or set model.vocab_size to at least {vocabularySize}");
        }
        return config;
    }

    private static JsonNode? ToJson(YamlNode node)
    {
        switch (node)
        {
            case YamlMappingNode mapping:
                JsonObject fields = [];
                foreach ((YamlNode key, YamlNode value) in mapping.Children)
                {
                    fields[((YamlScalarNode)key).Value!] = ToJson(value);
                }
                return fields;
            case YamlSequenceNode sequence:
                JsonArray items = [];
                foreach (YamlNode item in sequence)
                {
                    items.Add(ToJson(item));
                }
                return items;
            default:
                YamlScalarNode scalar = (YamlScalarNode)node;
                string text = scalar.Value ?? "";
                return scalar.Style is ScalarStyle.DoubleQuoted or ScalarStyle.SingleQuoted ? JsonValue.Create(text) : text switch
                {
                    "" or "null" or "~" => null,
                    "true" => JsonValue.Create(true),
                    "false" => JsonValue.Create(false),
                    _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => JsonValue.Create(whole),
                    _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) => JsonValue.Create(real),
                    _ => JsonValue.Create(text),
                };
        }
    }
}
