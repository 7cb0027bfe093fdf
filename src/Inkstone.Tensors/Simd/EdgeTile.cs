namespace Inkstone.Tensors;

/// <summary>Runs a micro-kernel on a tile of C that may be smaller than the kernel's.</summary>
internal static unsafe class EdgeTile
{
    /// <summary>Elements of the largest tile.</summary>
    public const int MostElements = 32 * 32;

    /// <summary>Whole tiles go straight to C; others through a small buffer, so that nothing outside the tile is touched.</summary>
    /// <param name="kernel">what multiplies</param>
    /// <param name="tile">its arguments</param>
    /// <param name="rows">rows of the tile that exist in C; A has them all</param>
    /// <param name="columns">columns that exist in C</param>
    /// <param name="rowsOfA">A is for <see cref="MicroKernel.RunRows"/></param>
    public static void Run(MicroKernel kernel, TileArguments* tile, int rows, int columns, bool rowsOfA)
    {
        delegate* <TileArguments*, void> run = rowsOfA ? kernel.RunRows : kernel.Run;
        if (rows == kernel.Rows && columns == kernel.Columns)
        {
            run(tile);
            return;
        }
        float* buffer = stackalloc float[MostElements];
        TileArguments inner = *tile;
        inner.C = buffer;
        inner.StrideC = kernel.Columns * sizeof(float);
        inner.Addend = null;
        run(&inner);
        Copy(
            buffer,
            kernel.Columns,
            tile->C,
            tile->StrideC / sizeof(float),
            tile->Addend,
            tile->StrideAddend / sizeof(float),
            rows,
            columns
        );
    }

    /// <summary>c = addend (or nothing) + what a kernel left in a buffer of <paramref name="width"/> columns; strides in
    /// elements.</summary>
    public static void Copy(float* buffer, int width, float* c, nint strideC, float* addend, nint strideAddend, int rows, int columns)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                c[i * strideC + j] = addend == null ? buffer[i * width + j] : addend[i * strideAddend + j] + buffer[i * width + j];
            }
        }
    }

    /// <summary>Sums into <paramref name="buffer"/> and rounds what exists to bfloat16.</summary>
    public static void RunRounded(
        MicroKernel kernel,
        TileArguments* tile,
        float* buffer,
        ushort* c,
        nint strideC,
        int rows,
        int columns,
        bool rowsOfA
    )
    {
        tile->C = buffer;
        tile->StrideC = kernel.Columns * sizeof(float);
        tile->Addend = null;
        (rowsOfA ? kernel.RunRows : kernel.Run)(tile);
        for (int i = 0; i < rows; i++, buffer += kernel.Columns, c += strideC)
        {
            BFloat16Bits.FromFloats(buffer, c, columns);
        }
    }
}
