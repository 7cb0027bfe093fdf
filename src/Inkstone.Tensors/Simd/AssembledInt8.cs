using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Inkstone.Tensors.Assembler;

namespace Inkstone.Tensors;

/// <summary>
/// Int8 products with VPDPBUSD. The tile: up to 6 × 32 sums of float32 in zmm0-11, the integer sums of the running block in zmm12-23, two
/// vectors of the panel in zmm24-25.
/// With six rows a block of 32 values of k is 96 VPDPBUSD, then 12 conversions, 12 products and 12 fused additions.
/// </summary>
internal static unsafe class AssembledInt8
{
    public const int Rows = 6;

    private const int VectorBytes = 64,
        StepBytes = 2 * VectorBytes;

    /// <summary>Needs AVX512_VNNI; null where it is missing or the kernel failed its proof.</summary>
    public static Int8Kernel? Kernel { get; } =
        CpuFeatures.HasAvx512 && CpuFeatures.HasVnni && Assembler.IsSupported
            ? Int8Proof.OrNull(
                new()
                {
                    Name = "assembled VPDPBUSD 6×32",
                    Rows = Rows,
                    FewerRows = true,
                    MostDotRows = 2,
                    Tile = &RunTile,
                    Dot = &RunDot,
                }
            )
            : null;

    /// <summary>Writes the kernel of a tile of <paramref name="rows"/> (1 to 6) rows. On entry rdi points to an <see cref="Int8Tile"/>
    /// (System V); only caller-saved registers are used.</summary>
    public static void WriteTile(Iced.Intel.Assembler code, int rows, bool minima)
    {
        AssemblerRegister64 x = rax,
            x3 = rsi,
            strideX = r8,
            scales = r9,
            scales3 = r10,
            strideScales = r11,
            panel = rdx,
            blocks = rcx;
        code.mov(x, __[rdi]);
        code.mov(scales, __[rdi + 8]);
        code.mov(strideX, __[rdi + 16]);
        code.mov(strideScales, __[rdi + 24]);
        code.mov(panel, __[rdi + 32]);
        code.mov(blocks, __[rdi + 72]);
        code.lea(x3, __[strideX + strideX * 2]);
        code.add(x3, x);
        code.lea(scales3, __[strideScales + strideScales * 2]);
        code.add(scales3, scales);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vpxord(Zmm(i), Zmm(i), Zmm(i));
        }

        Label loop = code.CreateLabel(),
            store = code.CreateLabel();
        code.test(blocks, blocks);
        code.jle(store);
        code.Label(ref loop);
        for (int row = 0; row < rows; row++)
        {
            code.vpbroadcastd(Sum(row, 0), __dword_ptr[Row(scales, scales3, strideScales, row) + 4]);
            code.vmovdqa32(Sum(row, 1), Sum(row, 0));
        }
        for (int step = 0; step < 8; step++)
        {
            code.vmovdqu32(zmm24, __zmmword_ptr[panel + step * StepBytes]);
            code.vmovdqu32(zmm25, __zmmword_ptr[panel + step * StepBytes + VectorBytes]);
            for (int row = 0; row < rows; row++)
            {
                code.vpbroadcastd(Zmm(26 + row), __dword_ptr[Row(x, x3, strideX, row) + 4 * step]);
                code.vpdpbusd(Sum(row, 0), zmm24, Zmm(26 + row));
                code.vpdpbusd(Sum(row, 1), zmm25, Zmm(26 + row));
            }
        }
        code.vmovups(zmm24, __zmmword_ptr[panel + Int8Panel.ValueBytes]);
        code.vmovups(zmm25, __zmmword_ptr[panel + Int8Panel.ValueBytes + VectorBytes]);
        if (minima)
        {
            code.vmovups(zmm26, __zmmword_ptr[panel + Int8Panel.ValueBytes + 2 * VectorBytes]);
            code.vmovups(zmm27, __zmmword_ptr[panel + Int8Panel.ValueBytes + 3 * VectorBytes]);
        }
        for (int row = 0; row < rows; row++)
        {
            for (int half = 0; half < 2; half++)
            {
                AssemblerMemoryOperand scale = Row(scales, scales3, strideScales, row);
                code.vcvtdq2ps(Sum(row, half), Sum(row, half));
                code.vmulps(Sum(row, half), Sum(row, half), __dword_bcst[scale]);
                code.vfmadd231ps(Zmm(2 * row + half), Sum(row, half), Zmm(24 + half));
                if (minima)
                {
                    code.vfmadd231ps(Zmm(2 * row + half), Zmm(26 + half), __dword_bcst[scale + 8]);
                }
            }
        }
        code.add(x, 32);
        code.add(x3, 32);
        code.add(scales, 16);
        code.add(scales3, 16);
        code.add(panel, Int8Panel.ValueBytes + (minima ? 4 : 2) * VectorBytes);
        code.dec(blocks);
        code.jnz(loop);

