using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// C = A · Bᵀ for a few rows of A, as in decoding: the weight is read once, straight from memory, by one row of A in the order in which it
/// lies, by more of them four of its rows
/// at a time. Bound by memory, so nothing is packed; products are float32 whatever the storage.
/// </summary>
internal static unsafe class SmallRows
{
    /// <summary>Above this many rows the packed product wins.</summary>
    public const int MostRows = 16;

    private const int Step = 4;

    /// <summary>How far ahead memory is asked for, into the second cache. With 8 rows of float32: the next four rows of the weight into the
    /// first cache gave 20 GB/s, 8 KB 28, 16 and 28 KB 36.</summary>
    private const int Ahead = 16 << 10;

    /// <summary>Whether a product is multiplied so: few whole rows, and rows of the weight that lie whole.</summary>
    public static bool Serves(MatrixView a, MatrixView b, int m) =>
        m <= MostRows && a.Type == DType.Float32 && a.ColumnStride == 1 && b.RowStride == 1;

    /// <summary>Multiplies the rows with one to three weights.</summary>
    public static void Run(Device device, MatrixView a, int m, int k, ReadOnlySpan<RowProduct> products)
    {
        RowProduct first = products[0],
            second = products.Length > 1 ? products[1] : default,
            third = products.Length > 2 ? products[2] : default;
        int firstEnd = Units(first),
            secondEnd = firstEnd + Units(second),
            units = secondEnd + Units(third);
        device.Run(
            new JoinedKernels<Kernel>(new(a, m, k, first), new(a, m, k, second), new(a, m, k, third), firstEnd, secondEnd),
            units,
            UnitsPerChunk(device, units, first.Bytes(k) + second.Bytes(k) + third.Bytes(k))
        );
    }

    private static int Units(RowProduct p) => (p.N + Step - 1) / Step;

    /// <summary>How many of the <paramref name="units"/> that a weight is made of a thread takes at a time: long stretches of memory, but
    /// enough of them that no thread waits for long.</summary>
    public static int UnitsPerChunk(Device device, int units, long bytes)
    {
        const int Chunks = 2,
            LeastBytes = 16 << 10,
            MostBytes = 4 << 20;
        long chunk = Math.Clamp(bytes / (Chunks * device.Workers.Count), LeastBytes, MostBytes);
        return (int)Math.Max(1, chunk * units / Math.Max(bytes, 1));
    }

