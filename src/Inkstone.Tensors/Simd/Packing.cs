using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>
/// Copies operands into panels. Rows of A and columns of B are the same thing here: an index i with one stride, and k with the other;
/// a panel holds <c>width</c> values of i for each step of k. Transposition and conversion to bfloat16 happen on the way, edges are filled
/// with zeros.
/// </summary>
internal static unsafe class Packing
{
    /// <summary>Stores of whole vectors may run this many bytes past the last panel.</summary>
    public const int SlackBytes = 128;

    /// <summary>Bytes of one panel of A.</summary>
    public static long BytesA(MicroKernel kernel, int k) =>
        kernel.Rows
        * (kernel.ElementBytes * (long)Padded(kernel, k) + (kernel.Layout == PanelLayout.Tiles ? AmxKernel.RowPaddingBytes : 0));

    /// <summary>Bytes of one panel of B.</summary>
    public static long BytesB(MicroKernel kernel, int k) => (long)kernel.Columns * kernel.ElementBytes * Padded(kernel, k);

    /// <summary>Bytes of one copied row of A, zeros up to a whole step of k included.</summary>
    public static nint RowBytes(MicroKernel kernel, int k) => (nint)kernel.ElementBytes * Padded(kernel, k);

    private static int Padded(MicroKernel kernel, int k) => (k + kernel.StepValues - 1) / kernel.StepValues * kernel.StepValues;

    /// <summary>Packs up to <see cref="MicroKernel.Rows"/> rows of A.</summary>
    public static void PackA(MicroKernel kernel, MatrixView a, int rows, int k, byte* target)
    {
        if (kernel.Layout == PanelLayout.Tiles && a.ColumnStride == 1)
        {
            nint stride = RowBytes(kernel, k) + AmxKernel.RowPaddingBytes;
            CopyRows(kernel, a, rows, k, stride, target);
            new Span<byte>(target + rows * stride, (int)((kernel.Rows - rows) * stride)).Clear();
        }
        else if (kernel.Layout == PanelLayout.Tiles)
        {
            TilePacking.Columns(a, rows, kernel.Rows, k, Padded(kernel, k), target);
        }
        else
        {
            Panel(a.Pointer, a.Type, a.RowStride, a.ColumnStride, rows, kernel.Rows, k, kernel.Layout == PanelLayout.Pairs, target);
        }
    }

    /// <summary>Copies rows of A whose values of k lie side by side, in the kernel's type; steps of k that do not exist are
    /// zeros.</summary>
    public static void CopyRows(MicroKernel kernel, MatrixView a, int rows, int k, nint stride, byte* target)
    {
        for (int i = 0; i < rows; i++, target += stride)
        {
            byte* source = a.From(i, 0).Pointer;
            if (a.Type == kernel.ElementType)
            {
                Buffer.MemoryCopy(source, target, stride, (long)kernel.ElementBytes * k);
            }
            else if (a.Type == DType.Float32)
            {
                BFloat16Bits.FromFloats((float*)source, (ushort*)target, k);
            }
            else
            {
                RowDecoder.Decode(a.From(i, 0), k, (float*)target);
            }
            new Span<byte>(target + (long)kernel.ElementBytes * k, (int)(stride - (long)kernel.ElementBytes * k)).Clear();
        }
    }

    /// <summary>Packs up to <see cref="MicroKernel.Columns"/> columns of B; steps of k that do not exist are zeros.</summary>
    public static void PackB(MicroKernel kernel, MatrixView b, int columns, int k, byte* target)
    {
        Panel(b.Pointer, b.Type, b.ColumnStride, b.RowStride, columns, kernel.Columns, k, kernel.Layout != PanelLayout.Float32, target);
        ClearRest(kernel, k, target);
    }

    /// <summary>Zeros for the steps of k that a panel of B has beyond <paramref name="k"/>.</summary>
    public static void ClearRest(MicroKernel kernel, int k, byte* panel)
    {
        long written = (long)kernel.Columns * sizeof(float) * (kernel.Layout == PanelLayout.Float32 ? k : (k + 1) / 2),
            whole = BytesB(kernel, k);
        new Span<byte>(panel + written, (int)(whole - written)).Clear();
    }

    /// <summary>Packs one panel.</summary>
    /// <param name="source">element (i, k) = source[i · strideI + k · strideK]</param>
    /// <param name="type">element type of the source</param>
    /// <param name="strideI">elements from one i to the next</param>
    /// <param name="strideK">elements from one k to the next</param>
    /// <param name="count">values of i that exist, at most <paramref name="width"/></param>
    /// <param name="width">values of i in a panel</param>
    /// <param name="k">values of k</param>
    /// <param name="pairs">bfloat16 pairs instead of float32</param>
    /// <param name="target">the panel</param>
    public static void Panel(byte* source, DType type, nint strideI, nint strideK, int count, int width, int k, bool pairs, byte* target)
    {
        if (strideI == 1 && IsPlain(type))
        {
            Rows(new MatrixView(source, type, strideK, 1), count, width, 0, k, pairs, target);
            return;
        }
        bool whole = count == width && strideK == 1 && IsPlain(type);
        if (whole && CpuFeatures.HasAvx512 && width <= 16)
        {
            TransposeColumns(source, type, strideI, width, k, pairs, target, width);
        }
        else if (whole && CpuFeatures.HasAvx512 && width % 16 == 0)
        {
            for (int i = 0; i < width; i += 16)
            {
                TransposeColumns(source + i * strideI * type.Size(), type, strideI, 16, k, pairs, target + i * 4, width);
            }
        }
        else if (whole && !pairs && width >= 4)
        {
            TransposeFours(source, type, strideI, width, k, (float*)target);
        }
        else
        {
            Scalar(source, type, strideI, strideK, count, width, width, k, pairs, target);
        }
    }

