using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// Packs operands whose values of i lie side by side in memory (B as it is, A transposed). A panel takes a few values from each row of
/// memory, which no prefetcher
/// follows: some rows at a time are packed to all panels beside one another, while the next ones are asked for.
/// </summary>
/// <remarks>Nothing but the panels is written, so threads may pack neighbouring steps of k.</remarks>
internal static unsafe class RowPacking
{
    /// <summary>Rows of memory at a time: few enough to stay in level 1, and enough for writing to be sequential.</summary>
    private const int Rows = 64;

    /// <summary>Packs steps of k of panels beside one another; the last one's lanes that do not exist become zeros.</summary>
    /// <param name="source">[k, i], float32 or bfloat16</param>
    /// <param name="count">values of i</param>
    /// <param name="width">values of i in a panel</param>
    /// <param name="panelBytes">bytes from one panel to the next</param>
    /// <param name="k">steps of k, even where pairs are wanted</param>
    /// <param name="pairs">bfloat16 pairs instead of float32</param>
    /// <param name="target">where the first panel has the first of these steps</param>
    /// <param name="streamed">past the caches, for panels that begin at a cache line and that other threads read or read last: taking lines
    /// from their caches would take longer</param>
    public static void Run(MatrixView source, int count, int width, long panelBytes, int k, bool pairs, byte* target, bool streamed)
    {
        for (int from = 0; from < k; from += Rows, target += (pairs ? Rows / 2 : Rows) * width * sizeof(uint))
        {
            int rows = Math.Min(Rows, k - from);
            byte* panel = target;
            for (int i = 0; i < count; i += width, panel += panelBytes)
            {
                MatrixView part = source.From(from, i);
                int lanes = Math.Min(width, count - i);
                if (!pairs && source.Type == DType.BFloat16)
                {
                    Panel<Widened>(part.Pointer, part.RowStride, lanes, width, rows, panel, streamed);
                }
                else if (!pairs)
                {
                    Panel<Floats>(part.Pointer, part.RowStride, lanes, width, rows, panel, streamed);
                }
                else if (source.Type == DType.Float32)
                {
                    Panel<RoundedPairs>(part.Pointer, part.RowStride, lanes, width, rows / 2, panel, streamed);
                }
                else
                {
                    Panel<Pairs>(part.Pointer, part.RowStride, lanes, width, rows / 2, panel, streamed);
                }
            }
        }
        if (streamed && Sse.IsSupported)
        {
            Sse.StoreFence(); // such stores are not in order with the one that says that the work is done
        }
    }

    private static void Panel<TWords>(byte* source, nint strideK, int count, int width, int rows, byte* target, bool streamed)
        where TWords : IWords
    {
        nint stride = strideK * TWords.Bytes,
            ahead = Rows * stride;
        uint* row = (uint*)target;
        for (; rows > 0; rows--, source += stride * TWords.Steps, row += width)
        {
            int i = 0;
            for (; i <= count - 16; i += 16)
            {
                byte* from = source + i * TWords.Bytes;
                Ask(from + ahead, stride, TWords.Steps);
                Vector512<uint> words = TWords.Sixteen(from, stride);
                if (streamed)
                {
                    words.StoreAlignedNonTemporal(row + i);
                }
                else
                {
                    words.Store(row + i);
                }
            }
            if (i < count)
            {
                Ask(source + i * TWords.Bytes + ahead, stride, TWords.Steps);
            }
            for (; i <= count - 8; i += 8)
            {
                TWords.Eight(source + i * TWords.Bytes, stride).Store(row + i);
            }
            for (; i <= count - 4; i += 4)
            {
                TWords.Four(source + i * TWords.Bytes, stride).Store(row + i);
            }
            for (; i < count; i++)
            {
                row[i] = TWords.One(source + i * TWords.Bytes, stride);
            }
            for (; i < width; i++)
            {
                row[i] = 0;
            }
        }
    }

