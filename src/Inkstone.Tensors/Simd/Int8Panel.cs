using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// 32 rows of a quantised weight as an int8 product reads them. For each block of 32 values of k: unsigned bytes [8][32 rows][4 values of
/// k], the operand order of VPDPBUSD and
/// TDPBSUD, then 32 scales, and with Q4_1 32 minima.
/// </summary>
internal static unsafe class Int8Panel
{
    private const int Rows = Int8Kernel.Columns,
        StepBytes = 4 * Rows,
        Steps = 8;

    /// <summary>Bytes of the unsigned bytes of a block.</summary>
    public const int ValueBytes = Steps * StepBytes;

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(DType type) => ValueBytes + Rows * sizeof(float) * (type == DType.Q4_1 ? 2 : 1);

    /// <summary>Packs <paramref name="rows"/> (1 to 32) rows; missing ones repeat the last.</summary>
    /// <param name="type">Q8_0, Q4_0 or Q4_1</param>
    /// <param name="weight">first block of the first row</param>
    /// <param name="stride">bytes from one row to the next</param>
    /// <param name="rows">rows that exist</param>
    /// <param name="blocks">blocks of a row</param>
    /// <param name="target">the panel</param>
    /// <param name="ahead">memory of the size of these rows that will be read next: asked for line after line</param>
    public static void Pack(DType type, byte* weight, nint stride, int rows, int blocks, byte* target, byte* ahead)
    {
        byte** row = stackalloc byte*[Rows];
        for (int i = 0; i < Rows; i++)
        {
            row[i] = weight + Math.Min(i, rows - 1) * stride;
        }
        switch (type)
        {
            case DType.Q8_0:
                Pack<Q8>(row, blocks, target, ahead);
                break;
            case DType.Q4_0:
                Pack<Q4>(row, blocks, target, ahead);
                break;
            default:
                Pack<Q41>(row, blocks, target, ahead);
                break;
        }
    }

    private static void Pack<T>(byte** row, int blocks, byte* target, byte* ahead)
        where T : struct, IBlock
    {
        int size = T.Type.BlockBytes(),
            packedSize = BlockBytes(T.Type);
        for (nint at = 0; blocks > 0; blocks--, at += size, target += packedSize, ahead += Rows * size)
        {
            Prefetch(ahead, Rows * size);
            Values<T>(row, at, target);
            Halves(row, at, target + ValueBytes);
            if (T.Type == DType.Q4_1)
            {
                Halves(row, at + sizeof(ushort), target + ValueBytes + Rows * sizeof(float));
            }
        }
    }

    /// <summary>A number of half precision of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(byte** row, nint at, byte* target)
    {
        for (int i = 0; i < Rows; i += 8)
        {
            Vector128<ushort> bits = Vector128.Create(
                *(ushort*)(row[i] + at),
                *(ushort*)(row[i + 1] + at),
                *(ushort*)(row[i + 2] + at),
                *(ushort*)(row[i + 3] + at),
                *(ushort*)(row[i + 4] + at),
                *(ushort*)(row[i + 5] + at),
                *(ushort*)(row[i + 6] + at),
                *(ushort*)(row[i + 7] + at)
            );
            Blocks32.Half(Vector256.Create(Vector128.WidenLower(bits), Vector128.WidenUpper(bits)).AsInt32()).Store((float*)target + i);
        }
    }

