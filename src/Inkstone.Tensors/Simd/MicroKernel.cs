namespace Inkstone.Tensors;

/// <summary>Arguments of one micro-kernel call: C tile = addend tile + A panel · B panel. Read by assembled code at fixed
/// offsets.</summary>
internal unsafe struct TileArguments
{
    /// <summary>A panel: for each step of k, one value (or pair) per row.</summary>
    public byte* A;

    /// <summary>B panel: for each step of k, one value (or pair) per column.</summary>
    public byte* B;

    /// <summary>First element of the C tile.</summary>
    public float* C;

    /// <summary>Steps of k: values in float32, pairs in bfloat16, 32 values in AMX.</summary>
    public nint Steps;

    /// <summary>Bytes from one row of C to the next.</summary>
    public nint StrideC;

    /// <summary>What is added to the product, or null: C itself, a residual, a bias (stride 0).</summary>
    public float* Addend;

    /// <summary>Bytes from one row of the addend to the next.</summary>
    public nint StrideAddend;

    /// <summary>Bytes from one row of A to the next, for <see cref="MicroKernel.RunRows"/>.</summary>
    public nint StrideA;
}

/// <summary>How the panels of a micro-kernel lie in memory.</summary>
internal enum PanelLayout
{
    /// <summary>float32: [k][rows or columns].</summary>
    Float32,

    /// <summary>bfloat16: [k / 2][rows or columns][2], the operand order of VDPBF16PS.</summary>
    Pairs,

    /// <summary>bfloat16, AMX: B as <see cref="Pairs"/>, A row-major with padded rows.</summary>
    Tiles,
}

/// <summary>
/// The innermost product: a register tile of <see cref="Rows"/> × <see cref="Columns"/> sums over one pair of packed panels.
/// Tile sizes and panel layout travel together, so packing and kernel cannot disagree.
/// </summary>
internal sealed unsafe class MicroKernel
{
    public required string Name { get; init; }

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    public required PanelLayout Layout { get; init; }

    public required delegate* <TileArguments*, void> Run { get; init; }

    /// <summary>The same product with A as rows whose values of k lie side by side, as a row-major matrix has them; null where A has to be
    /// packed.</summary>
    public delegate* <TileArguments*, void> RunRows { get; init; }

    /// <summary><see cref="Run"/> down a whole strip of tiles in one call, or null.</summary>
    public delegate* <StripArguments*, void> Strip { get; init; }

    /// <summary>What a thread does before a run of calls: AMX configures its tiles here.</summary>
    public delegate* <void> Begin { get; init; } = &Nothing;

    /// <summary>What a thread does after a run of calls.</summary>
    public delegate* <void> End { get; init; } = &Nothing;

    /// <summary>Type of the packed elements.</summary>
    public DType ElementType => Layout == PanelLayout.Float32 ? DType.Float32 : DType.BFloat16;

    /// <summary>Bytes of one packed element.</summary>
    public int ElementBytes => Layout == PanelLayout.Float32 ? 4 : 2;

    /// <summary>Panels are padded with zeros to a multiple of this many values of k.</summary>
    public int StepValues =>
        Layout switch
        {
            PanelLayout.Float32 => 1,
            PanelLayout.Pairs => 2,
            _ => 32,
        };

    /// <summary>The fastest float32 kernel of a level.</summary>
    public static MicroKernel Float32(Isa isa) =>
        isa switch
        {
            >= Isa.Avx512 when AssembledKernels.Float32 is { } assembled => assembled,
            >= Isa.Avx512 => PortableKernels.Float512,
            Isa.Avx2 => PortableKernels.Float256,
            _ => PortableKernels.Float128,
        };

    /// <summary>The fastest kernel of a level that multiplies in bfloat16; float32's where the CPU gains nothing from bfloat16.</summary>
    public static MicroKernel BFloat16(Isa isa) =>
        isa switch
        {
            Isa.Amx when AmxKernel.BFloat16 is { } amx => amx,
            >= Isa.Avx512Bf16 when AssembledKernels.BFloat16 is { } assembled => assembled,
            _ => Float32(isa),
        };

    private static void Nothing() { }
}