    /// <summary>Prefetches a line of one or two rows. Asking for what is not there does nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ask(byte* line, nint stride, int rows)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(line);
            if (rows == 2)
            {
                Sse.Prefetch0(line + stride);
            }
        }
    }

    /// <summary>How words of a panel are made of one or two rows of memory.</summary>
    private interface IWords
    {
        /// <summary>Bytes of a value in memory.</summary>
        static abstract int Bytes { get; }

        /// <summary>Steps of k in a word.</summary>
        static abstract int Steps { get; }

        static abstract Vector512<uint> Sixteen(byte* source, nint stride);

        static abstract Vector256<uint> Eight(byte* source, nint stride);

        static abstract Vector128<uint> Four(byte* source, nint stride);

        static abstract uint One(byte* source, nint stride);
    }

    private readonly struct Floats : IWords
    {
        public static int Bytes => sizeof(float);

        public static int Steps => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Sixteen(byte* source, nint stride) => Vector512.Load((uint*)source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<uint> Eight(byte* source, nint stride) => Vector256.Load((uint*)source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Four(byte* source, nint stride) => Vector128.Load((uint*)source);

        public static uint One(byte* source, nint stride) => *(uint*)source;
    }

    private readonly struct Widened : IWords
    {
        public static int Bytes => sizeof(ushort);

        public static int Steps => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Sixteen(byte* source, nint stride) => BFloat16Bits.Load((ushort*)source).AsUInt32();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<uint> Eight(byte* source, nint stride) =>
            Vector256.WidenLower(Vector128.Load((ushort*)source).ToVector256Unsafe()) << 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Four(byte* source, nint stride) =>
            Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()) << 16;

        public static uint One(byte* source, nint stride) => (uint)*(ushort*)source << 16;
    }

    private readonly struct RoundedPairs : IWords
    {
        public static int Bytes => sizeof(float);

        public static int Steps => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Sixteen(byte* source, nint stride) =>
            BFloat16Bits.Join(
                BFloat16Bits.RoundInPlace(Vector512.Load((float*)source)),
                BFloat16Bits.RoundInPlace(Vector512.Load((float*)(source + stride)))
            );

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<uint> Eight(byte* source, nint stride) =>
            (BFloat16Bits.RoundInPlace(Vector256.Load((uint*)source)) >> 16)
            | (BFloat16Bits.RoundInPlace(Vector256.Load((uint*)(source + stride))) & Vector256.Create(0xFFFF0000u));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Four(byte* source, nint stride) =>
            (BFloat16Bits.RoundInPlace(Vector128.Load((uint*)source)) >> 16)
            | (BFloat16Bits.RoundInPlace(Vector128.Load((uint*)(source + stride))) & Vector128.Create(0xFFFF0000u));

        public static uint One(byte* source, nint stride) =>
            BFloat16Bits.FromFloat(*(float*)source) | ((uint)BFloat16Bits.FromFloat(*(float*)(source + stride)) << 16);
    }

    private readonly struct Pairs : IWords
    {
        public static int Bytes => sizeof(ushort);

        public static int Steps => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<uint> Sixteen(byte* source, nint stride) =>
            (BFloat16Bits.Load((ushort*)source).AsUInt32() >> 16) | BFloat16Bits.Load((ushort*)(source + stride)).AsUInt32();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<uint> Eight(byte* source, nint stride) =>
            Vector256.WidenLower(Vector128.Load((ushort*)source).ToVector256Unsafe())
            | (Vector256.WidenLower(Vector128.Load((ushort*)(source + stride)).ToVector256Unsafe()) << 16);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Four(byte* source, nint stride) =>
            Vector128.WidenLower(Half(source)) | (Vector128.WidenLower(Half(source + stride)) << 16);

        public static uint One(byte* source, nint stride) => *(ushort*)source | ((uint)*(ushort*)(source + stride) << 16);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<ushort> Half(byte* source) => Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16();
    }
}
