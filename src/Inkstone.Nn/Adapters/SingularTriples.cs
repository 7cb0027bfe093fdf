using System.Numerics;
using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>
/// The largest singular triples of a matrix by Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation (Golub and Van Loan,
/// Matrix Computations,
/// 10.4): W·V = U·B with a small upper bidiagonal B, whose singular values become those of W from the largest down. All of it in double
/// precision.
/// </summary>
internal sealed class SingularTriples
{
    private const double Tolerance = 1e-11;

    private readonly double[][] _rows;
    private readonly int _columns;
    private readonly List<double[]> _left = [],
        _right = [];
    private readonly List<double> _diagonal = [],
        _above = [];
    private readonly Workers _workers;
    private readonly PhiloxRandom _random = new(0, 0);
    private ulong _drawn;

    private SingularTriples(double[][] rows, Workers workers) => (_rows, _columns, _workers) = (rows, rows[0].Length, workers);

    /// <summary>σᵢ, uᵢ and vᵢ for i below <paramref name="count"/>, which does not exceed the sizes of the matrix.</summary>
    public static (double Value, double[] Left, double[] Right)[] Largest(double[][] rows, int count, Workers workers)
    {
        SingularTriples lanczos = new(rows, workers);
        int most = Math.Min(rows.Length, rows[0].Length);
        for (int size = Math.Min(most, 2 * count + 20); ; size = Math.Min(most, size + size / 2))
        {
            lanczos.Grow(size);
            (double Value, double[] Left, double[] Right)[] small = JacobiSvd.Decompose(lanczos.Small());
            if (size == most || lanczos.Residuals(small, count) <= Tolerance * small[0].Value)
            {
                return [.. small.Take(count).Select(t => (t.Value, Combine(lanczos._left, t.Left), Combine(lanczos._right, t.Right)))];
            }
        }
    }

    private void Grow(int size)
    {
        while (_left.Count < size)
        {
            double[] v = _right.Count == 0 ? Fresh(_right, _columns) : NextRight();
            _right.Add(v);
            double[] p = Times(v);
            if (_left.Count > 0)
            {
                AddScaled(p, _left[^1], -_above[^1]);
            }
            _diagonal.Add(Normalised(ref p, _left));
            _left.Add(p);
        }
    }

    private double[] NextRight()
    {
        double[] r = TransposeTimes(_left[^1]);
        AddScaled(r, _right[^1], -_diagonal[^1]);
        _above.Add(Normalised(ref r, _right));
        return r;
    }

    /// <summary>Makes a vector orthogonal to others and of length 1; returns the length it had. Where nothing was left, a fresh one takes
    /// its place and the length is 0.</summary>
    private double Normalised(ref double[] x, List<double[]> others)
    {
        double before = Math.Sqrt(Dot(x, x));
        Orthogonalise(x, others);
        double length = Math.Sqrt(Dot(x, x));
        if (length <= 1e-14 * Math.Max(before, _diagonal.Count > 0 ? _diagonal.Max() : 0) || length == 0)
        {
            x = Fresh(others, x.Length);
            return 0;
        }
        Scale(x, 1 / length);
        return length;
    }

    private double[] Fresh(List<double[]> others, int length)
    {
        double[] x = new double[length];
        for (int i = 0; i < length; i++)
        {
            x[i] = _random.Uniform(_drawn++) - 0.5;
        }
        Orthogonalise(x, others);
        Scale(x, 1 / Math.Sqrt(Dot(x, x)));
        return x;
    }

    /// <summary>Twice is enough.</summary>
    private static void Orthogonalise(double[] x, List<double[]> others)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (double[] other in others)
            {
                AddScaled(x, other, -Dot(x, other));
            }
        }
    }

    /// <summary>Columns of B.</summary>
    private double[][] Small()
    {
        int size = _left.Count;
        double[][] columns = new double[size][];
        for (int j = 0; j < size; j++)
        {
            columns[j] = new double[size];
            columns[j][j] = _diagonal[j];
            if (j > 0)
            {
                columns[j][j - 1] = _above[j - 1];
            }
        }
        return columns;
    }

    /// <summary>How far Wᵀ·u is from σ·v: what the next column above the diagonal would add.</summary>
    private double Residuals((double Value, double[] Left, double[] Right)[] small, int count)
    {
        double[] r = TransposeTimes(_left[^1]);
        AddScaled(r, _right[^1], -_diagonal[^1]);
        double next = Math.Sqrt(Dot(r, r));
        return small.Take(count).Max(t => Math.Abs(next * t.Left[^1]));
    }

    private static double[] Combine(List<double[]> basis, double[] weights)
    {
        double[] sum = new double[basis[0].Length];
        for (int i = 0; i < basis.Count; i++)
        {
            AddScaled(sum, basis[i], weights[i]);
        }
        return sum;
    }

    private double[] Times(double[] v)
    {
        double[] product = new double[_rows.Length];
        RowDots kernel = new(_rows, v, product);
        _workers.For(ref kernel, product.Length, 64);
        return product;
    }

    private double[] TransposeTimes(double[] u)
    {
        double[] product = new double[_columns];
        ColumnSums kernel = new(_rows, u, product);
        _workers.For(ref kernel, product.Length, 512);
        return product;
    }

    internal static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        Vector<double> sum = default;
        int i = 0;
        for (; i <= a.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            sum += new Vector<double>(a[i..]) * new Vector<double>(b[i..]);
        }
        double total = Vector.Sum(sum);
        for (; i < a.Length; i++)
        {
            total += a[i] * b[i];
        }
        return total;
    }

    internal static void AddScaled(Span<double> x, ReadOnlySpan<double> y, double factor)
    {
        int i = 0;
        for (; i <= x.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            (new Vector<double>(x[i..]) + new Vector<double>(y[i..]) * factor).CopyTo(x[i..]);
        }
        for (; i < x.Length; i++)
        {
            x[i] += factor * y[i];
        }
    }

    private static void Scale(double[] x, double factor)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] *= factor;
        }
    }

    private readonly struct RowDots(double[][] rows, double[] v, double[] product) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
            {
                product[i] = Dot(rows[i], v);
            }
        }
    }

    private readonly struct ColumnSums(double[][] rows, double[] u, double[] product) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                AddScaled(product.AsSpan(start, end - start), rows[i].AsSpan(start, end - start), u[i]);
            }
        }
    }
}
