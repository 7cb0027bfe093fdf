using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Inkstone.Tensors.Assembler;

namespace Inkstone.Tensors;

/// <summary>
/// 12 × 32 micro-kernels in machine code: 24 sums in zmm0-23, two vectors of B in zmm24-25, one value of A broadcast at a time.
/// The same loop serves float32 (VFMADD231PS, one value of k a step) and bfloat16 (VDPBF16PS, a pair of k a step, twice the rate on Zen 4).
/// </summary>
internal static unsafe class AssembledKernels
{
    private const int Rows = 12,
        VectorBytes = 64;

    /// <summary>Needs AVX-512; null where no code can be made or it failed its proof.</summary>
    public static MicroKernel? Float32 { get; } =
        CpuFeatures.HasAvx512 && Assembler.IsSupported
            ? Proven("assembled FMA 12×32", PanelLayout.Float32, &RunFloat32, &RunFloat32Rows, &StripKernel.RunFloat32)
            : null;

    /// <summary>Needs AVX512_BF16; null where it is missing, slower than float32, or failed its proof.</summary>
    public static MicroKernel? BFloat16 { get; } =
        UnitSpeed.BFloat16 > 1
            ? Proven("assembled VDPBF16PS 12×32", PanelLayout.Pairs, &RunBFloat16, &RunBFloat16Rows, &StripKernel.RunBFloat16)
            : null;

    private static MicroKernel? Proven(
        string name,
        PanelLayout layout,
        delegate* <TileArguments*, void> run,
        delegate* <TileArguments*, void> rows,
        delegate* <StripArguments*, void> strip
    ) =>
        KernelProof.OrNull(
            new()
            {
                Name = name,
                Rows = Rows,
                Columns = 32,
                Layout = layout,
                Run = run,
                RunRows = rows,
                Strip = strip,
            }
        );

    /// <summary>Writes the kernel. On entry rdi points to a <see cref="TileArguments"/> (System V).</summary>
    /// <param name="code">where</param>
    /// <param name="bfloat16">VDPBF16PS on pairs instead of VFMADD231PS</param>
    /// <param name="rows">A is twelve rows <see cref="TileArguments.StrideA"/> apart instead of a packed panel</param>
    public static void Write(Iced.Intel.Assembler code, bool bfloat16, bool rows)
    {
        AssemblerRegister64 a = rax,
            b = rsi,
            c = rdx,
            steps = rcx,
            strideC = r8,
            addend = r9,
            strideAddend = r10;
        code.mov(b, __[rdi + 8]);
        code.mov(c, __[rdi + 16]);
        code.mov(steps, __[rdi + 24]);
        code.mov(strideC, __[rdi + 32]);
        for (int i = 0; i < 2 * Rows; i++)
        {
            code.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }

        // The C tile will be written at the end: bring its lines in while the loop runs.
        code.mov(r11, c);
        for (int row = 0; row < Rows; row++)
        {
            code.prefetchw(__byte_ptr[r11]);
            code.prefetchw(__byte_ptr[r11 + VectorBytes]);
            code.add(r11, strideC);
        }

        Label loop = code.CreateLabel(),
            store = code.CreateLabel(),
            add = code.CreateLabel();
        code.mov(a, __[rdi]);
        if (rows)
        {
            // Rows 0-2, 3-5, 6-8 and 9-11 each have a register; within a group a row is none, one or two strides away.
            code.mov(r11, __[rdi + 56]);
            code.lea(r8, __[a + r11 * 2]);
            code.add(r8, r11);
            code.lea(r9, __[r8 + r11 * 2]);
            code.add(r9, r11);
            code.lea(r10, __[r9 + r11 * 2]);
            code.add(r10, r11);
        }
        code.test(steps, steps);
        code.jle(store);
        code.Label(ref loop);
        code.vmovups(zmm24, __zmmword_ptr[b]);
        code.vmovups(zmm25, __zmmword_ptr[b + VectorBytes]);
        for (int row = 0; row < Rows; row++)
        {
            WriteRow(code, row, rows ? OfRow(row) : __dword_ptr[a + 4 * row], bfloat16);
        }
        if (rows)
        {
            code.add(a, 4);
            code.add(r8, 4);
            code.add(r9, 4);
            code.add(r10, 4);
        }
        else
        {
            code.add(a, 4 * Rows);
        }
        code.add(b, 2 * VectorBytes);
        code.dec(steps);
        code.jnz(loop);

        code.Label(ref store);
        code.mov(strideC, __[rdi + 32]);
        code.mov(addend, __[rdi + 40]);
        code.mov(strideAddend, __[rdi + 48]);
        code.test(addend, addend);
        code.jnz(add);
        WriteTile(code, c, strideC, addend, strideAddend, withAddend: false);
        code.Label(ref add);
        WriteTile(code, c, strideC, addend, strideAddend, withAddend: true);
    }

