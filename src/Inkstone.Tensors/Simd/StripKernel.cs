using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Inkstone.Tensors.Assembler;

namespace Inkstone.Tensors;

/// <summary>Arguments of one strip: C [rows, 32] (+)= A panels · one B panel. Read by assembled code at fixed offsets.</summary>
internal unsafe struct StripArguments
{
    /// <summary>First A panel.</summary>
    public byte* A;

    /// <summary>The B panel.</summary>
    public byte* B;

    /// <summary>The strip, rows without gaps.</summary>
    public float* C;

    /// <summary>Steps of k, at least one: values in float32, pairs in bfloat16.</summary>
    public nint Steps;

    /// <summary>Bytes from one A panel to the next.</summary>
    public nint PanelBytes;

    /// <summary>Whole tiles of 12 rows.</summary>
    public nint Tiles;

    /// <summary>Rows after them: 0, 4 or 8.</summary>
    public nint Tail;

    /// <summary>1: the product is added to C.</summary>
    public nint Accumulate;
}

/// <summary>
/// The 12 × 32 kernels of <see cref="AssembledKernels"/> for C that lies in the cache: one call goes down a whole strip, so that a tile's
/// last stores overlap
/// the next tile's first products, nothing is fetched ahead, and sums start from C. With 64 values of k a tile alone spends a sixth of its
/// time outside its loop.
/// </summary>
internal static unsafe class StripKernel
{
    private const int Rows = 12,
        VectorBytes = 64,
        RowBytes = 2 * VectorBytes;

    /// <summary>Writes the kernel. On entry rdi points to <see cref="StripArguments"/> (System V); only caller-saved registers are
    /// used.</summary>
    public static void Write(Iced.Intel.Assembler code, bool bfloat16)
    {
        AssemblerRegister64 panel = rax,
            c = rdx,
            tiles = r9;
        code.mov(panel, __[rdi]);
        code.mov(c, __[rdi + 16]);
        code.mov(tiles, __[rdi + 40]);
        Label next = code.CreateLabel(),
            rest = code.CreateLabel(),
            four = code.CreateLabel(),
            end = code.CreateLabel();
        code.test(tiles, tiles);
        code.jle(rest);
        code.Label(ref next);
        Tile(code, Rows, bfloat16);
        code.add(panel, __qword_ptr[rdi + 32]);
        code.add(c, Rows * RowBytes);
        code.dec(tiles);
        code.jnz(next);
        code.Label(ref rest);
        code.mov(r10, __[rdi + 48]);
        code.test(r10, r10);
        code.jz(end);
        code.cmp(r10, 4);
        code.je(four);
        Tile(code, 8, bfloat16);
        code.jmp(end);
        code.Label(ref four);
        Tile(code, 4, bfloat16);
        code.Label(ref end);
        code.vzeroupper();
        code.ret();
    }

    /// <summary>One tile: sums in zmm0-23, B in zmm24-25, values of A in zmm26-29.</summary>
    private static void Tile(Iced.Intel.Assembler code, int rows, bool bfloat16)
    {
        AssemblerRegister64 panel = rax,
            c = rdx,
            a = rsi,
            b = rcx,
            steps = r8;
        Label zero = code.CreateLabel(),
            loop = code.CreateLabel(),
            begin = code.CreateLabel();
        code.mov(a, panel);
        code.mov(b, __[rdi + 8]);
        code.mov(steps, __[rdi + 24]);
        code.cmp(__qword_ptr[rdi + 56], 0);
        code.je(zero);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vmovups(Zmm(i), __zmmword_ptr[c + i * VectorBytes]);
        }
        code.jmp(begin);
        code.Label(ref zero);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }
        code.Label(ref begin);
        code.nop();
        code.Label(ref loop);
        code.vmovups(zmm24, __zmmword_ptr[b]);
        code.vmovups(zmm25, __zmmword_ptr[b + VectorBytes]);
        for (int row = 0; row < rows; row++)
        {
            AssembledKernels.WriteRow(code, row, __dword_ptr[a + 4 * row], bfloat16);
        }
        code.add(a, 4 * Rows);
        code.add(b, RowBytes);
        code.dec(steps);
        code.jnz(loop);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vmovups(__zmmword_ptr[c + i * VectorBytes], Zmm(i));
        }
    }

    /// <summary>The float32 strip.</summary>
    public static void RunFloat32(StripArguments* strip) => Code.Float32(strip);

    /// <summary>The bfloat16 strip.</summary>
    public static void RunBFloat16(StripArguments* strip) => Code.BFloat16(strip);

    private static class Code
    {
        public static readonly delegate* unmanaged[SuppressGCTransition]<StripArguments*, void> Float32 =
            (delegate* unmanaged[SuppressGCTransition]<StripArguments*, void>)Assembler.Compile(code => Write(code, bfloat16: false));

        public static readonly delegate* unmanaged[SuppressGCTransition]<StripArguments*, void> BFloat16 =
            (delegate* unmanaged[SuppressGCTransition]<StripArguments*, void>)Assembler.Compile(code => Write(code, bfloat16: true));
    }
}
