using System.Runtime.Intrinsics;

namespace Inkstone.Formats;

/// <summary>
/// Scales for parts of K-blocks: several spacings of the levels are tried; for each the elements are rounded and the scale (and minimum) of
/// least weighted
/// squares are taken. An element weighs as much as its part's root mean square plus its own size: large weights matter more, small ones not
/// nothing.
/// </summary>
internal static class KFit
{
    private const int Tries = 21,
        Refinements = 4,
        Width = 16;
    private const float Step = 0.1f;

    /// <summary>x ≈ scale · q − least with q from 0 to <paramref name="levels"/>, neither below 0. x has a multiple of 16
    /// elements.</summary>
    public static (float Scale, float Least) Affine(ReadOnlySpan<float> x, int levels)
    {
        (float low, float high, float rms) = Range(x);
        low = MathF.Min(low, 0);
        if (high <= low)
        {
            return (0, -low);
        }
        (float Scale, float Minimum, float Error) best = ((high - low) / levels, low, float.PositiveInfinity);
        for (int i = 0; i < Tries; i++)
        {
            Try(x, rms, (levels - 1 + Step * i) / (high - low), low, levels, ref best);
        }
        for (int i = 0; i < Refinements && Try(x, rms, 1 / best.Scale, best.Minimum, levels, ref best); i++) { }
        return (best.Scale, -best.Minimum);
    }

    /// <summary>Rounds with a spacing of levels, fits the line to what came out, and keeps it where its error is less than the best so
    /// far.</summary>
    private static bool Try(
        ReadOnlySpan<float> x,
        float rms,
        float inverse,
        float low,
        int levels,
        ref (float Scale, float Minimum, float Error) best
    )
    {
        Sums s = default;
        for (int at = 0; at < x.Length; at += Width)
        {
            Vector512<float> v = Vector512.Create(x[at..]);
            s.Add(v, Round((v - Vector512.Create(low)) * inverse, 0, levels), Vector512.Abs(v) + Vector512.Create(rms));
        }
        (float scale, float minimum) = s.Line();
        Vector512<float> error = default;
        for (int at = 0; at < x.Length; at += Width)
        {
            Vector512<float> v = Vector512.Create(x[at..]),
                q = Round((v - Vector512.Create(low)) * inverse, 0, levels);
            Vector512<float> off = q * scale + Vector512.Create(minimum) - v;
            error += (Vector512.Abs(v) + Vector512.Create(rms)) * off * off;
        }
        float sum = Vector512.Sum(error);
        bool better = sum < best.Error;
        best = better ? (scale, minimum, sum) : best;
        return better;
    }

    /// <summary>x ≈ scale · q with q from −<paramref name="levels"/> to <paramref name="levels"/> − 1; the scale may be negative. x has a
    /// multiple of 16 elements.</summary>
    public static float Symmetric(ReadOnlySpan<float> x, int levels)
    {
        (float low, float high, float rms) = Range(x);
        float farthest = high > -low ? high : low;
        if (farthest == 0)
        {
            return 0;
        }
        float best = farthest / -levels,
            most = 0;
        for (int i = 0; i < Tries; i++)
        {
            float inverse = -(levels - 1 + Step * i) / farthest;
            Sums s = default;
            for (int at = 0; at < x.Length; at += Width)
            {
                Vector512<float> v = Vector512.Create(x[at..]);
                s.Add(v, Round(v * inverse, -levels, levels - 1), Vector512.Abs(v) + Vector512.Create(rms));
            }
            // Σ w (s·q − x)² is least for s = Σwqx / Σwq², and less the larger (Σwqx)² / Σwq² is.
            (float qx, float qq) = (Vector512.Sum(s.QX), Vector512.Sum(s.QQ));
            if (qq > 0 && qx / qq * qx > most)
            {
                (best, most) = (qx / qq, qx / qq * qx);
            }
        }
        return best;
    }

    /// <summary>The nearest whole numbers within bounds.</summary>
    public static Vector512<float> Round(Vector512<float> v, int low, int high) =>
        Vector512.Min(Vector512.Max(Vector512.Round(v), Vector512.Create((float)low)), Vector512.Create((float)high));

    private static (float Low, float High, float Rms) Range(ReadOnlySpan<float> x)
    {
        Vector512<float> low = Vector512.Create(x),
            high = low,
            squares = default;
        for (int at = 0; at < x.Length; at += Width)
        {
            Vector512<float> v = Vector512.Create(x[at..]);
            (low, high, squares) = (Vector512.Min(low, v), Vector512.Max(high, v), squares + v * v);
        }
        (float least, float most) = (low[0], high[0]);
        for (int i = 1; i < Width; i++)
        {
            (least, most) = (MathF.Min(least, low[i]), MathF.Max(most, high[i]));
        }
        return (least, most, MathF.Sqrt(Vector512.Sum(squares) / x.Length));
    }

    /// <summary>Weighted sums over pairs (q, x).</summary>
    private struct Sums
    {
        public Vector512<float> QX,
            QQ;
        private Vector512<float> _w,
            _q,
            _x;

        public void Add(Vector512<float> x, Vector512<float> q, Vector512<float> w)
        {
            Vector512<float> wq = w * q;
            (QX, QQ, _w, _q, _x) = (QX + wq * x, QQ + wq * q, _w + w, _q + wq, _x + w * x);
        }

        /// <summary>The line x = scale · q + minimum of least squares whose minimum is not above 0.</summary>
        public readonly (float Scale, float Minimum) Line()
        {
            double w = Vector512.Sum(_w),
                q = Vector512.Sum(_q),
                x = Vector512.Sum(_x),
                qx = Vector512.Sum(QX),
                qq = Vector512.Sum(QQ);
            double determinant = w * qq - q * q,
                minimum = determinant > 0 ? (qq * x - q * qx) / determinant : 0;
            return minimum < 0 ? ((float)((w * qx - q * x) / determinant), (float)minimum) : ((float)(qq > 0 ? qx / qq : 0), 0);
        }
    }
}
