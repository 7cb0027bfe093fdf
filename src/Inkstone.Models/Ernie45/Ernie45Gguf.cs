using Inkstone.Formats;

namespace Inkstone.Models.Ernie45;

/// <summary>GGUF files of ERNIE 4.5's dense models; they have no biases.</summary>
internal static class Ernie45Gguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("ernie4_5", "ernie4_5", [.. GgufRules.Norms(), .. GgufRules.Attention(), .. GgufRules.Dense])
        {
            ClassName = "Ernie4_5ForCausalLM",
            Absent = new GgufAbsent(KeyValueHeads: 2, HeadDim: 128, Theta: 500_000),
            Write = (a, c, _) => a.Assume(c, "use_bias", !c.Bool("use_bias", false), "no biases"),
            Read = (_, _, json) => json["use_bias"] = false,
        };
}
