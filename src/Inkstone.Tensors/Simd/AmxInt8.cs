using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Inkstone.Tensors;

/// <summary>
/// Int8 products on AMX tiles, over the same rows and panels as the other kernels: 32 × 32, four tiles of integer sums (tmm0-3), two of
/// activations (tmm4-5: 16 rows × 32 signed bytes)
/// and two of the panel (tmm6-7: 8 × 16 columns × 4 unsigned bytes). Every block of 32 values of k has scales of its own, so its integers
/// are stored and scaled by vectors.
/// </summary>
internal static unsafe class AmxInt8
{
    private const int Rows = 32,
        Columns = Int8Kernel.Columns,
        TileRowBytes = 64,
        PanelRowBytes = 2 * TileRowBytes,
        BatchBlocks = 4;

    /// <summary>Needs AMX-TILE and AMX-INT8 and the system's permission; null where one is missing or the kernel failed its
    /// proof.</summary>
    public static Int8Kernel? Kernel { get; } =
        CpuFeatures.HasAmx && CpuFeatures.HasAmxInt8 && AssembledInt8.Kernel is not null && AmxPermission.Granted
            ? Int8Proof.OrNull(
                new()
                {
                    Name = "assembled AMX int8 32×32",
                    Rows = Rows,
                    MostDotRows = 8,
                    Tile = &Tile,
                    Dot = AssembledInt8.Kernel.Dot,
                    Begin = &Begin,
                    End = &AmxKernel.End,
                }
            )
            : null;

    /// <summary>Writes the integer sums of some blocks. On entry rdi points to <see cref="Arguments"/> (System V); only caller-saved
    /// registers are used.</summary>
    public static void Write(Iced.Intel.Assembler code)
    {
        AssemblerRegister64 x = rax,
            x2 = rsi,
            panel = rdx,
            blocks = rcx,
            strideX = r8,
            stride = r9,
            sums = r10,
            panelStep = r11;
        code.mov(x, __[rdi]);
        code.mov(strideX, __[rdi + 8]);
        code.mov(panel, __[rdi + 16]);
        code.mov(panelStep, __[rdi + 24]);
        code.mov(blocks, __[rdi + 32]);
        code.mov(sums, __[rdi + 40]);
        code.mov(x2, strideX);
        code.shl(x2, 4);
        code.add(x2, x); // 16 rows further down
        code.mov(stride, PanelRowBytes);

        Label loop = code.CreateLabel();
        code.Label(ref loop);
        code.tileloadd(tmm6, __[panel + stride]);
        code.tileloadd(tmm4, __[x + strideX]);
        code.tileloadd(tmm7, __[panel + stride + TileRowBytes]);
        code.tileloadd(tmm5, __[x2 + strideX]);
        code.tilezero(tmm0);
        code.tilezero(tmm1);
        code.tilezero(tmm2);
        code.tilezero(tmm3);
        code.tdpbsud(tmm0, tmm4, tmm6);
        code.tdpbsud(tmm1, tmm4, tmm7);
        code.tdpbsud(tmm2, tmm5, tmm6);
        code.tdpbsud(tmm3, tmm5, tmm7);
        code.tilestored(__[sums + stride], tmm0);
        code.tilestored(__[sums + stride + TileRowBytes], tmm1);
        code.tilestored(__[sums + stride + Rows / 2 * PanelRowBytes], tmm2);
        code.tilestored(__[sums + stride + Rows / 2 * PanelRowBytes + TileRowBytes], tmm3);
        code.add(x, DTypes.BlockElements);
        code.add(x2, DTypes.BlockElements);
        code.add(panel, panelStep);
        code.add(sums, Rows * PanelRowBytes);
        code.dec(blocks);
        code.jnz(loop);
        code.ret();
    }

    /// <summary>Palette 1: sums of 16 × 64 bytes, activations of 16 × 32, the panel's of 8 × 64. Row sizes (16 bit) lie at byte 16, row
    /// counts (8 bit) at byte 48.</summary>
    public static void Configure(byte* bytes)
    {
        new Span<byte>(bytes, 64).Clear();
        bytes[0] = 1;
        for (int tile = 0; tile < 8; tile++)
        {
            ((ushort*)(bytes + 16))[tile] = (ushort)(tile is 4 or 5 ? DTypes.BlockElements : TileRowBytes);
            bytes[48 + tile] = (byte)(tile < 6 ? 16 : 8);
        }
    }

