using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>A quantised row of a weight times up to four rows of float32: blocks are widened in registers, so memory is read at the size of
/// the blocks.</summary>
internal static unsafe class BlockDot
{
    /// <summary>sums[row · stride] = Σ_k x[row, k] · w[k].</summary>
    public static void Run(float* x, nint strideX, int rows, MatrixView w, int k, float* sums, int stride)
    {
        byte* blocks = w.Pointer + w.Offset / DTypes.BlockElements * w.Type.BlockBytes();
        switch (w.Type)
        {
            case DType.Q8_0:
                Row<Q8>(x, strideX, rows, blocks, k, sums, stride);
                break;
            case DType.Q4_0:
                Row<Q4>(x, strideX, rows, blocks, k, sums, stride);
                break;
            default:
                Row<Q41>(x, strideX, rows, blocks, k, sums, stride);
                break;
        }
    }

    private static void Row<T>(float* x, nint strideX, int rows, byte* blocks, int k, float* sums, int stride)
        where T : struct, IBlockType
    {
        if (rows == 1)
        {
            One<T>(x, blocks, k, sums);
        }
        else
        {
            Four<T>(x, strideX, rows, blocks, k, sums, stride);
        }
    }

    private static void One<T>(float* x, byte* block, int k, float* sum)
        where T : struct, IBlockType
    {
        int size = T.Type.BlockBytes(); // a call: before the sums, which it would send to the stack
        Vector512<float> s0 = default,
            s1 = default;
        for (int i = 0; i < k; i += DTypes.BlockElements, block += size)
        {
            Blocks32.Load(T.Type, block, out Vector512<float> low, out Vector512<float> high);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), low, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 16), high, s1);
        }
        *sum = Vector512.Sum(s0 + s1);
    }

    /// <summary>In the order of <see cref="One"/>. Rows that do not exist repeat the last one; their sums are not stored.</summary>
    private static void Four<T>(float* x, nint strideX, int rows, byte* block, int k, float* sums, int stride)
        where T : struct, IBlockType
    {
        float* x1 = x + strideX,
            x2 = rows > 2 ? x1 + strideX : x1,
            x3 = rows > 3 ? x2 + strideX : x2;
        int size = T.Type.BlockBytes();
        Vector512<float> s0 = default,
            s1 = default,
            s2 = default,
            s3 = default,
            t0 = default,
            t1 = default,
            t2 = default,
            t3 = default;
        for (int i = 0; i < k; i += DTypes.BlockElements, block += size)
        {
            Blocks32.Load(T.Type, block, out Vector512<float> low, out Vector512<float> high);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), low, s0);
            t0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 16), high, t0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(x1 + i), low, s1);
            t1 = Vector512.FusedMultiplyAdd(Vector512.Load(x1 + i + 16), high, t1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Load(x2 + i), low, s2);
            t2 = Vector512.FusedMultiplyAdd(Vector512.Load(x2 + i + 16), high, t2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Load(x3 + i), low, s3);
            t3 = Vector512.FusedMultiplyAdd(Vector512.Load(x3 + i + 16), high, t3);
        }
        sums[0] = Vector512.Sum(s0 + t0);
        sums[stride] = Vector512.Sum(s1 + t1);
        if (rows > 2)
        {
            sums[2 * stride] = Vector512.Sum(s2 + t2);
        }
        if (rows > 3)
        {
            sums[3 * stride] = Vector512.Sum(s3 + t3);
        }
    }

    /// <summary>A block type known when the loop is compiled.</summary>
    private interface IBlockType
    {
        static abstract DType Type { get; }
    }

    private readonly struct Q8 : IBlockType
    {
        public static DType Type => DType.Q8_0;
    }

    private readonly struct Q4 : IBlockType
    {
        public static DType Type => DType.Q4_0;
    }

    private readonly struct Q41 : IBlockType
    {
        public static DType Type => DType.Q4_1;
    }
}