    /// <summary>32 rows at once look like no stream to the CPU's prefetcher.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* ahead, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (int line = 0; line < bytes; line += 64)
            {
                Sse.Prefetch1(ahead + line);
            }
        }
    }

    private static void Values<T>(byte** row, nint at, byte* target)
        where T : struct, IBlock
    {
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
        {
            Transpose<T>(row, at, target);
            Transpose<T>(row + 16, at, target + StepBytes / 2);
            return;
        }
        if (Avx2.IsSupported)
        {
            for (int i = 0; i < Rows; i += 8)
            {
                Eight<T>(row + i, at, target + i * sizeof(int));
            }
            return;
        }
        for (int i = 0; i < Rows; i++)
        {
            Vector256<uint> values = T.Load(row[i] + at).AsUInt32();
            for (int step = 0; step < Steps; step++)
            {
                ((uint*)(target + step * StepBytes))[i] = values[step];
            }
        }
    }

    /// <summary>16 rows of 8 double words become 8 rows of 16: within 128 bits by unpacking, between them by one shuffle.</summary>
    private static void Transpose<T>(byte** row, nint at, byte* target)
        where T : struct, IBlock
    {
        Four<T>(row, at, out Vector512<int> a0, out Vector512<int> a1, out Vector512<int> a2, out Vector512<int> a3);
        Four<T>(row + 8, at, out Vector512<int> b0, out Vector512<int> b1, out Vector512<int> b2, out Vector512<int> b3);
        Store(a0, b0, target);
        Store(a1, b1, target + StepBytes);
        Store(a2, b2, target + 2 * StepBytes);
        Store(a3, b3, target + 3 * StepBytes);
    }

    /// <summary>Eight rows of 8 double words, transposed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight<T>(byte** row, nint at, byte* target)
        where T : struct, IBlock
    {
        Quarter<T>(row, at, out Vector256<int> a0, out Vector256<int> a1, out Vector256<int> a2, out Vector256<int> a3);
        Quarter<T>(row + 4, at, out Vector256<int> b0, out Vector256<int> b1, out Vector256<int> b2, out Vector256<int> b3);
        Store(a0, b0, target);
        Store(a1, b1, target + StepBytes);
        Store(a2, b2, target + 2 * StepBytes);
        Store(a3, b3, target + 3 * StepBytes);
    }

    /// <summary>In the lower half of result j double word j of rows 0-3, in the upper half double word 4 + j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarter<T>(
        byte** row,
        nint at,
        out Vector256<int> r0,
        out Vector256<int> r1,
        out Vector256<int> r2,
        out Vector256<int> r3
    )
        where T : struct, IBlock
    {
        Vector256<int> z0 = T.Load(row[0] + at).AsInt32(),
            z1 = T.Load(row[1] + at).AsInt32(),
            z2 = T.Load(row[2] + at).AsInt32(),
            z3 = T.Load(row[3] + at).AsInt32();
        Vector256<long> low01 = Avx2.UnpackLow(z0, z1).AsInt64(),
            high01 = Avx2.UnpackHigh(z0, z1).AsInt64();
        Vector256<long> low23 = Avx2.UnpackLow(z2, z3).AsInt64(),
            high23 = Avx2.UnpackHigh(z2, z3).AsInt64();
        r0 = Avx2.UnpackLow(low01, low23).AsInt32();
        r1 = Avx2.UnpackHigh(low01, low23).AsInt32();
        r2 = Avx2.UnpackLow(high01, high23).AsInt32();
        r3 = Avx2.UnpackHigh(high01, high23).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> firstRows, Vector256<int> lastRows, byte* target)
    {
        Avx2.Permute2x128(firstRows, lastRows, 0b10_00_00).Store((int*)target);
        Avx2.Permute2x128(firstRows, lastRows, 0b11_00_01).Store((int*)(target + 4 * StepBytes));
    }

    /// <summary>In the 128-bit parts of result j: double word j of rows 0-3, double word 4 + j of rows 0-3, and the same of rows
    /// 4-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<T>(
        byte** row,
        nint at,
        out Vector512<int> r0,
        out Vector512<int> r1,
        out Vector512<int> r2,
        out Vector512<int> r3
    )
        where T : struct, IBlock
    {
        Vector512<int> z0 = Pair<T>(row[0] + at, row[4] + at),
            z1 = Pair<T>(row[1] + at, row[5] + at),
            z2 = Pair<T>(row[2] + at, row[6] + at),
            z3 = Pair<T>(row[3] + at, row[7] + at);
        Vector512<long> low01 = Avx512F.UnpackLow(z0, z1).AsInt64(),
            high01 = Avx512F.UnpackHigh(z0, z1).AsInt64();
        Vector512<long> low23 = Avx512F.UnpackLow(z2, z3).AsInt64(),
            high23 = Avx512F.UnpackHigh(z2, z3).AsInt64();
        r0 = Avx512F.UnpackLow(low01, low23).AsInt32();
        r1 = Avx512F.UnpackHigh(low01, low23).AsInt32();
        r2 = Avx512F.UnpackLow(high01, high23).AsInt32();
        r3 = Avx512F.UnpackHigh(high01, high23).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair<T>(byte* first, byte* second)
        where T : struct, IBlock => Vector512.Create(T.Load(first), T.Load(second)).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> firstRows, Vector512<int> lastRows, byte* target)
    {
        Avx512F.Shuffle4x128(firstRows, lastRows, 0b10_00_10_00).Store((int*)target);
        Avx512F.Shuffle4x128(firstRows, lastRows, 0b11_01_11_01).Store((int*)(target + 4 * StepBytes));
    }

    /// <summary>The 32 values of a block as unsigned bytes, <see cref="Int8Kernel.Zero"/> above what they stand for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(DType type, byte* block)
    {
        if (type == DType.Q8_0)
        {
            return Vector256.Load(block + 2) ^ Vector256.Create((byte)0x80);
        }
        Vector128<byte> both = Vector128.Load(block + (type == DType.Q4_0 ? 2 : 4));
        return Vector256.Create(both & Vector128.Create((byte)15), both >>> 4);
    }

    /// <summary>A block type known when the loop is compiled.</summary>
    public interface IBlock
    {
        static abstract DType Type { get; }

        static abstract Vector256<byte> Load(byte* block);
    }

    public readonly struct Q8 : IBlock
    {
        public static DType Type => DType.Q8_0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<byte> Load(byte* block) => Int8Panel.Load(DType.Q8_0, block);
    }

    public readonly struct Q4 : IBlock
    {
        public static DType Type => DType.Q4_0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<byte> Load(byte* block) => Int8Panel.Load(DType.Q4_0, block);
    }

    public readonly struct Q41 : IBlock
    {
        public static DType Type => DType.Q4_1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<byte> Load(byte* block) => Int8Panel.Load(DType.Q4_1, block);
    }
}