    private readonly struct Kernel(MatrixView a, int m, int k, RowProduct p) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            if (m > 1 || p.B.Type.IsQuantised())
            {
                Tiles(start, end);
            }
            else if (p.B.Type == DType.Float32)
            {
                One<FloatWeight>(start * Step, Math.Min(end * Step, p.N));
            }
            else
            {
                One<BFloat16Weight>(start * Step, Math.Min(end * Step, p.N));
            }
        }

        /// <summary>One row of A: every row of the weight from its first number to its last, which is what the CPU's prefetcher follows;
        /// four side by side came to two thirds of its rate.</summary>
        private void One<T>(int start, int end)
            where T : struct, IWeight
        {
            float* x = (float*)a.Pointer;
            nint stride = p.B.ColumnStride * p.B.Type.Size();
            byte* w = p.B.Pointer + start * stride;
            for (int column = start; column < end; column++, w += stride)
            {
                // Four sums: an addition need not wait for the one before it.
                Vector512<float> s0 = default,
                    s1 = default,
                    s2 = default,
                    s3 = default;
                int i = 0;
                for (; i <= k - 64; i += 64)
                {
                    s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), T.Load(w, i), s0);
                    s1 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 16), T.Load(w, i + 16), s1);
                    s2 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 32), T.Load(w, i + 32), s2);
                    s3 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 48), T.Load(w, i + 48), s3);
                }
                for (; i <= k - 16; i += 16)
                {
                    s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), T.Load(w, i), s0);
                }
                float sum = Vector512.Sum(s0 + s1 + (s2 + s3));
                for (; i < k; i++)
                {
                    sum += x[i] * T.Value(w, i);
                }
                p.C[column] = p.Addend == null ? sum : p.Addend[column] + sum;
            }
        }

        private void Tiles(int start, int end)
        {
            float* sums = stackalloc float[Step * Step];
            for (int column = start * Step; column < Math.Min(end * Step, p.N); column += Step)
            {
                int columns = Math.Min(Step, p.N - column);
                for (int row = 0; row < m; row += Step)
                {
                    int rows = Math.Min(Step, m - row);
                    Tile(row, rows, column, columns, sums);
                    Put(row, rows, column, columns, sums);
                }
            }
        }

        private void Put(int row, int rows, int column, int columns, float* sums)
        {
            float* to = p.C + row * p.StrideC + column,
                first = p.Addend == null ? null : p.Addend + row * p.StrideAddend + column;
            for (int i = 0; i < rows; i++, to += p.StrideC, sums += Step)
            {
                if (columns == Step)
                {
                    Vector128<float> four = Vector128.Load(sums);
                    (first == null ? four : Vector128.Load(first) + four).Store(to);
                }
                else
                {
                    for (int j = 0; j < columns; j++)
                    {
                        to[j] = first == null ? sums[j] : first[j] + sums[j];
                    }
                }
                first = first == null ? null : first + p.StrideAddend;
            }
        }

        private void Tile(int row, int rows, int column, int columns, float* sums)
        {
            float* x = (float*)a.Pointer + row * a.RowStride;
            if (p.B.Type.IsQuantised())
            {
                for (int j = 0; j < columns; j++)
                {
                    BlockDot.Run(x, a.RowStride, rows, p.B.From(0, column + j), k, sums + j, Step);
                }
            }
            else if (p.B.Type == DType.Float32)
            {
                Tile<FloatWeight>(x, rows, column, columns, row / Step, sums);
            }
            else
            {
                Tile<BFloat16Weight>(x, rows, column, columns, row / Step, sums);
            }
        }

        private void Tile<T>(float* x, int rows, int column, int columns, int pass, float* sums)
            where T : struct, IWeight
        {
            nint stride = p.B.ColumnStride * T.Size;
            byte* weight = p.B.Pointer + column * stride;
            // Each pass of rows of x over these rows of the weight asks for its share of others.
            int share = Step * 16 * T.Size / ((m + Step - 1) / Step);
            byte* ahead = weight + Ahead + pass * (k / 16) * (nint)share;
            if (columns == Step)
            {
                FourByFour<T>(x, a.RowStride, rows, weight, stride, k, ahead, share, sums);
                return;
            }
            // Columns left over one by one: each with itself as the other three.
            float* four = stackalloc float[Step * Step];
            for (int j = 0; j < columns; j++)
            {
                FourByFour<T>(x, a.RowStride, rows, weight + j * stride, 0, k, ahead, 0, four);
                for (int i = 0; i < rows; i++)
                {
                    sums[i * Step + j] = four[i * Step];
                }
            }
        }
    }

    /// <summary>
    /// Rows × 4 sums; rows that do not exist repeat the last one, their sums are not used. Four rows of the weight at once look like no
    /// stream to the CPU's prefetcher, so later ones are asked for meanwhile.
    /// </summary>
    private static void FourByFour<T>(float* x, nint strideX, int rows, byte* w, nint stride, int k, byte* ahead, int share, float* sums)
        where T : struct, IWeight
    {
        byte* w1 = w + stride,
            w2 = w1 + stride,
            w3 = w2 + stride;
        float* x1 = rows > 1 ? x + strideX : x,
            x2 = rows > 2 ? x1 + strideX : x1,
            x3 = rows > 3 ? x2 + strideX : x2;
        Vector512<float> s00 = default,
            s01 = default,
            s02 = default,
            s03 = default,
            s10 = default,
            s11 = default,
            s12 = default,
            s13 = default;
        Vector512<float> s20 = default,
            s21 = default,
            s22 = default,
            s23 = default,
            s30 = default,
            s31 = default,
            s32 = default,
            s33 = default;
        int i = 0;
        for (; i <= k - 16; i += 16, ahead += share)
        {
            Prefetch(ahead, share);
            Vector512<float> b0 = T.Load(w, i),
                b1 = T.Load(w1, i),
                b2 = T.Load(w2, i),
                b3 = T.Load(w3, i);
            Vector512<float> a = Vector512.Load(x + i);
            s00 = Vector512.FusedMultiplyAdd(a, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(a, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(a, b2, s02);
            s03 = Vector512.FusedMultiplyAdd(a, b3, s03);
            a = Vector512.Load(x1 + i);
            s10 = Vector512.FusedMultiplyAdd(a, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(a, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(a, b2, s12);
            s13 = Vector512.FusedMultiplyAdd(a, b3, s13);
            a = Vector512.Load(x2 + i);
            s20 = Vector512.FusedMultiplyAdd(a, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(a, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(a, b2, s22);
            s23 = Vector512.FusedMultiplyAdd(a, b3, s23);
            a = Vector512.Load(x3 + i);
            s30 = Vector512.FusedMultiplyAdd(a, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(a, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(a, b2, s32);
            s33 = Vector512.FusedMultiplyAdd(a, b3, s33);
        }
        if (Avx512F.IsSupported)
        {
            Quarters(Sums(s00, s01, s02, s03), Sums(s10, s11, s12, s13), Sums(s20, s21, s22, s23), Sums(s30, s31, s32, s33)).Store(sums);
        }
        else
        {
            Store(s00, s01, s02, s03, sums);
            Store(s10, s11, s12, s13, sums + 4);
            Store(s20, s21, s22, s23, sums + 8);
            Store(s30, s31, s32, s33, sums + 12);
        }
        for (; i < k; i++)
        {
            float b0 = T.Value(w, i),
                b1 = T.Value(w1, i),
                b2 = T.Value(w2, i),
                b3 = T.Value(w3, i);
            AddStep(x[i], b0, b1, b2, b3, sums);
            AddStep(x1[i], b0, b1, b2, b3, sums + 4);
            AddStep(x2[i], b0, b1, b2, b3, sums + 8);
            AddStep(x3[i], b0, b1, b2, b3, sums + 12);
        }
    }

    /// <summary>Asking is harmless where there is no memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* ahead, int bytes)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(ahead);
            if (bytes > 64)
            {
                Sse.Prefetch1(ahead + 64);
            }
            if (bytes > 128)
            {
                Sse.Prefetch1(ahead + 128);
                Sse.Prefetch1(ahead + 192);
            }
        }
    }

    /// <summary>An element type known when the loop is compiled.</summary>
    private interface IWeight
    {
        static abstract int Size { get; }

        static abstract Vector512<float> Load(byte* row, int i);

        static abstract float Value(byte* row, int i);
    }

    private readonly struct FloatWeight : IWeight
    {
        public static int Size => sizeof(float);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(byte* row, int i) => Vector512.Load((float*)row + i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Value(byte* row, int i) => ((float*)row)[i];
    }

    private readonly struct BFloat16Weight : IWeight
    {
        public static int Size => sizeof(ushort);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(byte* row, int i) => BFloat16Bits.Load((ushort*)row + i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Value(byte* row, int i) => BFloat16Bits.ToFloat(((ushort*)row)[i]);
    }

    private static void AddStep(float x, float w0, float w1, float w2, float w3, float* sums)
    {
        sums[0] += x * w0;
        sums[1] += x * w1;
        sums[2] += x * w2;
        sums[3] += x * w3;
    }

    /// <summary>In each quarter the sums of four vectors' quarters. With <see cref="Quarters"/> a tree over sixteen vectors takes a third of
    /// the instructions of sixteen sums, which had been a fifth of the time at k = 576.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sums(Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        Vector512<double> low = (Avx512F.UnpackLow(s0, s1) + Avx512F.UnpackHigh(s0, s1)).AsDouble(),
            high = (Avx512F.UnpackLow(s2, s3) + Avx512F.UnpackHigh(s2, s3)).AsDouble();
        return Avx512F.UnpackLow(low, high).AsSingle() + Avx512F.UnpackHigh(low, high).AsSingle();
    }

    /// <summary>Quarter i: the sum of the quarters of vector i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        Vector512<float> low = Avx512F.Shuffle4x128(s0, s1, 0x88) + Avx512F.Shuffle4x128(s0, s1, 0xDD),
            high = Avx512F.Shuffle4x128(s2, s3, 0x88) + Avx512F.Shuffle4x128(s2, s3, 0xDD);
        return Avx512F.Shuffle4x128(low, high, 0x88) + Avx512F.Shuffle4x128(low, high, 0xDD);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3, float* sums)
    {
        sums[0] = Vector512.Sum(s0);
        sums[1] = Vector512.Sum(s1);
        sums[2] = Vector512.Sum(s2);
        sums[3] = Vector512.Sum(s3);
    }
}
