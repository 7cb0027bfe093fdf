using Inkstone.Formats;

namespace Inkstone.Models.Qwen3;

/// <summary>GGUF files of Qwen3.</summary>
internal static class Qwen3Gguf
{
    /// <summary>Tensors of Qwen3's attention.</summary>
    public static GgufTensorRule[] Attention { get; } = [.. GgufRules.Norms(), .. GgufRules.Attention(), .. GgufRules.HeadNorms()];

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("qwen3", "qwen3", [.. Attention, .. GgufRules.Dense]) { Write = (a, c, _) => GgufRules.NoQwenWindow(a, c) };
}
