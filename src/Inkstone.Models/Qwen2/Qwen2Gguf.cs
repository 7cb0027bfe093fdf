using Inkstone.Formats;

namespace Inkstone.Models.Qwen2;

/// <summary>GGUF files of Qwen2.</summary>
internal static class Qwen2Gguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("qwen2", "qwen2", [.. GgufRules.Norms(), .. GgufRules.Attention(), .. GgufRules.QkvBiases(), .. GgufRules.Dense])
        {
            Write = (a, c, _) => GgufRules.NoQwenWindow(a, c),
        };
}
