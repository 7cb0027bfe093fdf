namespace Inkstone.Tensors;

/// <summary>Placeholder replaced below.</summary>
internal static class AmxKernel
{
    public static MicroKernel? BFloat16 => null;
}
