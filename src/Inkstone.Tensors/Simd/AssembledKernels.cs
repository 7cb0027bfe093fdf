using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Inkstone.Tensors;

/// <summary>
/// 12 × 32 micro-kernels in machine code: 24 sums in zmm0-23, two vectors of B in zmm24-25, one value of A broadcast at a time.
/// The same loop serves float32 (VFMADD231PS, one value of k a step) and bfloat16 (VDPBF16PS, a pair of k a step, twice the rate on Zen 4).
/// </summary>
internal static unsafe class AssembledKernels
{
    private const int Rows = 12, VectorBytes = 64;

    /// <summary>Needs AVX-512; null where no code can be made or it failed its proof.</summary>
    public static MicroKernel? Float32 { get; } = CpuFeatures.HasAvx512 && Assembler.IsSupported
        ? KernelProof.OrNull(new() { Name = "assembled FMA 12×32", Rows = Rows, Columns = 32, Layout = PanelLayout.Float32, Run = &RunFloat32, Strip = &StripKernel.RunFloat32 }) : null;

    /// <summary>Needs AVX512_BF16; null where it is missing or failed its proof.</summary>
    public static MicroKernel? BFloat16 { get; } = CpuFeatures.HasAvx512 && CpuFeatures.HasBf16 && Assembler.IsSupported
        ? KernelProof.OrNull(new() { Name = "assembled VDPBF16PS 12×32", Rows = Rows, Columns = 32, Layout = PanelLayout.Pairs, Run = &RunBFloat16, Strip = &StripKernel.RunBFloat16 }) : null;

    /// <summary>Writes the kernel. On entry rdi points to a <see cref="TileArguments"/> (System V).</summary>
    public static void Write(Iced.Intel.Assembler code, bool bfloat16)
    {
        AssemblerRegister64 a = rax, b = rsi, c = rdx, steps = rcx, strideC = r8, addend = r9, strideAddend = r10;
        code.mov(a, __[rdi]);
        code.mov(b, __[rdi + 8]);
        code.mov(c, __[rdi + 16]);
        code.mov(steps, __[rdi + 24]);
        code.mov(strideC, __[rdi + 32]);
        code.mov(addend, __[rdi + 40]);
        code.mov(strideAddend, __[rdi + 48]);
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

        Label loop = code.CreateLabel(), store = code.CreateLabel(), add = code.CreateLabel();
        code.test(steps, steps);
        code.jle(store);
        code.Label(ref loop);
        code.vmovups(zmm24, __zmmword_ptr[b]);
        code.vmovups(zmm25, __zmmword_ptr[b + VectorBytes]);
        for (int row = 0; row < Rows; row++)
        {
            AssemblerRegisterZMM x = Zmm(26 + row % 4);
            code.vbroadcastss(x, __dword_ptr[a + 4 * row]);
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
        code.add(a, 4 * Rows);
        code.add(b, 2 * VectorBytes);
        code.dec(steps);
        code.jnz(loop);

        code.Label(ref store);
        code.test(addend, addend);
        code.jnz(add);
        WriteTile(code, c, strideC, addend, strideAddend, withAddend: false);
        code.Label(ref add);
        WriteTile(code, c, strideC, addend, strideAddend, withAddend: true);
    }

    private static void WriteTile(Iced.Intel.Assembler code, AssemblerRegister64 c, AssemblerRegister64 strideC,
        AssemblerRegister64 addend, AssemblerRegister64 strideAddend, bool withAddend)
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

    private static AssemblerRegisterZMM Zmm(int index) => new((Register)((int)Register.ZMM0 + index));

    private static void RunFloat32(TileArguments* tile) => Code.Float32(tile);

    private static void RunBFloat16(TileArguments* tile) => Code.BFloat16(tile);

    /// <summary>The placed code. A call is a few microseconds, so it may delay a collection instead of paying for a transition.</summary>
    private static class Code
    {
        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> Float32 =
            (delegate* unmanaged[SuppressGCTransition]<TileArguments*, void>)Assembler.Compile(code => Write(code, bfloat16: false));

        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> BFloat16 =
            (delegate* unmanaged[SuppressGCTransition]<TileArguments*, void>)Assembler.Compile(code => Write(code, bfloat16: true));
    }
}
