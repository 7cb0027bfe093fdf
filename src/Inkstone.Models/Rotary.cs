using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Reads how positions are rotated: <c>rope_parameters</c> (transformers 5) or <c>rope_theta</c> with <c>rope_scaling</c> (before).</summary>
public static class Rotary
{
    /// <summary>The table for <paramref name="rotaryDim"/> dimensions of each head.</summary>
    public static RotaryTable From(HfConfig config, int rotaryDim)
    {
        HfConfig? rope = config.Object("rope_parameters") ?? config.Object("rope_scaling");
        double theta = rope is not null && rope.Has("rope_theta") ? rope.Number("rope_theta") : config.Number("rope_theta", 10_000);
        string type = rope is null ? "default" : rope.Text("rope_type", rope.Text("type", "default"));
        if (rope is null || type == "default")
        {
            return RotaryTable.Default(rotaryDim, theta);
        }
        int longest = config.Int("max_position_embeddings", 2048), original = rope.Int("original_max_position_embeddings", longest);
        return type switch
        {
            "linear" => RotaryTable.Linear(rotaryDim, theta, rope.Number("factor")),
            "llama3" => RotaryTable.Llama3(rotaryDim, theta, rope.Number("factor"), rope.Number("low_freq_factor"), rope.Number("high_freq_factor"), original),
            "yarn" => RotaryTable.Yarn(rotaryDim, theta, rope.Number("factor", (double)longest / original), original,
                rope.Number("beta_fast", 32), rope.Number("beta_slow", 1), Optional(rope, "attention_factor"),
                Optional(rope, "mscale"), Optional(rope, "mscale_all_dim"), rope.Bool("truncate", true)),
            _ => throw new InvalidDataException($"{rope.Source}: rope_type \"{type}\" is not known here; known are default, linear, llama3 and yarn."),
        };
    }

    /// <summary>Leading dimensions of a head that are rotated, by <c>partial_rotary_factor</c>, which stands among rope_parameters since transformers 5.</summary>
    public static int PartialDim(HfConfig c, int headDim, double absent)
    {
        double share = c.Object("rope_parameters") is { } rope && rope.Has("partial_rotary_factor") ? rope.Number("partial_rotary_factor") : c.Number("partial_rotary_factor", absent);
        int rotated = (int)(headDim * share);
        return rotated >= 2 && rotated <= headDim && rotated % 2 == 0 ? rotated
            : throw new InvalidDataException($"{c.Source}: partial_rotary_factor {share} rotates {rotated} of {headDim} dimensions of a head; it must be an even number of them.");
    }

    private static double? Optional(HfConfig rope, string key) => rope.Has(key) ? rope.Number(key) : null;
}