    /// <summary>Packs panels beside one another of an operand whose values of i lie side by side in memory.</summary>
    /// <param name="source">[k, i]</param>
    /// <param name="count">values of i; what the last panel lacks becomes zeros</param>
    /// <param name="width">values of i in a panel</param>
    /// <param name="panelBytes">bytes from one panel to the next</param>
    /// <param name="k">values of k</param>
    /// <param name="pairs">bfloat16 pairs instead of float32</param>
    /// <param name="target">the first panel</param>
    /// <param name="streamed">written past the caches; see <see cref="RowPacking.Run"/></param>
    public static void Rows(
        MatrixView source,
        int count,
        int width,
        long panelBytes,
        int k,
        bool pairs,
        byte* target,
        bool streamed = false
    )
    {
        int even = pairs ? k / 2 * 2 : k;
        RowPacking.Run(source, count, width, panelBytes, even, pairs, target, streamed);
        for (int i = 0; i < count && even < k; i += width, target += panelBytes)
        {
            Scalar(
                source.From(even, i).Pointer,
                source.Type,
                1,
                source.RowStride,
                Math.Min(width, count - i),
                width,
                width,
                1,
                pairs,
                target + even / 2 * width * 4L
            );
        }
    }

    /// <summary>Whether the vector code reads such elements: float32 and bfloat16, each of which becomes the other on the way.</summary>
    public static bool IsPlain(DType type) => type is DType.Float32 or DType.BFloat16;

    /// <summary>k is contiguous: blocks of 16 values of i by 16 (pairs: 32) values of k are transposed in registers.</summary>
    [SkipLocalsInit]
    private static void TransposeColumns(byte* source, DType type, nint strideI, int count, int k, bool pairs, byte* target, int width)
    {
        int step = pairs ? 32 : 16,
            done = 0,
            size = type.Size();
        SixteenVectors block;
        for (; done <= k - step; done += step)
        {
            Vector512<uint>* rows = (Vector512<uint>*)&block;
            byte* from = source + (nint)done * size;
            for (int i = 0; i < count; i++, from += strideI * size)
            {
                rows[i] = Load(from, type, pairs);
            }
            Transpose16.Run(rows, (uint*)target + (long)(done / (pairs ? 2 : 1)) * width, width);
        }
        if (done < k)
        {
            Scalar(
                source + (nint)done * size,
                type,
                strideI,
                1,
                count,
                count,
                width,
                k - done,
                pairs,
                target + (long)(done / (pairs ? 2 : 1)) * width * 4
            );
        }
    }

    /// <summary>The same in blocks of 4 × 4; where the width is no multiple, the last block overlaps the one before.</summary>
    private static void TransposeFours(byte* source, DType type, nint strideI, int width, int k, float* target)
    {
        int done = 0,
            size = type.Size();
        for (; done <= k - 4; done += 4)
        {
            for (int i = 0; i < width; i += 4)
            {
                int first = Math.Min(i, width - 4);
                byte* from = source + (first * strideI + done) * size;
                float* to = target + (nint)done * width + first;
                if (type == DType.Float32)
                {
                    Transpose4.Run((float*)from, strideI, to, width);
                }
                else
                {
                    Transpose4.Run((ushort*)from, strideI, to, width);
                }
            }
        }
        Scalar(
            source + (nint)done * size,
            type,
            strideI,
            1,
            width,
            width,
            width,
            k - done,
            pairs: false,
            (byte*)(target + (nint)done * width)
        );
    }

    /// <summary>16 words of a panel from values side by side: floats, or pairs of bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Load(byte* source, DType type, bool pairs) =>
        pairs == (type == DType.BFloat16) ? Vector512.Load((uint*)source)
        : pairs ? BFloat16Bits.Narrow(Vector512.Load((float*)source), Vector512.Load((float*)source + 16)).AsUInt32()
        : BFloat16Bits.Load((ushort*)source).AsUInt32();

    /// <summary>Any strides, types and edges: <paramref name="count"/> values and zeros up to <paramref name="fill"/>, rows
    /// <paramref name="width"/> apart.</summary>
    private static void Scalar(
        byte* source,
        DType type,
        nint strideI,
        nint strideK,
        int count,
        int fill,
        int width,
        int k,
        bool pairs,
        byte* target
    )
    {
        int size = type.Size();
        for (int p = 0; p < k; p += pairs ? 2 : 1)
        {
            for (int i = 0; i < fill; i++)
            {
                float first = i < count ? Read(source + (i * strideI + p * strideK) * size, type) : 0;
                if (pairs)
                {
                    float second = i < count && p + 1 < k ? Read(source + (i * strideI + (p + 1) * strideK) * size, type) : 0;
                    ((uint*)target)[i] = BFloat16Bits.FromFloat(first) | (uint)BFloat16Bits.FromFloat(second) << 16;
                }
                else
                {
                    ((float*)target)[i] = first;
                }
            }
            target += width * 4;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* source, DType type) => type == DType.Float32 ? *(float*)source : BFloat16Bits.ToFloat(*(ushort*)source);
}
