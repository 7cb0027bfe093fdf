using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// A config.json that transformers 4 and 5 read alike: positions stand as rope_theta with rope_scaling and as rope_parameters (of the new
/// form alone 4.57 takes
/// theta 10,000 without a word), experts as num_experts too, and what described quantised weights is gone, because weights are written as
/// floats.
/// </summary>
public static class HfConfigForms
{
    private const string Parameters = "rope_parameters",
        Theta = "rope_theta",
        Scaling = "rope_scaling",
        Type = "rope_type",
        Partial = "partial_rotary_factor",
        Full = "full_attention",
        Sliding = "sliding_attention",
        LocalTheta = "rope_local_base_freq",
        Main = "main";

    /// <summary>The configuration with both forms.</summary>
    public static HfConfig Both(HfConfig config)
    {
        JsonObject json = JsonNode.Parse(config.ToJson())!.AsObject();
        json.Remove("quantization_config");
        AddRope(json);
        if (
            json["num_local_experts"] is { } experts
            && json["num_experts"] is null
            && (string?)json["model_type"] is { } family
            && family.StartsWith("qwen", StringComparison.Ordinal)
        )
        {
            json["num_experts"] = experts.DeepClone();
        }
        if (json["text_config"] is JsonObject text)
        {
            AddRope(text);
        }
        return HfConfig.Parse(json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }), config.Source);
    }

    private static void AddRope(JsonObject json)
    {
        if (json[Parameters] is not JsonObject parameters)
        {
            if (json[Theta] is not null || json[Scaling] is JsonObject)
            {
                json[Parameters] = FromOld(json);
            }
            return;
        }
        if (parameters[Main] is JsonObject)
        {
            return; // DeepSeek-V4: bases by kind of position, whose old words stand beside them where the file has them
        }
        JsonObject full = parameters[Full] as JsonObject ?? parameters;
        if (full != parameters && full[Partial] is not null)
        {
            return; // no word of before says which share of heads one kind of layer turns
        }
        json[Theta] ??= full[Theta]?.DeepClone();
        if (parameters[Sliding] is JsonObject sliding && !JsonNode.DeepEquals(sliding[Theta], full[Theta]))
        {
            json[LocalTheta] ??= sliding[Theta]?.DeepClone();
        }
        if (json[Scaling] is null && (string?)full[Type] is not (null or "default"))
        {
            JsonObject scaling = AsReals(full);
            scaling.Remove(Theta);
            scaling.Remove(Partial);
            json[Scaling] = scaling;
        }
        if (full[Partial] is { } partial)
        {
            json[Partial] ??= partial.DeepClone();
        }
    }

    private static JsonObject FromOld(JsonObject json)
    {
        JsonObject parameters = json[Scaling] is JsonObject scaling ? AsReals(scaling) : new JsonObject { [Type] = "default" };
        if (parameters[Type] is null)
        {
            parameters[Type] = parameters["type"]?.DeepClone() ?? "default";
        }
        parameters.Remove("type"); // the name of before
        parameters[Theta] = json[Theta]?.DeepClone();
        if (json[Partial] is { } partial)
        {
            parameters[Partial] = partial.DeepClone();
        }
        if (json[LocalTheta] is { } local)
        {
            return new JsonObject
            {
                [Full] = parameters,
                [Sliding] = new JsonObject { [Type] = "default", [Theta] = local.DeepClone() },
            };
        }
        return parameters;
    }

    /// <summary>A copy whose factors are written with a point: transformers complains of 8 where it wants 8.0.</summary>
    private static JsonObject AsReals(JsonObject rope)
    {
        JsonObject copy = rope.DeepClone().AsObject();
        foreach (
            string key in (string[])
                ["factor", "low_freq_factor", "high_freq_factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"]
        )
        {
            if (
                copy[key] is JsonValue value
                && value.GetValueKind() == JsonValueKind.Number
                && value.ToJsonString() is var text
                && !text.AsSpan().ContainsAny('.', 'e', 'E')
            )
            {
                copy[key] = JsonNode.Parse(text + ".0");
            }
        }
        return copy;
    }
}