    /// <summary>Adds a value (pair) of A times the two vectors of B in zmm24-25 to a row's two sums.</summary>
    public static void WriteRow(Iced.Intel.Assembler code, int row, AssemblerMemoryOperand value, bool bfloat16)
    {
        AssemblerRegisterZMM x = Zmm(26 + row % 4);
        code.vbroadcastss(x, value);
        if (bfloat16)
        {
            code.vdpbf16ps(Zmm(2 * row), zmm24, x);
            code.vdpbf16ps(Zmm(2 * row + 1), zmm25, x);
        }
        else
        {
            code.vfmadd231ps(Zmm(2 * row), zmm24, x);
            code.vfmadd231ps(Zmm(2 * row + 1), zmm25, x);
        }
    }

    private static AssemblerMemoryOperand OfRow(int row)
    {
        AssemblerRegister64 group = (row / 3) switch
        {
            0 => rax,
            1 => r8,
            2 => r9,
            _ => r10,
        };
        return (row % 3) switch
        {
            0 => __dword_ptr[group],
            1 => __dword_ptr[group + r11],
            _ => __dword_ptr[group + r11 * 2],
        };
    }

    private static void WriteTile(
        Iced.Intel.Assembler code,
        AssemblerRegister64 c,
        AssemblerRegister64 strideC,
        AssemblerRegister64 addend,
        AssemblerRegister64 strideAddend,
        bool withAddend
    )
    {
        for (int row = 0; row < Rows; row++)
        {
            for (int half = 0; half < 2; half++)
            {
                AssemblerRegisterZMM sum = Zmm(2 * row + half);
                if (withAddend)
                {
                    code.vaddps(sum, sum, __zmmword_ptr[addend + half * VectorBytes]);
                }
                code.vmovups(__zmmword_ptr[c + half * VectorBytes], sum);
            }
            if (row < Rows - 1)
            {
                code.add(c, strideC);
                if (withAddend)
                {
                    code.add(addend, strideAddend);
                }
            }
        }
        code.vzeroupper();
        code.ret();
    }

    private static void RunFloat32(TileArguments* tile) => Code.Float32(tile);

    private static void RunBFloat16(TileArguments* tile) => Code.BFloat16(tile);

    private static void RunFloat32Rows(TileArguments* tile) => Code.Float32Rows(tile);

    private static void RunBFloat16Rows(TileArguments* tile) => Code.BFloat16Rows(tile);

    /// <summary>The placed code. A call is a few microseconds, so it may delay a collection instead of paying for a transition.</summary>
    private static class Code
    {
        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> Float32 = Make(bfloat16: false, rows: false);

        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> Float32Rows = Make(
            bfloat16: false,
            rows: true
        );

        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> BFloat16 = Make(bfloat16: true, rows: false);

        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> BFloat16Rows = Make(
            bfloat16: true,
            rows: true
        );

        private static delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> Make(bool bfloat16, bool rows) =>
            (delegate* unmanaged[SuppressGCTransition]<TileArguments*, void>)Assembler.Compile(code => Write(code, bfloat16, rows));
    }
}
