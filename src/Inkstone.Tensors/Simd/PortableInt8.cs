using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>Int8 products in vectors of the runtime: AVX-VNNI, AVX2, SSE, NEON or plain code. The assembled kernels are proved against
/// them.</summary>
internal static unsafe class PortableInt8
{
    private const int Rows = 6,
        Block = DTypes.BlockElements,
        Lanes = 8;

    /// <summary>Runs everywhere.</summary>
    public static Int8Kernel Kernel { get; } =
        new()
        {
            Name = "portable int8 6×32",
            Rows = Rows,
            MostDotRows = 4,
            Tile = &Tile,
            Dot = &Dot,
        };

    private static void Tile(DType type, Int8Tile* tile)
    {
        for (int column = 0; column < Int8Kernel.Columns; column += Lanes)
        {
            Columns(type == DType.Q4_1, tile, column, Int8Panel.BlockBytes(type));
        }
    }

    /// <summary>Six rows by eight columns.</summary>
    private static void Columns(bool minima, Int8Tile* tile, int column, int size)
    {
        Vector256<float> f0 = default,
            f1 = default,
            f2 = default,
            f3 = default,
            f4 = default,
            f5 = default;
        for (int block = 0; block < tile->Blocks; block++)
        {
            byte* panel = tile->Panel + block * (nint)size;
            sbyte* x0 = tile->X + block * Block,
                x1 = x0 + tile->StrideX,
                x2 = x1 + tile->StrideX,
                x3 = x2 + tile->StrideX,
                x4 = x3 + tile->StrideX,
                x5 = x4 + tile->StrideX;
            Vector256<int> i0 = default,
                i1 = default,
                i2 = default,
                i3 = default,
                i4 = default,
                i5 = default;
            for (int step = 0; step < Block; step += 4)
            {
                Vector256<byte> w = Vector256.Load(panel + (step * Int8Kernel.Columns) + 4 * column);
                i0 = Dot4(i0, w, Four(x0 + step));
                i1 = Dot4(i1, w, Four(x1 + step));
                i2 = Dot4(i2, w, Four(x2 + step));
                i3 = Dot4(i3, w, Four(x3 + step));
                i4 = Dot4(i4, w, Four(x4 + step));
                i5 = Dot4(i5, w, Four(x5 + step));
            }
            float* scales = (float*)(panel + Int8Panel.ValueBytes) + column;
            Vector256<float> d = Vector256.Load(scales),
                m = minima ? Vector256.Load(scales + Int8Kernel.Columns) : default;
            f0 = Scaled(f0, i0, tile, 0, block, d, m, minima);
            f1 = Scaled(f1, i1, tile, 1, block, d, m, minima);
            f2 = Scaled(f2, i2, tile, 2, block, d, m, minima);
            f3 = Scaled(f3, i3, tile, 3, block, d, m, minima);
            f4 = Scaled(f4, i4, tile, 4, block, d, m, minima);
            f5 = Scaled(f5, i5, tile, 5, block, d, m, minima);
        }
        Store(f0, tile, 0, column);
        Store(f1, tile, 1, column);
        Store(f2, tile, 2, column);
        Store(f3, tile, 3, column);
        Store(f4, tile, 4, column);
        Store(f5, tile, 5, column);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scaled(
        Vector256<float> sum,
        Vector256<int> products,
        Int8Tile* tile,
        int row,
        int block,
        Vector256<float> d,
        Vector256<float> m,
        bool minima
    )
    {
        Int8Scale* x = (Int8Scale*)((byte*)tile->Scales + row * tile->StrideScales) + block;
        Vector256<float> scaled = Vector256.ConvertToSingle(products + Vector256.Create(x->Offset)) * x->Scale;
        sum = Vector256.FusedMultiplyAdd(scaled, d, sum);
        return minima ? Vector256.FusedMultiplyAdd(m, Vector256.Create(x->Sum), sum) : sum;
    }

    private static void Store(Vector256<float> sum, Int8Tile* tile, int row, int column)
    {
        if (tile->Addend != null)
        {
            sum += Vector256.Load((float*)((byte*)tile->Addend + row * tile->StrideAddend) + column);
        }
        sum.Store((float*)((byte*)tile->C + row * tile->StrideC) + column);
    }

    private static void Dot(DType type, Int8Dot* dot)
    {
        switch (type)
        {
            case DType.Q8_0:
                Dot<Int8Panel.Q8>(dot);
                break;
            case DType.Q4_0:
                Dot<Int8Panel.Q4>(dot);
                break;
            default:
                Dot<Int8Panel.Q41>(dot);
                break;
        }
    }

    private static void Dot<T>(Int8Dot* dot)
        where T : struct, Int8Panel.IBlock
    {
        int size = T.Type.BlockBytes(); // a call: before the sums, which it would send to the stack
        nint stride = dot->StrideWeight;
        Int8Scale* x = dot->Scales;
        byte* ahead = dot->Ahead;
        Vector256<float> sum = default;
        for (nint block = 0; block < dot->Blocks; block++, x++, ahead += Int8Kernel.DotRows * size)
        {
            Prefetch(ahead, size);
            byte* low = dot->Weight + block * size,
                high = low + 4 * stride;
            Vector256<sbyte> values = Vector256.Load(dot->X + block * Block);
            Vector256<int> first = Rows4<T>(low, stride, values),
                second = Rows4<T>(high, stride, values);
            Vector256<int> products = Vector256.Create(first.GetLower() + first.GetUpper(), second.GetLower() + second.GetUpper());
            Vector256<float> scaled = Vector256.ConvertToSingle(products + Vector256.Create(x->Offset)) * x->Scale;
            sum = Vector256.FusedMultiplyAdd(scaled, Halves(low, high, stride), sum);
            if (T.Type == DType.Q4_1)
            {
                sum = Vector256.FusedMultiplyAdd(Halves(low + 2, high + 2, stride), Vector256.Create(x->Sum), sum);
            }
        }
        sum.Store(dot->Sums);
    }

    /// <summary>Eight blocks, line after line: eight rows at once look like no stream to the CPU's prefetcher.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* ahead, int size)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 64);
            Sse.Prefetch0(ahead + 128);
            if (size > 24)
            {
                Sse.Prefetch0(ahead + 192);
                Sse.Prefetch0(ahead + 256);
            }
        }
    }

    /// <summary>Products of a block of activations with those of four rows: the lower and the upper half of the vector have one sum of each
    /// row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Rows4<T>(byte* weight, nint stride, Vector256<sbyte> values)
        where T : struct, Int8Panel.IBlock
    {
        Vector256<int> r0 = Dot4(default, T.Load(weight), values),
            r1 = Dot4(default, T.Load(weight + stride), values);
        Vector256<int> r2 = Dot4(default, T.Load(weight + 2 * stride), values),
            r3 = Dot4(default, T.Load(weight + 3 * stride), values);
        return Neighbours(Neighbours(r0, r1), Neighbours(r2, r3));
    }

    /// <summary>In each half: a0 + a1, a2 + a3, b0 + b1, b2 + b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Neighbours(Vector256<int> a, Vector256<int> b) =>
        Avx2.IsSupported
            ? Avx2.HorizontalAdd(a, b)
            : Vector256.Create(Neighbours(a.GetLower(), b.GetLower()), Neighbours(a.GetUpper(), b.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Neighbours(Vector128<int> a, Vector128<int> b)
    {
        if (Ssse3.IsSupported)
        {
            return Ssse3.HorizontalAdd(a, b);
        }
        return AdvSimd.Arm64.IsSupported
            ? AdvSimd.Arm64.AddPairwise(a, b)
            : Vector128.Create(a[0] + a[1], a[2] + a[3], b[0] + b[1], b[2] + b[3]);
    }

    /// <summary>A number of half precision of each of eight rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(byte* low, byte* high, nint stride) =>
        Blocks32.Half(
            Vector256.Create(
                *(ushort*)low,
                *(ushort*)(low + stride),
                *(ushort*)(low + 2 * stride),
                *(ushort*)(low + 3 * stride),
                *(ushort*)high,
                *(ushort*)(high + stride),
                *(ushort*)(high + 2 * stride),
                *(ushort*)(high + 3 * stride)
            )
        );

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Four(sbyte* x) => Vector256.Create(Unsafe.ReadUnaligned<int>(x)).AsSByte();

    /// <summary>sum[i] + Σ_j u[4i + j] · s[4i + j], exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Dot4(Vector256<int> sum, Vector256<byte> u, Vector256<sbyte> s)
    {
        if (AvxVnni.IsSupported)
        {
            return AvxVnni.MultiplyWideningAndAdd(sum, u, s);
        }
        // Bytes 0 and 2 of each four, then 1 and 3, as 16-bit numbers.
        Vector256<short> even = (u.AsInt16() & Vector256.Create((short)0xFF)),
            odd = (u.AsUInt16() >>> 8).AsInt16();
        return sum + Pairs(even, (s.AsInt16() << 8) >> 8) + Pairs(odd, s.AsInt16() >> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pairs(Vector256<short> a, Vector256<short> b) =>
        Avx2.IsSupported
            ? Avx2.MultiplyAddAdjacent(a, b)
            : Vector256.Create(Pairs(a.GetLower(), b.GetLower()), Pairs(a.GetUpper(), b.GetUpper()));

    /// <summary>a[2i] · b[2i] + a[2i + 1] · b[2i + 1].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pairs(Vector128<short> a, Vector128<short> b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.MultiplyAddAdjacent(a, b);
        }
        if (AdvSimd.Arm64.IsSupported)
        {
            return AdvSimd.Arm64.AddPairwise(
                AdvSimd.MultiplyWideningLower(a.GetLower(), b.GetLower()),
                AdvSimd.MultiplyWideningUpper(a, b)
            );
        }
        Vector128<int> evenA = (a.AsInt32() << 16) >> 16,
            evenB = (b.AsInt32() << 16) >> 16;
        return evenA * evenB + (a.AsInt32() >> 16) * (b.AsInt32() >> 16);
    }
}
