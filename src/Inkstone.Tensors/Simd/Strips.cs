using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// The products of attention, all of one form: a strip of 32 columns C [rows, 32] (+)= A · B, where A is a packed part of q, k, v or do and
/// B [k, 32] is packed
/// as well or was written in packed form by the pass before. Blocks of 96 tokens are a multiple of every kernel's rows (12, 6, 4, 32) and
/// columns (32, 16, 8).
/// </summary>
internal readonly unsafe struct Strips(MicroKernel kernel)
{
    /// <summary>Columns of a strip.</summary>
    public const int Width = 32;

    /// <summary>Tokens of a block.</summary>
    public const int Block = 96;

    /// <summary>Floats of a cache line.</summary>
    private const int LineFloats = 16;

    /// <summary>Bytes that packing whole groups of 32 values of k may write past an operand.</summary>
    private const int Slack = 32 * Width * sizeof(float) + Packing.SlackBytes;

    /// <summary>A strip's B is rows of pairs of bfloat16 instead of float32.</summary>
    public bool Pairs => kernel.Layout != PanelLayout.Float32;

    /// <summary>Products over a part of k are possible; AMX finds the rows of A by the number of steps and has to take all.</summary>
    public bool Trims => kernel.Layout != PanelLayout.Tiles;

    /// <summary>Rows of a tile.</summary>
    public int Rows => kernel.Rows;

    /// <summary>Before a thread's first product.</summary>
    public void Begin() => kernel.Begin();

    /// <summary>After a thread's last product.</summary>
    public void End() => kernel.End();

    /// <summary>Rows that a strip needs room for.</summary>
    public int PaddedRows(int rows) => (rows + kernel.Rows - 1) / kernel.Rows * kernel.Rows;

    /// <summary>Bytes of A: rows × k.</summary>
    public long LeftBytes(int rows, int k) => PaddedRows(rows) / kernel.Rows * Packing.BytesA(kernel, k) + Slack;

    /// <summary>Bytes of B: k × 32.</summary>
    public long RightBytes(int k) => Width / kernel.Columns * Packing.BytesB(kernel, k) + Slack;

    /// <summary>Elements from one row of a gathered block to the next: room for whole panels and whole groups of k.</summary>
    private int GatheredStride(int dim) => (PaddedRows(dim) + 47) / 32 * 32;

    /// <summary>Bytes of a gathered block.</summary>
    public long GatheredBytes(int dim) => kernel.ElementBytes * (long)Block * GatheredStride(dim) + 64;

    /// <summary>Asks for rows of one head before they are needed: each is a few lines, a token apart from the next, and the machine
    /// foresees neither. Into the second cache, for in the first they would fall on the same few sets. Rows that do not exist do no
    /// harm.</summary>
    public static void Prefetch(float* rows, nint stride, int count, int dim)
    {
        if (!Sse.IsSupported)
        {
            return;
        }
        for (int i = 0; i < count; i++, rows += stride)
        {
            for (int j = 0; j < dim; j += LineFloats)
            {
                Sse.Prefetch1(rows + j);
            }
        }
    }

    /// <summary>Copies <paramref name="count"/> rows of one head to a padded buffer, in the kernel's type, zeros in its other columns and
    /// rows.</summary>
    public void Gather(float* source, nint stride, int count, int dim, byte* target)
    {
        int row = GatheredStride(dim) * kernel.ElementBytes;
        for (int i = 0; i < count; i++, source += stride)
        {
            byte* to = target + (nint)i * row;
            if (kernel.ElementType == DType.BFloat16)
            {
                BFloat16Bits.FromFloats(source, (ushort*)to, dim);
            }
            else
            {
                Buffer.MemoryCopy(source, to, row, sizeof(float) * (long)dim);
            }
            new Span<byte>(to + (nint)kernel.ElementBytes * dim, row - kernel.ElementBytes * dim).Clear();
        }
        new Span<byte>(target + (long)count * row, (Block - count) * row).Clear();
    }

    /// <summary>A whose rows are a gathered block's tokens and whose k are its values.</summary>
    public void LeftTokens(byte* gathered, int dim, byte* target)
    {
        for (int i = 0; i < Block; i += kernel.Rows, target += Packing.BytesA(kernel, dim))
        {
            Left(Gathered(gathered, dim).From(i, 0), dim, target);
        }
    }

    /// <summary>A whose rows are a gathered block's values and whose k are its tokens.</summary>
    public void LeftValues(byte* gathered, int dim, byte* target)
    {
        for (int i = 0; i < dim; i += kernel.Rows, target += Packing.BytesA(kernel, Block))
        {
            Left(Gathered(gathered, dim).From(0, i).T, Block, target);
        }
    }

    /// <summary>B whose columns are a strip of a gathered block's tokens and whose k are its values.</summary>
    public void RightTokens(byte* gathered, int strip, int dim, byte* target)
    {
        for (int j = 0; j < Width; j += kernel.Columns, target += Packing.BytesB(kernel, dim))
        {
            MatrixView source = Gathered(gathered, dim).From(strip * Width + j, 0);
            Packing.Panel(
                source.Pointer,
                source.Type,
                source.RowStride,
                1,
                kernel.Columns,
                kernel.Columns,
                WholeGroups(dim),
                Pairs,
                target
            );
        }
    }

    private MatrixView Gathered(byte* gathered, int dim) => new(gathered, kernel.ElementType, GatheredStride(dim), 1);

    private void Left(MatrixView source, int k, byte* target) =>
        Packing.PackA(kernel, source, kernel.Rows, kernel.Layout == PanelLayout.Tiles ? k : WholeGroups(k), target);

    /// <summary>
    /// Packing takes 32 values of k at once where they exist, so zeros behind the last are packed too; the next panel overwrites them, the
    /// last one's fall into the slack.
    /// </summary>
    private static int WholeGroups(int k) => (k + 31) / 32 * 32;

    /// <summary>
    /// c [rows, 32] (+)= rows <paramref name="from"/>… of A times B over <paramref name="begin"/> ≤ k &lt; <paramref name="end"/>. c begins
    /// with row 0 of A;
    /// <paramref name="from"/> is a multiple of <see cref="Rows"/>, <paramref name="begin"/> an even number, and whole tiles are written.
    /// </summary>
    public void Multiply(byte* left, int from, int rows, byte* right, int k, int begin, int end, float* c, bool accumulate)
    {
        nint panelBytes = (nint)Packing.BytesA(kernel, k),
            stepBytes = kernel.ElementBytes;
        byte* a = left + from / kernel.Rows * panelBytes + begin * kernel.Rows * stepBytes;
        byte* b = right + begin * kernel.Columns * stepBytes;
        int steps = (end - begin + kernel.StepValues - 1) / kernel.StepValues;
        if (kernel.Strip != null)
        {
            (int tiles, int tail) = Math.DivRem(rows, kernel.Rows);
            tail = (tail + 3) / 4 * 4;
            StripArguments strip = new()
            {
                A = a,
                B = b,
                C = c + from * Width,
                Steps = steps,
                PanelBytes = panelBytes,
                Tiles = tail == kernel.Rows ? tiles + 1 : tiles,
                Tail = tail == kernel.Rows ? 0 : tail,
                Accumulate = accumulate ? 1 : 0,
            };
            kernel.Strip(&strip);
            return;
        }
        TileArguments tile = new()
        {
            Steps = steps,
            StrideC = Width * sizeof(float),
            StrideAddend = Width * sizeof(float),
        };
        for (int j = 0; j < Width; j += kernel.Columns, b += Packing.BytesB(kernel, k))
        {
            tile.A = a;
            tile.B = b;
            for (int i = from; i < from + rows; i += kernel.Rows, tile.A += panelBytes)
            {
                tile.C = c + i * Width + j;
                tile.Addend = accumulate ? tile.C : null;
                kernel.Run(&tile);
            }
        }
    }

    /// <summary>Rows of 32 floats as B in float32: in place where the kernel is as wide as a strip, else copied to panels of its
    /// width.</summary>
    public byte* Right(float* rows, int begin, int end, byte* target)
    {
        int width = kernel.Columns;
        if (width == Width)
        {
            return (byte*)rows;
        }
        for (int j = 0; j < Width; j += width)
        {
            float* panel = (float*)(target + j / width * Packing.BytesB(kernel, Block));
            for (int i = begin; i < end; i++)
            {
                new ReadOnlySpan<float>(rows + i * Width + j, width).CopyTo(new Span<float>(panel + i * width, width));
            }
        }
        return target;
    }
}
