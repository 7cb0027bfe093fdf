namespace Inkstone.Nn;

/// <summary>Singular values and vectors of a small square matrix: pairs of columns are turned until all are orthogonal (one-sided Jacobi;
/// Golub and Van Loan, 8.6.3).</summary>
internal static class JacobiSvd
{
    private const int Sweeps = 60;
    private const double Tolerance = 1e-15;

    /// <summary>All triples, the largest first.</summary>
    /// <param name="columns">the matrix, which is overwritten</param>
    public static (double Value, double[] Left, double[] Right)[] Decompose(double[][] columns)
    {
        int size = columns.Length;
        double[][] turns = new double[size][];
        for (int j = 0; j < size; j++)
        {
            turns[j] = new double[size];
            turns[j][j] = 1;
        }
        for (int sweep = 0, turned = 1; sweep < Sweeps && turned > 0; sweep++)
        {
            turned = 0;
            for (int i = 0; i < size; i++)
            {
                for (int j = i + 1; j < size; j++)
                {
                    turned += Turn(columns, turns, i, j) ? 1 : 0;
                }
            }
        }
        return [.. columns.Select((column, j) => Triple(column, turns[j])).OrderByDescending(t => t.Value)];
    }

    private static (double Value, double[] Left, double[] Right) Triple(double[] column, double[] turn)
    {
        double length = Math.Sqrt(SingularTriples.Dot(column, column));
        return (length, length == 0 ? column : [.. column.Select(x => x / length)], turn);
    }

    /// <summary>Makes two columns orthogonal; false where they are.</summary>
    private static bool Turn(double[][] columns, double[][] turns, int i, int j)
    {
        double a = SingularTriples.Dot(columns[i], columns[i]),
            b = SingularTriples.Dot(columns[j], columns[j]),
            mixed = SingularTriples.Dot(columns[i], columns[j]);
        if (Math.Abs(mixed) <= Tolerance * Math.Sqrt(a * b) || mixed == 0)
        {
            return false;
        }
        double zeta = (b - a) / (2 * mixed),
            tangent = Math.CopySign(1 / (Math.Abs(zeta) + Math.Sqrt(1 + zeta * zeta)), zeta);
        double cosine = 1 / Math.Sqrt(1 + tangent * tangent),
            sine = cosine * tangent;
        Rotate(columns[i], columns[j], cosine, sine);
        Rotate(turns[i], turns[j], cosine, sine);
        return true;
    }

    private static void Rotate(double[] x, double[] y, double cosine, double sine)
    {
        for (int k = 0; k < x.Length; k++)
        {
            (x[k], y[k]) = (cosine * x[k] - sine * y[k], sine * x[k] + cosine * y[k]);
        }
    }
}
