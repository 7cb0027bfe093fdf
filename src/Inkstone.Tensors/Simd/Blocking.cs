namespace Inkstone.Tensors;

/// <summary>How much of each operand the blocks of a product hold: shares of this CPU's caches.</summary>
internal static class Blocking
{
    /// <summary>Bytes of a panel of A, which stays in level 1 while a panel of B passes.</summary>
    public static readonly int PanelBytes = CacheSizes.Current.Level1 * 7 / 8;

    /// <summary>Bytes of a packed block of A, kept in level 2 while all of B passes.</summary>
    public static readonly int BlockBytes = (int)(CacheSizes.Current.Level2 * 5L / 16);

    /// <summary>Bytes of a packed operand that are in use at a time, in the cache that all cores share.</summary>
    public static readonly long PackedBytes = Math.Clamp(CacheSizes.Current.Level3 * 3 / 16, 1 << 20, 8 << 20);
}
