namespace Inkstone.Tensors;

/// <summary>Arguments of a tile of an int8 product. Read by assembled code at fixed offsets.</summary>
internal unsafe struct Int8Tile
{
    /// <summary>The bytes of the first row of activations.</summary>
    public sbyte* X;

    /// <summary>Its scales.</summary>
    public Int8Scale* Scales;

    /// <summary>Bytes from one row of activations to the next.</summary>
    public nint StrideX;

    /// <summary>Bytes from one row of scales to the next.</summary>
    public nint StrideScales;

    /// <summary>32 rows of the weight, see <see cref="Int8Panel"/>.</summary>
    public byte* Panel;

    /// <summary>First element of the tile of C.</summary>
    public float* C;

    /// <summary>Bytes from one row of C to the next.</summary>
    public nint StrideC;

    /// <summary>What is added to the product, or null.</summary>
    public float* Addend;

    /// <summary>Bytes from one row of the addend to the next.</summary>
    public nint StrideAddend;

    /// <summary>Blocks of 32 values of k.</summary>
    public nint Blocks;

    /// <summary>Rows of activations: those of the kernel's tile, or fewer where it takes them.</summary>
    public int Rows;
}

/// <summary>Arguments of a product of one row of activations with eight rows of a weight as it lies in memory. Read by assembled code at
/// fixed offsets.</summary>
internal unsafe struct Int8Dot
{
    /// <summary>The first block of the first row.</summary>
    public byte* Weight;

    /// <summary>Bytes from one row of the weight to the next.</summary>
    public nint StrideWeight;

    /// <summary>The bytes of the activations.</summary>
    public sbyte* X;

    /// <summary>Their scales.</summary>
    public Int8Scale* Scales;

    /// <summary>Blocks of 32 values of k, at least one.</summary>
    public nint Blocks;

    /// <summary>[8]: the products.</summary>
    public float* Sums;

    /// <summary>Memory of the size of these eight rows that will be read next: the kernel asks for it, line after line.</summary>
    public byte* Ahead;
}

/// <summary>
/// Products of activations of 8 bits with quantised weights: for each block of 32 an exact integer sum, times both scales, summed in
/// float32 over ascending blocks:
/// y += (float)(Σ q_x · q_w) · d_x · d_w (+ m_w · s_x), the integers scaled by d_x, then both additions fused.
/// Kernels differ in speed, not in a bit of the result, and neither do <see cref="Tile"/> and <see cref="Dot"/>: what a row gives does not
/// depend on how many there are.
/// </summary>
internal sealed unsafe class Int8Kernel
{
    /// <summary>Columns of a tile, rows of the weight.</summary>
    public const int Columns = 32;

    /// <summary>Rows of the weight that a <see cref="Dot"/> takes.</summary>
    public const int DotRows = 8;

    public required string Name { get; init; }

    /// <summary>Rows of a tile.</summary>
    public required int Rows { get; init; }

    /// <summary>Up to this many rows of activations a weight is read where it lies; for more, packing it pays.</summary>
    public required int MostDotRows { get; init; }

    /// <summary>Whether a tile may have fewer rows.</summary>
    public bool FewerRows { get; init; }

    /// <summary>C tile = addend tile + activations · panel.</summary>
    public required delegate* <DType, Int8Tile*, void> Tile { get; init; }

    /// <summary>Eight rows of a weight times one row of activations.</summary>
    public required delegate* <DType, Int8Dot*, void> Dot { get; init; }

    /// <summary>What a thread does before a run of tiles.</summary>
    public delegate* <void> Begin { get; init; } = &Nothing;

    /// <summary>What a thread does after a run of tiles.</summary>
    public delegate* <void> End { get; init; } = &Nothing;

    /// <summary>The fastest kernel of a level.</summary>
    public static Int8Kernel Of(Isa isa) =>
        isa switch
        {
            Isa.Amx when AmxInt8.Kernel is { } tiles => tiles,
            >= Isa.Avx512 when AssembledInt8.Kernel is { } assembled => assembled,
            _ => PortableInt8.Kernel,
        };

    /// <summary>What the unsigned bytes that kernels multiply with stand above the weight's values; the minimum of Q4_1 is dealt with
    /// apart.</summary>
    public static int Zero(DType type) =>
        type switch
        {
            DType.Q8_0 => 128,
            DType.Q4_0 => 8,
            _ => 0,
        };

    private static void Nothing() { }
}
