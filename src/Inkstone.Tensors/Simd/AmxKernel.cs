using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Inkstone.Tensors;

/// <summary>
/// 32 × 32 micro-kernel on AMX tiles: 2 × 2 tiles of sums (tmm0-3, 16 × 16 float32 each), two tiles of A (tmm4-5: 16 rows × 32 values of
/// k),
/// two of B (tmm6-7: 16 pairs of k × 16 columns). One step is 32 values of k: four TDPBF16PS for four tile loads.
/// </summary>
/// <remarks>
/// A thread configures its tiles before a run of calls (<see cref="MicroKernel.Begin"/>) and releases them after it. TDPBF16PS treats
/// denormals as zero whatever MXCSR says.
/// </remarks>
internal static unsafe class AmxKernel
{
    /// <summary>Rows of A are this much further apart than their values need, so that they do not share cache sets.</summary>
    public const int RowPaddingBytes = 64;

    private const int Tile = 16,
        TileRowBytes = 64,
        PanelRowBytes = 2 * TileRowBytes;

    /// <summary>Needs AMX-TILE and AMX-BF16 and the kernel's permission; null where one is missing or the kernel failed its
    /// proof.</summary>
    public static MicroKernel? BFloat16 { get; } =
        CpuFeatures.HasAmx && Assembler.IsSupported && AmxPermission.Granted
            ? KernelProof.OrNull(
                new()
                {
                    Name = "assembled AMX 32×32",
                    Rows = 2 * Tile,
                    Columns = 2 * Tile,
                    Layout = PanelLayout.Tiles,
                    Run = &Run,
                    Begin = &Begin,
                    End = &End,
                }
            )
            : null;

    /// <summary>Writes the kernel. On entry rdi points to a <see cref="TileArguments"/> (System V); only caller-saved registers are
    /// used.</summary>
    public static void Write(Iced.Intel.Assembler code)
    {
        AssemblerRegister64 a = rax,
            a2 = rsi,
            b = rdx,
            steps = rcx,
            strideA = r8,
            strideB = r9,
            pointer = r10,
            stride = r11;
        code.mov(a, __[rdi]);
        code.mov(b, __[rdi + 8]);
        code.mov(steps, __[rdi + 24]);
        code.mov(strideA, steps);
        code.shl(strideA, 6); // steps · 32 values · 2 bytes
        code.add(strideA, RowPaddingBytes);
        code.mov(a2, strideA);
        code.shl(a2, 4);
        code.add(a2, a); // 16 rows further down
        code.mov(strideB, PanelRowBytes);

        // The sums start from the addend, or from zero.
        Label zero = code.CreateLabel(),
            begin = code.CreateLabel(),
            loop = code.CreateLabel(),
            store = code.CreateLabel();
        code.mov(pointer, __[rdi + 40]);
        code.mov(stride, __[rdi + 48]);
        code.test(pointer, pointer);
        code.jz(zero);
        code.tileloadd(tmm0, __[pointer + stride]);
        code.tileloadd(tmm1, __[pointer + stride + TileRowBytes]);
        MoveDown(code, pointer, stride);
        code.tileloadd(tmm2, __[pointer + stride]);
        code.tileloadd(tmm3, __[pointer + stride + TileRowBytes]);
        code.jmp(begin);
        code.Label(ref zero);
        code.tilezero(tmm0);
        code.tilezero(tmm1);
        code.tilezero(tmm2);
        code.tilezero(tmm3);
        code.Label(ref begin);

        code.test(steps, steps);
        code.jle(store);
        code.Label(ref loop);
        code.tileloadd(tmm6, __[b + strideB]);
        code.tileloadd(tmm4, __[a + strideA]);
        code.tileloadd(tmm7, __[b + strideB + TileRowBytes]);
        code.tileloadd(tmm5, __[a2 + strideA]);
        code.tdpbf16ps(tmm0, tmm4, tmm6);
        code.tdpbf16ps(tmm1, tmm4, tmm7);
        code.tdpbf16ps(tmm2, tmm5, tmm6);
        code.tdpbf16ps(tmm3, tmm5, tmm7);
        code.add(a, TileRowBytes);
        code.add(a2, TileRowBytes);
        code.add(b, Tile * PanelRowBytes);
        code.dec(steps);
        code.jnz(loop);

        code.Label(ref store);
        code.mov(pointer, __[rdi + 16]);
        code.mov(stride, __[rdi + 32]);
        code.tilestored(__[pointer + stride], tmm0);
        code.tilestored(__[pointer + stride + TileRowBytes], tmm1);
        MoveDown(code, pointer, stride);
        code.tilestored(__[pointer + stride], tmm2);
        code.tilestored(__[pointer + stride + TileRowBytes], tmm3);
        code.ret();
    }

    /// <summary>Writes the function that loads the tile configuration at rdi.</summary>
    public static void WriteBegin(Iced.Intel.Assembler code)
    {
        code.ldtilecfg(__[rdi]);
        code.ret();
    }

    /// <summary>Writes the function that gives the tiles back.</summary>
    public static void WriteEnd(Iced.Intel.Assembler code)
    {
        code.tilerelease();
        code.ret();
    }

    /// <summary>Palette 1; all eight tiles of 16 rows × 64 bytes. Row sizes (16 bit) lie at byte 16, row counts (8 bit) at byte
    /// 48.</summary>
    public static void Configure(byte* bytes)
    {
        new Span<byte>(bytes, 64).Clear();
        bytes[0] = 1;
        for (int tile = 0; tile < 8; tile++)
        {
            ((ushort*)(bytes + 16))[tile] = TileRowBytes;
            bytes[48 + tile] = Tile;
        }
    }

    /// <summary>pointer += 16 · stride.</summary>
    private static void MoveDown(Iced.Intel.Assembler code, AssemblerRegister64 pointer, AssemblerRegister64 stride)
    {
        for (int i = 0; i < 2; i++)
        {
            code.lea(pointer, __[pointer + stride * 8]);
        }
    }

    private static void Run(TileArguments* tile) => Code.Run(tile);

    /// <summary>Configures the calling thread's tiles.</summary>
    public static void Begin() => Begin(Code.Configuration);

    /// <summary>Configures them as the 64 bytes at <paramref name="configuration"/> say.</summary>
    public static void Begin(byte* configuration) => Code.Begin(configuration);

    /// <summary>Gives them back.</summary>
    public static void End() => Code.End();

    private static class Code
    {
        public static readonly byte* Configuration = MakeConfiguration();

        public static readonly delegate* unmanaged[SuppressGCTransition]<TileArguments*, void> Run =
            (delegate* unmanaged[SuppressGCTransition]<TileArguments*, void>)Assembler.Compile(Write);

        public static readonly delegate* unmanaged[SuppressGCTransition]<byte*, void> Begin = (delegate* unmanaged[SuppressGCTransition]<
            byte*,
            void>)
            Assembler.Compile(WriteBegin);

        public static readonly delegate* unmanaged[SuppressGCTransition]<void> End = (delegate* unmanaged[SuppressGCTransition]<void>)
            Assembler.Compile(WriteEnd);

        private static byte* MakeConfiguration()
        {
            byte* bytes = (byte*)NativeMemory.AlignedAlloc(64, 64);
            Configure(bytes);
            return bytes;
        }
    }
}
