using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>The small products of <see cref="SharedKeyKernels"/>: some heads of one query with its keys. Four heads or columns go together,
/// so that what is loaded serves several sums.</summary>
internal static unsafe class SharedKeyTiles
{
    private const int Width = 16;

    /// <summary>Whole panels.</summary>
    public static int Padded(int keys) => (keys + Width - 1) / Width * Width;

    /// <summary>Panels of sixteen keys, [keys/16, D, 16], of rows [keys, D].</summary>
    public static void Turn(float* rows, float* panels, int keys, int dim)
    {
        for (int k = 0; k < keys; k += Width)
        {
            float* from = rows + (long)k * dim,
                to = panels + (long)k * dim;
            int d = 0;
            if (Avx512F.IsSupported)
            {
                for (; d <= dim - Width; d += Width)
                {
                    Turn16(from + d, dim, to + d * Width);
                }
            }
            for (; d <= dim - 4; d += 4)
            {
                for (int i = 0; i < Width; i += 4)
                {
                    Transpose4.Run(from + (long)i * dim + d, dim, to + d * Width + i, Width);
                }
            }
            for (; d < dim; d++)
            {
                for (int i = 0; i < Width; i++)
                {
                    to[d * Width + i] = from[(long)i * dim + d];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Turn16(float* from, nint stride, float* to)
    {
        SixteenVectors vectors;
        Vector512<uint>* v = (Vector512<uint>*)&vectors;
        for (int i = 0; i < Width; i++)
        {
            v[i] = Vector512.Load((uint*)from + i * stride);
        }
        Transpose16.Run(v, (uint*)to, Width);
    }

    /// <summary>s[h, key] = x_h · key for x [H, D]; rows of s are as many as keys long.</summary>
    public static void Scores(float* x, int heads, int dim, float* panels, int keys, float* s)
    {
        for (int h = 0; h < heads; h += 4)
        {
            int n = Math.Min(4, heads - h);
            float* x0 = x + (long)h * dim,
                x1 = n > 1 ? x0 + dim : x0,
                x2 = n > 2 ? x1 + dim : x0,
                x3 = n > 3 ? x2 + dim : x0;
            for (int k = 0; k < keys; k += 2 * Width)
            {
                // A panel that is the last alone is taken twice.
                float* panel = panels + (long)k * dim,
                    second = k + Width < keys ? panel + Width * dim : panel;
                FourHeads(x0, x1, x2, x3, dim, panel, second, s + (long)h * keys + k, keys, n, k + Width < keys);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FourHeads(
        float* x0,
        float* x1,
        float* x2,
        float* x3,
        int dim,
        float* panel,
        float* second,
        float* to,
        int stride,
        int n,
        bool both
    )
    {
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            a3 = default,
            b0 = default,
            b1 = default,
            b2 = default,
            b3 = default;
        for (int d = 0; d < dim; d++)
        {
            Vector512<float> a = Vector512.Load(panel + d * Width),
                b = Vector512.Load(second + d * Width);
            Vector512<float> w = Vector512.Create(x0[d]);
            a0 = Vector512.FusedMultiplyAdd(w, a, a0);
            b0 = Vector512.FusedMultiplyAdd(w, b, b0);
            w = Vector512.Create(x1[d]);
            a1 = Vector512.FusedMultiplyAdd(w, a, a1);
            b1 = Vector512.FusedMultiplyAdd(w, b, b1);
            w = Vector512.Create(x2[d]);
            a2 = Vector512.FusedMultiplyAdd(w, a, a2);
            b2 = Vector512.FusedMultiplyAdd(w, b, b2);
            w = Vector512.Create(x3[d]);
            a3 = Vector512.FusedMultiplyAdd(w, a, a3);
            b3 = Vector512.FusedMultiplyAdd(w, b, b3);
        }
        StorePair(a0, b0, to, both, add: false);
        if (n > 1)
        {
            StorePair(a1, b1, to + stride, both, add: false);
        }
        if (n > 2)
        {
            StorePair(a2, b2, to + 2 * stride, both, add: false);
        }
        if (n > 3)
        {
            StorePair(a3, b3, to + 3 * stride, both, add: false);
        }
    }

    /// <summary>y_h = (add ? y_h : 0) + Σ_i w[h, i] row_i, w [H, keys].</summary>
    public static void Sums(float* w, int heads, int keys, float* rows, int dim, float* y, bool add)
    {
        for (int h = 0; h < heads; h += 4)
        {
            int n = Math.Min(4, heads - h),
                c = 0;
            float* w0 = w + (long)h * keys,
                w1 = n > 1 ? w0 + keys : w0,
                w2 = n > 2 ? w1 + keys : w0,
                w3 = n > 3 ? w2 + keys : w0;
            for (; c <= dim - 2 * Width; c += 2 * Width)
            {
                FourSums(w0, w1, w2, w3, keys, rows + c, dim, y + (long)h * dim + c, n, true, add);
            }
            for (; c <= dim - Width; c += Width)
            {
                FourSums(w0, w1, w2, w3, keys, rows + c, dim, y + (long)h * dim + c, n, false, add);
            }
            for (; c < dim; c++)
            {
                for (int head = h; head < h + n; head++)
                {
                    float sum = add ? y[(long)head * dim + c] : 0;
                    for (int i = 0; i < keys; i++)
                    {
                        sum += w[(long)head * keys + i] * rows[(long)i * dim + c];
                    }
                    y[(long)head * dim + c] = sum;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FourSums(
        float* w0,
        float* w1,
        float* w2,
        float* w3,
        int keys,
        float* rows,
        int dim,
        float* to,
        int n,
        bool both,
        bool add
    )
    {
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            a3 = default,
            b0 = default,
            b1 = default,
            b2 = default,
            b3 = default;
        int beside = both ? Width : 0;
        for (int i = 0; i < keys; i++, rows += dim)
        {
            Vector512<float> a = Vector512.Load(rows),
                b = Vector512.Load(rows + beside);
            Vector512<float> w = Vector512.Create(w0[i]);
            a0 = Vector512.FusedMultiplyAdd(w, a, a0);
            b0 = Vector512.FusedMultiplyAdd(w, b, b0);
            w = Vector512.Create(w1[i]);
            a1 = Vector512.FusedMultiplyAdd(w, a, a1);
            b1 = Vector512.FusedMultiplyAdd(w, b, b1);
            w = Vector512.Create(w2[i]);
            a2 = Vector512.FusedMultiplyAdd(w, a, a2);
            b2 = Vector512.FusedMultiplyAdd(w, b, b2);
            w = Vector512.Create(w3[i]);
            a3 = Vector512.FusedMultiplyAdd(w, a, a3);
            b3 = Vector512.FusedMultiplyAdd(w, b, b3);
        }
        StorePair(a0, b0, to, both, add);
        if (n > 1)
        {
            StorePair(a1, b1, to + dim, both, add);
        }
        if (n > 2)
        {
            StorePair(a2, b2, to + 2 * dim, both, add);
        }
        if (n > 3)
        {
            StorePair(a3, b3, to + 3 * dim, both, add);
        }
    }

    /// <summary>y += Σ_h a[h] x_h + b[h] z_h; numbers of a and b are <paramref name="stride"/> apart.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void AddOuter(float* y, float* a, float* x, float* b, float* z, int heads, int stride, int dim)
    {
        int c = 0;
        for (; c <= dim - 4 * Width; c += 4 * Width)
        {
            float* to = y + c;
            Vector512<float> s0 = Vector512.Load(to),
                s1 = Vector512.Load(to + 16),
                s2 = Vector512.Load(to + 32),
                s3 = Vector512.Load(to + 48);
            for (int h = 0; h < heads; h++)
            {
                Vector512<float> p = Vector512.Create(a[(long)h * stride]),
                    d = Vector512.Create(b[(long)h * stride]);
                float* xs = x + (long)h * dim + c,
                    zs = z + (long)h * dim + c;
                s0 = Vector512.FusedMultiplyAdd(d, Vector512.Load(zs), Vector512.FusedMultiplyAdd(p, Vector512.Load(xs), s0));
                s1 = Vector512.FusedMultiplyAdd(d, Vector512.Load(zs + 16), Vector512.FusedMultiplyAdd(p, Vector512.Load(xs + 16), s1));
                s2 = Vector512.FusedMultiplyAdd(d, Vector512.Load(zs + 32), Vector512.FusedMultiplyAdd(p, Vector512.Load(xs + 32), s2));
                s3 = Vector512.FusedMultiplyAdd(d, Vector512.Load(zs + 48), Vector512.FusedMultiplyAdd(p, Vector512.Load(xs + 48), s3));
            }
            s0.Store(to);
            s1.Store(to + 16);
            s2.Store(to + 32);
            s3.Store(to + 48);
        }
        for (int h = 0; h < heads && c < dim; h++)
        {
            Lanes.AddScaled(y + c, x + (long)h * dim + c, a[(long)h * stride], dim - c);
            Lanes.AddScaled(y + c, z + (long)h * dim + c, b[(long)h * stride], dim - c);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(Vector512<float> first, Vector512<float> second, float* to, bool both, bool add)
    {
        (add ? first + Vector512.Load(to) : first).Store(to);
        if (both)
        {
            (add ? second + Vector512.Load(to + Width) : second).Store(to + Width);
        }
    }
}