        code.Label(ref store);
        WriteStore(code, rows);
    }

    private static void WriteStore(Iced.Intel.Assembler code, int rows)
    {
        AssemblerRegister64 c = rax,
            strideC = rsi,
            addend = rdx,
            strideAddend = rcx;
        Label write = code.CreateLabel();
        code.mov(c, __[rdi + 40]);
        code.mov(strideC, __[rdi + 48]);
        code.mov(addend, __[rdi + 56]);
        code.mov(strideAddend, __[rdi + 64]);
        code.test(addend, addend);
        code.jz(write);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vaddps(Zmm(i), Zmm(i), __zmmword_ptr[addend + i % 2 * VectorBytes]);
            if (i % 2 == 1)
            {
                code.add(addend, strideAddend);
            }
        }
        code.Label(ref write);
        for (int i = 0; i < 2 * rows; i++)
        {
            code.vmovups(__zmmword_ptr[c + i % 2 * VectorBytes], Zmm(i));
            if (i % 2 == 1)
            {
                code.add(c, strideC);
            }
        }
        code.vzeroupper();
        code.ret();
    }

    /// <summary>
    /// Writes the kernel of a row times eight rows of a weight. On entry rdi points to an <see cref="Int8Dot"/>. Rows p and p + 4 of the
    /// weight share a register, half each, and the activations
    /// lie twice in zmm4, so zmm6-9 hold eight integer sums of each row; their totals, scaled as in the tile, are added to the eight sums
    /// of ymm0.
    /// </summary>
    public static void WriteDot(Iced.Intel.Assembler code, DType type)
    {
        AssemblerRegister64 weight = rax,
            stride = rsi,
            stride3 = rdx,
            weight4 = rcx,
            x = r8,
            scales = r9,
            blocks = r10,
            ahead = r11;
        bool nibbles = type != DType.Q8_0;
        code.PreferVex = false; // the assembler would encode masked instructions without their mask
        code.mov(weight, __[rdi]);
        code.mov(stride, __[rdi + 8]);
        code.mov(x, __[rdi + 16]);
        code.mov(scales, __[rdi + 24]);
        code.mov(blocks, __[rdi + 32]);
        code.lea(stride3, __[stride + stride * 2]);
        code.lea(weight4, __[weight + stride * 4]);
        Label loop = code.CreateLabel();
        if (nibbles)
        {
            code.mov(r11d, 0xF0F0);
            code.kmovd(k1, r11d);
            Broadcast(code, zmm29, 0x0F0F0F0F);
            code.mov(r11d, 4);
            code.vpbroadcastd(zmm30.k1.z, r11d); // shifts: 0 for low halves of bytes, 4 for high ones
            code.mov(r11d, 0xFF00);
            code.kmovd(k1, r11d); // the upper row of a register
        }
        else
        {
            Broadcast(code, zmm28, 0x01010101 * Int8Kernel.Zero(type));
        }
        code.vpxord(zmm0, zmm0, zmm0);
        // Eight rows at once look like no stream to the CPU's prefetcher, so the next rows are asked for here, line after line.
        code.mov(ahead, __[rdi + 48]);

        code.Label(ref loop);
        for (int line = 0; line <= Int8Kernel.DotRows * type.BlockBytes() / VectorBytes; line++)
        {
            code.prefetcht0(__byte_ptr[ahead + line * VectorBytes]);
        }
        code.add(ahead, Int8Kernel.DotRows * type.BlockBytes());
        code.vbroadcasti64x4(zmm4, __ymmword_ptr[x]);
        for (int pair = 0; pair < 4; pair++)
        {
            WritePair(code, type, Zmm(10 + pair), Zmm(6 + pair), Of(pair), Of(pair + 4));
        }
        WriteTotals(code);
        code.vpaddd(ymm6, ymm6, __dword_bcst[scales + 4]);
        code.vcvtdq2ps(ymm6, ymm6);
        code.vmulps(ymm6, ymm6, __dword_bcst[scales]);
        if (type == DType.Q4_1)
        {
            WriteScalesAndMinima();
            code.vfmadd231ps(ymm0, ymm6, ymm1);
            code.vfmadd231ps(ymm0, ymm2, __dword_bcst[scales + 8]);
        }
        else
        {
            WriteScales();
            code.vfmadd231ps(ymm0, ymm6, ymm1);
        }
        code.add(weight, type.BlockBytes());
        code.add(weight4, type.BlockBytes());
        code.add(x, 32);
        code.add(scales, 16);
        code.dec(blocks);
        code.jnz(loop);

        code.mov(rax, __[rdi + 40]);
        code.vmovups(__ymmword_ptr[rax], ymm0);
        code.vzeroupper();
        code.ret();

        AssemblerMemoryOperand Of(int row) => Row(weight, weight4, stride, stride3, row);

        // ymm1: the scales of the eight rows.
        void WriteScales()
        {
            code.vpxord(xmm1, xmm1, xmm1);
            for (int row = 0; row < Int8Kernel.DotRows; row++)
            {
                code.vpinsrw(xmm1, xmm1, __word_ptr[Of(row)], (sbyte)row);
            }
            code.vcvtph2ps(ymm1, xmm1);
        }

        // ymm1: the scales, ymm2: the minima beside them. A shuffle takes two rows of each operand within 128 bits.
        void WriteScalesAndMinima()
        {
            foreach ((AssemblerRegisterXMM target, int row) in ((AssemblerRegisterXMM, int)[])[(xmm1, 0), (xmm3, 2)])
            {
                code.vmovd(target, __dword_ptr[Of(row)]);
                code.vpinsrd(target, target, __dword_ptr[Of(row + 1)], 1);
                code.vpinsrd(target, target, __dword_ptr[Of(row + 4)], 2);
                code.vpinsrd(target, target, __dword_ptr[Of(row + 5)], 3);
            }
            code.vcvtph2ps(ymm1, xmm1);
            code.vcvtph2ps(ymm3, xmm3);
            code.vshufps(ymm2, ymm1, ymm3, 0b11_01_11_01);
            code.vshufps(ymm1, ymm1, ymm3, 0b10_00_10_00);
        }
    }

    /// <summary>The integer products of two blocks with the activations in zmm4: eight sums of four for each.</summary>
    private static void WritePair(
        Iced.Intel.Assembler code,
        DType type,
        AssemblerRegisterZMM values,
        AssemblerRegisterZMM products,
        AssemblerMemoryOperand first,
        AssemblerMemoryOperand second
    )
    {
        if (type == DType.Q8_0)
        {
            code.vmovdqu32(Ymm(values), __ymmword_ptr[first + 2]);
            code.vinserti64x4(values, values, __ymmword_ptr[second + 2], 1);
            code.vpxord(values, values, zmm28);
        }
        else
        {
            int skip = type == DType.Q4_1 ? 4 : 2;
            code.vbroadcasti32x4(values, __xmmword_ptr[first + skip]);
            code.vbroadcasti32x4(values.k1, __xmmword_ptr[second + skip]);
            code.vpsrlvd(values, values, zmm30);
            code.vpandd(values, values, zmm29);
        }
        code.vpxord(products, products, products);
        code.vpdpbusd(products, values, zmm4);
    }

    /// <summary>From zmm6-9, each with eight sums of row p and eight of row p + 4, the totals of rows 0-7 in ymm6: transposed within 128
    /// bits by unpacking, and added on the way.</summary>
    private static void WriteTotals(Iced.Intel.Assembler code)
    {
        for (int at = 6; at < 10; at += 2)
        {
            code.vpunpckldq(Zmm(at + 4), Zmm(at), Zmm(at + 1));
            code.vpunpckhdq(Zmm(at), Zmm(at), Zmm(at + 1));
            code.vpaddd(Zmm(at), Zmm(at), Zmm(at + 4));
        }
        code.vpunpcklqdq(zmm10, zmm6, zmm8);
        code.vpunpckhqdq(zmm6, zmm6, zmm8);
        code.vpaddd(zmm6, zmm6, zmm10); // 128 bits each: rows 0-3, rows 0-3, rows 4-7, rows 4-7
        code.vextracti64x4(ymm7, zmm6, 1);
        code.vshufi32x4(ymm8, ymm6, ymm7, 0b00);
        code.vshufi32x4(ymm6, ymm6, ymm7, 0b11);
        code.vpaddd(ymm6, ymm6, ymm8);
    }

    private static AssemblerRegisterYMM Ymm(AssemblerRegisterZMM register) => new(register.Value - Register.ZMM0 + Register.YMM0);

    private static void Broadcast(Iced.Intel.Assembler code, AssemblerRegisterZMM target, int value)
    {
        code.mov(r11d, value);
        code.vpbroadcastd(target, r11d);
    }

    /// <summary>Row 0-5 of rows that lie a stride apart; <paramref name="third"/> is row 3.</summary>
    private static AssemblerMemoryOperand Row(AssemblerRegister64 first, AssemblerRegister64 third, AssemblerRegister64 stride, int row) =>
        (row % 3) switch
        {
            0 => (row < 3 ? first : third) + 0,
            1 => (row < 3 ? first : third) + stride,
            _ => (row < 3 ? first : third) + stride * 2,
        };

    /// <summary>Row 0-7; <paramref name="fourth"/> is row 4.</summary>
    private static AssemblerMemoryOperand Row(
        AssemblerRegister64 first,
        AssemblerRegister64 fourth,
        AssemblerRegister64 stride,
        AssemblerRegister64 stride3,
        int row
    ) =>
        (row % 4) switch
        {
            0 => (row < 4 ? first : fourth) + 0,
            1 => (row < 4 ? first : fourth) + stride,
            2 => (row < 4 ? first : fourth) + stride * 2,
            _ => (row < 4 ? first : fourth) + stride3,
        };

    private static AssemblerRegisterZMM Sum(int row, int half) => Zmm(12 + 2 * row + half);

    private static void RunTile(DType type, Int8Tile* tile)
    {
        nint[] codes = type == DType.Q4_1 ? Code.TilesWithMinima : Code.Tiles;
        ((delegate* unmanaged[SuppressGCTransition]<Int8Tile*, void>)codes[tile->Rows - 1])(tile);
    }

    private static void RunDot(DType type, Int8Dot* dot)
    {
        switch (type)
        {
            case DType.Q8_0:
                Code.DotQ8(dot);
                break;
            case DType.Q4_0:
                Code.DotQ4(dot);
                break;
            default:
                Code.DotQ41(dot);
                break;
        }
    }

    /// <summary>The placed code. A call is a few microseconds, so it may delay a collection instead of paying for a transition.</summary>
    private static class Code
    {
        /// <summary>[rows − 1]</summary>
        public static readonly nint[] Tiles = Place(minima: false),
            TilesWithMinima = Place(minima: true);

        public static readonly delegate* unmanaged[SuppressGCTransition]<Int8Dot*, void> DotQ8 = PlaceDot(DType.Q8_0);

        public static readonly delegate* unmanaged[SuppressGCTransition]<Int8Dot*, void> DotQ4 = PlaceDot(DType.Q4_0);

        public static readonly delegate* unmanaged[SuppressGCTransition]<Int8Dot*, void> DotQ41 = PlaceDot(DType.Q4_1);

        private static nint[] Place(bool minima) =>
            [.. Enumerable.Range(1, Rows).Select(rows => (nint)Assembler.Compile(code => WriteTile(code, rows, minima)))];

        private static delegate* unmanaged[SuppressGCTransition]<Int8Dot*, void> PlaceDot(DType type) =>
            (delegate* unmanaged[SuppressGCTransition]<Int8Dot*, void>)Assembler.Compile(code => WriteDot(code, type));
    }
}
