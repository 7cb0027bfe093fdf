namespace Inkstone.Tensors;

/// <summary>Small products inside one task (chunks of the delta rule): operands are packed for a micro-kernel, results are local buffers of
/// whole tiles.</summary>
internal readonly unsafe struct LocalPanels(MicroKernel kernel)
{
    /// <summary>Rows and columns of a block: a multiple of every kernel's rows (12, 6, 4, 32) and columns (32, 16, 8).</summary>
    public const int Block = 96;

    /// <summary>Before a thread's first product.</summary>
    public void Begin() => kernel.Begin();

    /// <summary>After a thread's last product.</summary>
    public void End() => kernel.End();

    /// <summary>Columns rounded up to whole panels.</summary>
    public int PaddedColumns(int columns) => (columns + kernel.Columns - 1) / kernel.Columns * kernel.Columns;

    /// <summary>Rows rounded up to whole panels.</summary>
    public int PaddedRows(int rows) => (rows + kernel.Rows - 1) / kernel.Rows * kernel.Rows;

    /// <summary>Bytes of a left operand.</summary>
    public long LeftBytes(int k, int rows = Block) => PaddedRows(rows) / kernel.Rows * Packing.BytesA(kernel, k) + Packing.SlackBytes;

    /// <summary>Bytes of a right operand.</summary>
    public long RightBytes(int columns, int k) => PaddedColumns(columns) / kernel.Columns * Packing.BytesB(kernel, k) + Packing.SlackBytes;

    /// <summary>Packs rows (zeros up to whole panels).</summary>
    public void Left(MatrixView source, int rows, int k, byte* target)
    {
        long bytes = Packing.BytesA(kernel, k);
        for (int i = 0; i < rows; i += kernel.Rows, target += bytes)
        {
            Packing.PackA(kernel, source.From(i, 0), Math.Min(kernel.Rows, rows - i), k, target);
        }
    }

    /// <summary>Packs a right operand of <paramref name="k"/> × <paramref name="columns"/>.</summary>
    public void Right(MatrixView source, int columns, int k, byte* target)
    {
        long bytes = Packing.BytesB(kernel, k);
        for (int j = 0; j < columns; j += kernel.Columns, target += bytes)
        {
            Packing.PackB(kernel, source.From(0, j), Math.Min(kernel.Columns, columns - j), k, target);
        }
    }

    /// <summary>c (+)= left · right for whole tiles: rows and columns are rounded up, so c must have room for that.</summary>
    public void Multiply(byte* left, int rows, byte* right, int columns, int k, float* c, int strideC, bool accumulate)
    {
        TileArguments tile = new()
        {
            Steps = (k + kernel.StepValues - 1) / kernel.StepValues,
            StrideC = strideC * sizeof(float),
            StrideAddend = strideC * sizeof(float),
        };
        long leftBytes = Packing.BytesA(kernel, k),
            rightBytes = Packing.BytesB(kernel, k);
        for (int j = 0; j < columns; j += kernel.Columns, right += rightBytes)
        {
            tile.A = left;
            tile.B = right;
            for (int i = 0; i < rows; i += kernel.Rows, tile.A += leftBytes)
            {
                tile.C = c + i * strideC + j;
                tile.Addend = accumulate ? tile.C : null;
                kernel.Run(&tile);
            }
        }
    }
}
