using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>The small products of <see cref="SharedKeyKernels"/>: some heads of one query with its keys. Four heads or columns go together, so that what is loaded serves several sums.</summary>
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
            float* from = rows + (long)k * dim, to = panels + (long)k * dim;
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
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Scores(float* x, int heads, int dim, float* panels, int keys, float* s)
    {
        for (int h = 0; h < heads; h += 4)
        {
            int n = Math.Min(4, heads - h);
            float* x0 = x + (long)h * dim, x1 = n > 1 ? x0 + dim : x0, x2 = n > 2 ? x1 + dim : x0, x3 = n > 3 ? x2 + dim : x0;
            for (int k = 0; k < keys; k += Width)
            {
                float* panel = panels + (long)k * dim;
                Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
                for (int d = 0; d < dim; d++)
                {
                    Vector512<float> column = Vector512.Load(panel + d * Width);
                    a0 = Vector512.FusedMultiplyAdd(Vector512.Create(x0[d]), column, a0);
                    a1 = Vector512.FusedMultiplyAdd(Vector512.Create(x1[d]), column, a1);
                    a2 = Vector512.FusedMultiplyAdd(Vector512.Create(x2[d]), column, a2);
                    a3 = Vector512.FusedMultiplyAdd(Vector512.Create(x3[d]), column, a3);
                }
                float* to = s + (long)h * keys + k;
                a0.Store(to);
                if (n > 1)
                {
                    a1.Store(to + keys);
                }
                if (n > 2)
                {
                    a2.Store(to + 2 * keys);
                }
                if (n > 3)
                {
                    a3.Store(to + 3 * keys);
                }
            }
        }
    }

    /// <summary>y_h = (add ? y_h : 0) + Σ_i w[h, i] row_i, w [H, keys].</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sums(float* w, int heads, int keys, float* rows, int dim, float* y, bool add)
    {
        for (int h = 0; h < heads; h += 4)
        {
            int n = Math.Min(4, heads - h);
            float* w0 = w + (long)h * keys, w1 = n > 1 ? w0 + keys : w0, w2 = n > 2 ? w1 + keys : w0, w3 = n > 3 ? w2 + keys : w0;
            for (int c = 0; c < dim; c += Width)
            {
                int count = Math.Min(Width, dim - c);
                Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
                for (int i = 0; i < keys; i++)
                {
                    float* from = rows + (long)i * dim + c;
                    Vector512<float> row = count == Width ? Vector512.Load(from) : Lanes.LoadPart(from, count);
                    a0 = Vector512.FusedMultiplyAdd(Vector512.Create(w0[i]), row, a0);
                    a1 = Vector512.FusedMultiplyAdd(Vector512.Create(w1[i]), row, a1);
                    a2 = Vector512.FusedMultiplyAdd(Vector512.Create(w2[i]), row, a2);
                    a3 = Vector512.FusedMultiplyAdd(Vector512.Create(w3[i]), row, a3);
                }
                float* to = y + (long)h * dim + c;
                Put(a0, to, count, add);
                if (n > 1)
                {
                    Put(a1, to + dim, count, add);
                }
                if (n > 2)
                {
                    Put(a2, to + 2 * dim, count, add);
                }
                if (n > 3)
                {
                    Put(a3, to + 3 * dim, count, add);
                }
            }
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
            Vector512<float> s0 = Vector512.Load(to), s1 = Vector512.Load(to + 16), s2 = Vector512.Load(to + 32), s3 = Vector512.Load(to + 48);
            for (int h = 0; h < heads; h++)
            {
                Vector512<float> p = Vector512.Create(a[(long)h * stride]), d = Vector512.Create(b[(long)h * stride]);
                float* xs = x + (long)h * dim + c, zs = z + (long)h * dim + c;
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

    private static void Put(Vector512<float> sum, float* to, int count, bool add)
    {
        if (count == Width)
        {
            (add ? sum + Vector512.Load(to) : sum).Store(to);
            return;
        }
        Lanes.StorePart(add ? sum + Lanes.LoadPart(to, count) : sum, to, count);
    }
}
