using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernel of <c>Ops.Rope</c>. D: head dimensions; half: rotated pairs of a head.</summary>
internal static unsafe class RopeKernels
{
    private const int GrainElements = 8192;

    /// <summary>Rotates <paramref name="x"/> into <paramref name="y"/>, which may be the same memory.</summary>
    /// <remarks>Tokens [<paramref name="begin"/>, <paramref name="end"/>), or all.</remarks>
    public static void Rotate(
        string name,
        Tensor x,
        Tensor y,
        RopePairs pairs,
        Tensor positions,
        RotaryTable table,
        bool backwards,
        bool accumulate,
        int begin = 0,
        int? end = null
    )
    {
        int count = (end ?? x.Shape.Rows) - begin,
            width = x.Shape.Last;
        using Profile.Scope _ = x.Device.Measure(name, bytes: 8.0 * count * width);
        float* rows = table.Rows(LastPosition(positions));
        RotateKernel kernel = new(
            x.F32 + (long)begin * width,
            y.F32 + (long)begin * width,
            rows,
            positions.I32 + begin,
            pairs,
            width / pairs.Heads,
            table.RotaryDim / 2,
            backwards ? -1 : 1,
            accumulate
        );
        x.Device.Run(kernel, count, Math.Max(1, GrainElements / Math.Max(1, width)));
    }

    public static int LastPosition(Tensor positions)
    {
        int last = 0;
        foreach (int position in positions.Ints)
        {
            last =
                position >= 0
                    ? Math.Max(last, position)
                    : throw new ArgumentException($"a rotary position is {position}; positions start at 0", nameof(positions));
        }
        return last;
    }

    private readonly struct RotateKernel(
        float* x,
        float* y,
        float* rows,
        int* positions,
        RopePairs pairs,
        int headDim,
        int half,
        float direction,
        bool accumulate
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            bool passes = 2 * half < headDim && (x != y || accumulate);
            for (int token = start; token < end; token++)
            {
                float* cos = rows + (long)positions[token] * 2 * half,
                    sin = cos + half;
                long at = (long)token * pairs.Heads * headDim;
                for (int head = 0; head < pairs.Heads; head++, at += headDim)
                {
                    if (pairs.Interleaved)
                    {
                        Neighbours(x + at + pairs.From, y + at + pairs.From, cos, sin);
                    }
                    else
                    {
                        Halves(x + at + pairs.From, y + at + pairs.From, cos, sin);
                    }
                    if (passes)
                    {
                        Rest(x + at, y + at);
                    }
                }
            }
        }

        private void Halves(float* from, float* to, float* cos, float* sin)
        {
            int i = 0,
                count = half; // locals: stores through pointers would have the fields read again
            bool add = accumulate;
            float sign = direction;
            for (; i <= count - 16; i += 16)
            {
                Vector512<float> a = Vector512.Load(from + i),
                    b = Vector512.Load(from + i + count);
                Vector512<float> c = Vector512.Load(cos + i),
                    s = Vector512.Load(sin + i) * sign;
                Vector512<float> ra = a * c - b * s,
                    rb = b * c + a * s;
                (add ? ra + Vector512.Load(to + i) : ra).Store(to + i);
                (add ? rb + Vector512.Load(to + i + count) : rb).Store(to + i + count);
            }
            for (; i < count; i++)
            {
                float a = from[i],
                    b = from[i + count],
                    s = sin[i] * sign;
                float ra = a * cos[i] - b * s,
                    rb = b * cos[i] + a * s;
                to[i] = add ? ra + to[i] : ra;
                to[i + count] = add ? rb + to[i + count] : rb;
            }
        }

        /// <summary>Two pairs (a, b) at a time: (a, b) · cos + (b, a) · (−sin, sin), the same roundings as one by one.</summary>
        private void Neighbours(float* from, float* to, float* cos, float* sin)
        {
            int i = 0,
                count = half;
            bool add = accumulate;
            Vector128<float> signs = Vector128.Create(-direction, direction, -direction, direction);
            for (; i <= count - 2; i += 2)
            {
                Vector128<float> ab = Vector128.Load(from + 2 * i),
                    c = Twice(cos + i),
                    s = Twice(sin + i) * signs;
                Vector128<float> r = ab * c + Vector128.Shuffle(ab, Vector128.Create(1, 0, 3, 2)) * s;
                (add ? r + Vector128.Load(to + 2 * i) : r).Store(to + 2 * i);
            }
            for (; i < count; i++)
            {
                float a = from[2 * i],
                    b = from[2 * i + 1],
                    s = sin[i] * direction;
                float ra = a * cos[i] - b * s,
                    rb = b * cos[i] + a * s;
                to[2 * i] = add ? ra + to[2 * i] : ra;
                to[2 * i + 1] = add ? rb + to[2 * i + 1] : rb;
            }
        }

        /// <summary>p[0], p[0], p[1], p[1].</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<float> Twice(float* p) =>
            Vector128.Shuffle(Vector128.CreateScalarUnsafe(*(double*)p).AsSingle(), Vector128.Create(0, 0, 1, 1));

        /// <summary>What is not rotated. Inlined: a method without a loop of its own starts out unoptimised.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Rest(float* from, float* to)
        {
            int end = pairs.From + 2 * half;
            if (accumulate)
            {
                Lanes.Add(to, from, pairs.From);
                Lanes.Add(to + end, from + end, headDim - end);
            }
            else
            {
                new ReadOnlySpan<float>(from, pairs.From).CopyTo(new Span<float>(to, pairs.From));
                new ReadOnlySpan<float>(from + end, headDim - end).CopyTo(new Span<float>(to + end, headDim - end));
            }
        }
    }
}
