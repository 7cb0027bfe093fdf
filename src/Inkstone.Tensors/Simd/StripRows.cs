using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>Rearranges strips [rows, 32]: rows to pairs of bfloat16, strips to their transposes.</summary>
internal static unsafe class StripRows
{
    private const int Width = Strips.Width;

    /// <summary>Scores s of rows [begin, end) become s′ with scale · s′ = cap · tanh(scale · s / cap).</summary>
    public static void SoftCap(float* scores, int begin, int end, float scale, float cap)
    {
        Vector512<float> inner = Vector512.Create(scale / cap),
            outer = Vector512.Create(cap / scale);
        for (int i = begin * Width; i < end * Width; i += 16)
        {
            (Lanes.Tanh(Vector512.Load(scores + i) * inner) * outer).Store(scores + i);
        }
    }

    /// <summary>Interleaves two rows in bfloat16, the even one in the lower halves. Rounds to nearest, ties away from zero: one addition
    /// less than to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Pair(Vector512<float> even, Vector512<float> odd)
    {
        Vector512<uint> half = Vector512.Create(0x8000u);
        return BFloat16Bits.Join(even.AsUInt32() + half, odd.AsUInt32() + half);
    }

    /// <summary>−∞ in the lanes of <paramref name="hidden"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Hide(float* row, Vector512<int> hidden) =>
        Vector512.ConditionalSelect(hidden.AsSingle(), Vector512.Create(float.NegativeInfinity), Vector512.Load(row)).Store(row);

    /// <summary>Address of a row (an even one of pairs) of B.</summary>
    public static uint* Row(byte* right, bool pairs, int row) => (uint*)right + (pairs ? row / 2 : row) * Width;

    /// <summary>Zeros in rows (of pairs) from <paramref name="begin"/> to <paramref name="end"/>.</summary>
    public static void Clear(byte* right, bool pairs, int begin, int end) =>
        new Span<uint>(Row(right, pairs, begin), (pairs ? (end - begin) / 2 : end - begin) * Width).Clear();

    /// <summary>target[lane, row] (+)= strip[row, lane] for <paramref name="rows"/> rows and <paramref name="lanes"/> lanes.</summary>
    [SkipLocalsInit]
    public static void StoreTransposed(float* strip, int rows, int lanes, float* target, nint stride, bool accumulate)
    {
        if (!CpuFeatures.HasAvx512)
        {
            for (int i = 0; i < lanes; i++)
            {
                float* to = target + i * stride;
                for (int d = 0; d < rows; d++)
                {
                    to[d] = accumulate ? to[d] + strip[d * Width + i] : strip[d * Width + i];
                }
            }
            return;
        }
        float* buffer = stackalloc float[16 * 16];
        SixteenVectors square;
        Vector512<uint>* values = (Vector512<uint>*)&square;
        for (int d = 0; d < rows; d += 16)
        {
            int width = Math.Min(16, rows - d);
            for (int lane = 0; lane < lanes; lane += 16)
            {
                for (int i = 0; i < width; i++)
                {
                    values[i] = Vector512.Load(strip + (d + i) * Width + lane).AsUInt32();
                }
                int count = Math.Min(16, lanes - lane);
                float* to = target + lane * stride + d;
                if (count == 16 && width == 16 && !accumulate)
                {
                    Transpose16.Run(values, (uint*)to, stride);
                    continue;
                }
                Transpose16.Run(values, (uint*)buffer, 16);
                for (int i = 0; i < count; i++, to += stride)
                {
                    Vector512<float> value = Vector512.Load(buffer + 16 * i);
                    if (width < 16)
                    {
                        Lanes.StorePart(accumulate ? value + Lanes.LoadPart(to, width) : value, to, width);
                    }
                    else
                    {
                        (accumulate ? value + Vector512.Load(to) : value).Store(to);
                    }
                }
            }
        }
    }

    /// <summary>
    /// 32 rows of 32 floats, transposed: target[lane, row]. In bfloat16 both sides are pairs: source [16, 32] pairs of rows, target [16,
    /// 32] pairs of lanes.
    /// </summary>
    [SkipLocalsInit]
    public static void Transpose(uint* source, bool pairs, uint* target)
    {
        if (!CpuFeatures.HasAvx512)
        {
            for (int i = 0; i < Width; i++)
            {
                for (int j = 0; j < Width; j++)
                {
                    if (pairs)
                    {
                        ((ushort*)target)[(j / 2 * Width + i) * 2 + j % 2] = ((ushort*)source)[(i / 2 * Width + j) * 2 + i % 2];
                    }
                    else
                    {
                        target[j * Width + i] = source[i * Width + j];
                    }
                }
            }
            return;
        }
        SixteenVectors square,
            lanes;
        Vector512<uint>* values = (Vector512<uint>*)&square,
            turned = (Vector512<uint>*)&lanes;
        for (int row = 0; row < (pairs ? 16 : Width); row += 16)
        {
            for (int lane = 0; lane < Width; lane += 16)
            {
                for (int i = 0; i < 16; i++)
                {
                    values[i] = Vector512.Load(source + (row + i) * Width + lane);
                }
                if (!pairs)
                {
                    Transpose16.Run(values, target + lane * Width + row, Width);
                    continue;
                }
                // A lane's 32 rows in order; two neighbours are interleaved.
                Transpose16.Run(values, (uint*)turned, 16);
                for (int j = 0; j < 16; j += 2)
                {
                    uint* to = target + (lane + j) / 2 * Width;
                    Vector512<ushort> even = turned[j].AsUInt16(),
                        odd = turned[j + 1].AsUInt16();
                    Avx512BW.PermuteVar32x16x2(even, LowerHalf, odd).AsUInt32().Store(to);
                    Avx512BW.PermuteVar32x16x2(even, UpperHalf, odd).AsUInt32().Store(to + 16);
                }
            }
        }
    }

    private static readonly Vector512<ushort> LowerHalf = Vector512.Create(
        (ushort)0,
        32,
        1,
        33,
        2,
        34,
        3,
        35,
        4,
        36,
        5,
        37,
        6,
        38,
        7,
        39,
        8,
        40,
        9,
        41,
        10,
        42,
        11,
        43,
        12,
        44,
        13,
        45,
        14,
        46,
        15,
        47
    );

    private static readonly Vector512<ushort> UpperHalf = LowerHalf + Vector512.Create((ushort)16);
}
