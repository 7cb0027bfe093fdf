using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Reads how positions are rotated: <c>rope_parameters</c> (transformers 5) or <c>rope_theta</c> with <c>rope_scaling</c>
/// (before).</summary>
public static class Rotary
{
    /// <summary>The table for <paramref name="rotaryDim"/> dimensions of each head.</summary>
    /// <param name="config">config.json</param>
    /// <param name="rotaryDim">rotated dimensions of a head</param>
    /// <param name="layerType">kind of layer, where rope_parameters is nested by it (transformers 5)</param>
    /// <param name="absentTheta">the base where no key names one</param>
    public static RotaryTable From(HfConfig config, int rotaryDim, string? layerType = null, double absentTheta = 10_000)
    {
        HfConfig? rope = Parameters(config, layerType);
        return Table(
            config,
            rope,
            rotaryDim,
            rope is not null && rope.Has("rope_theta") ? rope.Number("rope_theta") : config.Number("rope_theta", absentTheta)
        );
    }

    /// <summary>Longest text: max_position_embeddings, and with <c>dynamic</c> positions its multiple, since they stretch by
    /// themselves.</summary>
    public static int Longest(HfConfig config)
    {
        config = config.Object("text_config") ?? config;
        int longest = config.Int("max_position_embeddings", 2048);
        return Parameters(config) is { } rope && rope.Text("rope_type", rope.Text("type", "default")) == "dynamic"
            ? (int)(longest * Math.Max(1, rope.Number("factor", 1)))
            : longest;
    }

    /// <summary>rope_parameters, or its part for a kind of layer, or rope_scaling; null where there is none.</summary>
    public static HfConfig? Parameters(HfConfig config, string? layerType = null)
    {
        HfConfig? rope = config.Object("rope_parameters");
        return (layerType is null ? null : rope?.Object(layerType)) ?? rope ?? config.Object("rope_scaling");
    }

    /// <summary>The table by the rules of <paramref name="rope"/>; null: the plain one.</summary>
    public static RotaryTable Table(HfConfig config, HfConfig? rope, int rotaryDim, double theta)
    {
        string type = rope is null ? "default" : rope.Text("rope_type", rope.Text("type", "default"));
        if (rope is null || type == "default")
        {
            return RotaryTable.Default(rotaryDim, theta);
        }
        foreach (
            string key in (string[])
                [
                    "factor",
                    "low_freq_factor",
                    "high_freq_factor",
                    "attention_factor",
                    "beta_fast",
                    "beta_slow",
                    "original_max_position_embeddings",
                ]
        )
        {
            ConfigCheck.Above0(rope, key);
        }
        int longest = config.Int("max_position_embeddings", 2048);
        int original = rope.Int("original_max_position_embeddings", config.Int("original_max_position_embeddings", longest));
        return type switch
        {
            "linear" => RotaryTable.Linear(rotaryDim, theta, rope.Number("factor")),
            "dynamic" => RotaryTable.Dynamic(rotaryDim, theta, rope.Number("factor"), longest),
            "llama3" when rope.Number("high_freq_factor") <= rope.Number("low_freq_factor") => throw new InvalidDataException(
                $"{rope.Source}: \"high_freq_factor\" must be above \"low_freq_factor\"."
            ),
            "llama3" => RotaryTable.Llama3(
                rotaryDim,
                theta,
                rope.Number("factor"),
                rope.Number("low_freq_factor"),
                rope.Number("high_freq_factor"),
                original
            ),
            "yarn" => RotaryTable.Yarn(
                rotaryDim,
                theta,
                rope.Number("factor", (double)longest / original),
                original,
                rope.Number("beta_fast", 32),
                rope.Number("beta_slow", 1),
                Optional(rope, "attention_factor"),
                Optional(rope, "mscale"),
                Optional(rope, "mscale_all_dim"),
                rope.Bool("truncate", true)
            ),
            "longrope" or "su" => LongRope(rope, rotaryDim, theta, original, (double)longest / original),
            _ => throw new InvalidDataException(
                $"{rope.Source}: rope_type \"{type}\" is not known here; known are default, linear, dynamic, llama3, yarn and longrope."
            ),
        };
    }

    private static RotaryTable LongRope(HfConfig rope, int rotaryDim, double theta, int original, double factor)
    {
        double[] within = rope.Numbers("short_factor"),
            beyond = rope.Numbers("long_factor");
        if (within.Length != rotaryDim / 2 || beyond.Length != rotaryDim / 2)
        {
            throw new InvalidDataException(
                $"{rope.Source}: short_factor and long_factor must have {rotaryDim / 2} numbers each, they have {within.Length} and {beyond.Length}."
            );
        }
        if (within.Concat(beyond).Any(factor => !(factor > 0)))
        {
            throw new InvalidDataException($"{rope.Source}: short_factor and long_factor must hold numbers above 0.");
        }
        double scaling = Optional(rope, "attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original)));
        return RotaryTable.LongRope(rotaryDim, theta, within, beyond, original, scaling);
    }

    /// <summary>Leading dimensions of a head that are rotated, by <c>partial_rotary_factor</c>, which stands among rope_parameters since
    /// transformers 5.</summary>
    public static int PartialDim(HfConfig c, int headDim, double absent)
    {
        double share =
            c.Object("rope_parameters") is { } rope && rope.Has("partial_rotary_factor")
                ? rope.Number("partial_rotary_factor")
                : c.Number("partial_rotary_factor", absent);
        int rotated = (int)(headDim * share);
        return rotated >= 2 && rotated <= headDim && rotated % 2 == 0
            ? rotated
            : throw new InvalidDataException(
                $"{c.Source}: partial_rotary_factor {share} rotates {rotated} of {headDim} dimensions of a head; it must be an even number of them."
            );
    }

    private static double? Optional(HfConfig rope, string key) => rope.Has(key) ? rope.Number(key) : null;
}
