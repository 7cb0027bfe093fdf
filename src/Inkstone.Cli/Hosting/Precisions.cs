using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary>The two words of <c>--precision</c>.</summary>
internal static class Precisions
{
    public static DType Parse(string name) =>
        name.ToUpperInvariant() switch
        {
            "FP32" => DType.Float32,
            "BF16" => DType.BFloat16,
            _ => throw new ArgumentException($"--precision must be fp32 or bf16, got '{name}'"),
        };

    public static string Name(DType type) => type == DType.BFloat16 ? "bf16" : "fp32";
}