    /// <summary>Read by assembled code at fixed offsets.</summary>
    public struct Arguments
    {
        /// <summary>32 rows of activations.</summary>
        public sbyte* X;

        /// <summary>Bytes from one of them to the next.</summary>
        public nint StrideX;

        /// <summary>Blocks of the panel.</summary>
        public byte* Panel;

        /// <summary>Bytes from one of them to the next.</summary>
        public nint BlockBytes;

        /// <summary>How many, at least one.</summary>
        public nint Blocks;

        /// <summary>[blocks][32][32].</summary>
        public int* Sums;
    }

    private static void Tile(DType type, Int8Tile* tile) => Tile(type, tile, Code.Run);

    /// <summary>The tile with any integer kernel; rows of C hold the running sums.</summary>
    [SkipLocalsInit]
    public static void Tile(DType type, Int8Tile* tile, delegate* <Arguments*, void> integers)
    {
        int* sums = stackalloc int[BatchBlocks * Rows * Columns];
        int size = Int8Panel.BlockBytes(type);
        for (int row = 0; row < Rows; row++)
        {
            new Span<float>((byte*)tile->C + row * tile->StrideC, Columns).Clear();
        }
        for (nint block = 0; block < tile->Blocks; block += BatchBlocks)
        {
            Arguments arguments = new()
            {
                X = tile->X + block * DTypes.BlockElements,
                StrideX = tile->StrideX,
                Panel = tile->Panel + block * size,
                BlockBytes = size,
                Blocks = Math.Min(BatchBlocks, tile->Blocks - block),
                Sums = sums,
            };
            integers(&arguments);
            for (int i = 0; i < arguments.Blocks; i++)
            {
                Scale(
                    type == DType.Q4_1,
                    tile,
                    block + i,
                    sums + i * Rows * Columns,
                    (float*)(arguments.Panel + i * size + Int8Panel.ValueBytes)
                );
            }
        }
        for (int row = 0; row < Rows && tile->Addend != null; row++)
        {
            float* c = (float*)((byte*)tile->C + row * tile->StrideC),
                addend = (float*)((byte*)tile->Addend + row * tile->StrideAddend);
            (Vector512.Load(c) + Vector512.Load(addend)).Store(c);
            (Vector512.Load(c + 16) + Vector512.Load(addend + 16)).Store(c + 16);
        }
    }

    private static void Scale(bool minima, Int8Tile* tile, nint block, int* sums, float* scales)
    {
        Vector512<float> low = Vector512.Load(scales),
            high = Vector512.Load(scales + 16);
        Vector512<float> lowMinimum = minima ? Vector512.Load(scales + 32) : default,
            highMinimum = minima ? Vector512.Load(scales + 48) : default;
        for (int row = 0; row < Rows; row++, sums += Columns)
        {
            Int8Scale* x = (Int8Scale*)((byte*)tile->Scales + row * tile->StrideScales) + block;
            Vector512<int> offset = Vector512.Create(x->Offset);
            Vector512<float> scale = Vector512.Create(x->Scale),
                sum = Vector512.Create(x->Sum);
            float* c = (float*)((byte*)tile->C + row * tile->StrideC);
            Vector512<float> first = Vector512.FusedMultiplyAdd(
                Vector512.ConvertToSingle(Vector512.Load(sums) + offset) * scale,
                low,
                Vector512.Load(c)
            );
            Vector512<float> second = Vector512.FusedMultiplyAdd(
                Vector512.ConvertToSingle(Vector512.Load(sums + 16) + offset) * scale,
                high,
                Vector512.Load(c + 16)
            );
            (minima ? Vector512.FusedMultiplyAdd(lowMinimum, sum, first) : first).Store(c);
            (minima ? Vector512.FusedMultiplyAdd(highMinimum, sum, second) : second).Store(c + 16);
        }
    }

    private static void Begin() => AmxKernel.Begin(Code.Configuration);

    private static class Code
    {
        public static readonly byte* Configuration = MakeConfiguration();

        private static readonly delegate* unmanaged[SuppressGCTransition]<Arguments*, void> Product =
            (delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)Assembler.Compile(Write);

        public static delegate* <Arguments*, void> Run => &Call;

        private static void Call(Arguments* arguments) => Product(arguments);

        private static byte* MakeConfiguration()
        {
            byte* bytes = (byte*)NativeMemory.AlignedAlloc(64, 64);
            Configure(bytes);
            return bytes;
        }
    }
}
