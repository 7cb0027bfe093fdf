using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>The architecture of a run: a preset, with HF keys of our own on top.</summary>
/// <param name="Preset">Name of a file in configs/models, a config.json, or a model directory, whose weights are then the start; null: the
/// keys alone.</param>
/// <param name="Keys">HF config keys that replace the preset's.</param>
public sealed record ModelOptions(string? Preset = null, IReadOnlyDictionary<string, JsonNode?>? Keys = null)
{
    /// <summary>HF config keys that replace the preset's.</summary>
    public IReadOnlyDictionary<string, JsonNode?> Keys { get; init; } = Keys ?? new Dictionary<string, JsonNode?>();

    /// <summary>A Llama of these sizes; <c>with { Keys = … }</c> or another <c>model_type</c> for everything else.</summary>
    /// <param name="hiddenSize">C</param>
    /// <param name="layers">number of blocks</param>
    /// <param name="heads">heads of queries, each of hiddenSize / heads dimensions</param>
    /// <param name="keyValueHeads">heads of keys and values; null: as many</param>
    /// <param name="intermediateSize">width of the feed-forward layers; null: 8/3 of hiddenSize, rounded up to a multiple of 32</param>
    /// <param name="maxPositions">longest text</param>
    public static ModelOptions Llama(
        int hiddenSize,
        int layers,
        int heads = 4,
        int? keyValueHeads = null,
        int? intermediateSize = null,
        int maxPositions = 512
    ) =>
        new(
            null,
            new Dictionary<string, JsonNode?>
            {
                ["model_type"] = "llama",
                ["hidden_size"] = hiddenSize,
                ["intermediate_size"] = intermediateSize ?? (8 * hiddenSize / 3 + 31) / 32 * 32,
                ["num_hidden_layers"] = layers,
                ["num_attention_heads"] = heads,
                ["num_key_value_heads"] = keyValueHeads ?? heads,
                ["max_position_embeddings"] = maxPositions,
                ["tie_word_embeddings"] = true,
            }
        );

    internal static ModelOptions From(RecipeSection s)
    {
        string? preset = s.Text("preset");
        Dictionary<string, JsonNode?> keys = [];
        foreach ((string key, YamlNode value) in s.Present([.. ConfigKeys.All, "attention_dropout"]))
        {
            keys[key] = ToJson(value);
        }
        s.Require(preset is not null || keys.Count > 0, "preset", "must name a model, such as microlm-31m");
        return new(preset, keys);
    }

    /// <summary>
    /// The HF config: preset and keys merged. Special ids are the tokenizer's, whatever the preset says, unless a key names them; the
    /// vocabulary's size is the
    /// tokenizer's where neither preset nor keys name one.
    /// </summary>
    /// <param name="vocabularySize">the tokenizer's; 0: there is none</param>
    /// <param name="ids">the tokenizer's special ids; null: there is none</param>
    public JsonObject Config(int vocabularySize, TokenIds? ids)
    {
        JsonObject config = [];
        if (Preset is not null)
        {
            string path = Presets.Model(Preset);
            try
            {
                config =
                    JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                    ?? throw new InvalidDataException($"{path}: a model config is a JSON object");
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}:{e.LineNumber + 1}: this is not valid JSON; mend the file");
            }
        }
        if (ids is { } own)
        {
            (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) = (own.Bos, own.Eos, own.Pad);
        }
        foreach ((string key, JsonNode? value) in Keys)
        {
            config[key] = value?.DeepClone();
        }
        if (
            config["model_type"] is JsonValue type
            && type.TryGetValue(out string? family)
            && (Keys.ContainsKey("model_type") || config["architectures"] is null)
        )
        {
            config["architectures"] = new JsonArray(HfConfig.ClassOf(family)); // the preset's class may be another family's; vLLM goes by this key
        }
        config["vocab_size"] ??= vocabularySize;
        HfConfig read = HfConfig.Parse(config.ToJsonString(), Preset is null ? "the recipe's model" : $"the model {Preset}");
        int size = read.Int("vocab_size");
        if (size < vocabularySize)
        {
            throw new InvalidDataException(
                $"the model has vocab_size {size}, but the tokenizer has {vocabularySize} ids; use the tokenizer of that model or set model.vocab_size to at least {vocabularySize}"
            );
        }
        if (size > 0)
        {
            TokenIds.Check(read, size);
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
                return scalar.Style is ScalarStyle.DoubleQuoted or ScalarStyle.SingleQuoted
                    ? JsonValue.Create(text)
                    : text switch
                    {
                        "" or "null" or "~" => null,
                        "true" => JsonValue.Create(true),
                        "false" => JsonValue.Create(false),
                        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) =>
                            JsonNode.Parse(whole.ToString(CultureInfo.InvariantCulture)), // read as an int or a long
                        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) => JsonValue.Create(
                            real
                        ),
                        _ => JsonValue.Create(text),
                    };
        }
    }
}
