using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// Sinkhorn's normalisation of n × n matrices, row by row in memory, sixteen of them in the lanes of vectors: softmax of the rows, + eps,
/// columns over their sums + eps, then again rows and columns.
/// The backward pass goes through every division: of B = A / (Σ A + eps) it is dA = (dB − Σ dB∘B) / (Σ A + eps).
/// </summary>
internal static unsafe class Sinkhorn
{
    public const int Lanes = 16;

    /// <summary>Vectors that the backward pass needs: the softmax, and of each division its result and n factors.</summary>
    public static long Saved(StreamRule rule) =>
        (long)rule.Streams * rule.Streams + Divisions(rule) * (long)(rule.Streams + 1) * rule.Streams;

    private static int Divisions(StreamRule rule) => 2 * rule.Iterations - 1;

    /// <summary>a: logits, then the matrix.</summary>
    public static void Forward(Vector512<float>* a, StreamRule rule, Vector512<float>* saved)
    {
        int n = rule.Streams;
        Vector512<float> eps = Vector512.Create(rule.Eps);
        for (int row = 0; row < n; row++)
        {
            Softmax(a + row * n, n);
        }
        Keep(a, n * n, ref saved);
        for (int i = 0; i < n * n; i++)
        {
            a[i] += eps;
        }
        for (int division = 0; division < Divisions(rule); division++)
        {
            (int step, int next) = Steps(division, n);
            for (int line = 0; line < n; line++)
            {
                Vector512<float> sum = eps;
                for (int i = 0; i < n; i++)
                {
                    sum += a[line * next + i * step];
                }
                Vector512<float> factor = Vector512<float>.One / sum;
                for (int i = 0; i < n; i++)
                {
                    a[line * next + i * step] *= factor;
                }
                Keep(&factor, 1, ref saved);
            }
            Keep(a, n * n, ref saved);
        }
    }

    /// <summary>d: gradient of the matrix, then of its logits.</summary>
    public static void Backward(Vector512<float>* d, StreamRule rule, Vector512<float>* saved)
    {
        int n = rule.Streams;
        for (int division = Divisions(rule) - 1; division >= 0; division--)
        {
            Vector512<float>* factors = saved + n * n + division * (n + 1) * n,
                b = factors + n;
            (int step, int next) = Steps(division, n);
            for (int line = 0; line < n; line++)
            {
                Divided(d + line * next, b + line * next, n, step, factors[line]);
            }
        }
        for (int row = 0; row < n; row++)
        {
            Vector512<float>* p = saved + row * n;
            Divided(d + row * n, p, n, 1, Vector512<float>.One);
            for (int i = 0; i < n; i++)
            {
                d[row * n + i] *= p[i];
            }
        }
    }

    /// <summary>d becomes (d − Σ d∘b) · factor.</summary>
    private static void Divided(Vector512<float>* d, Vector512<float>* b, int n, int step, Vector512<float> factor)
    {
        Vector512<float> along = default;
        for (int i = 0; i < n; i++)
        {
            along = Vector512.FusedMultiplyAdd(d[i * step], b[i * step], along);
        }
        for (int i = 0; i < n; i++)
        {
            d[i * step] = (d[i * step] - along) * factor;
        }
    }

    /// <summary>Columns first, then rows and columns in turns: from one element of a line to the next, and from one line to the
    /// next.</summary>
    private static (int Step, int Next) Steps(int division, int n) => division % 2 == 0 ? (n, 1) : (1, n);

    private static void Softmax(Vector512<float>* row, int n)
    {
        Vector512<float> most = row[0],
            sum = default;
        for (int i = 1; i < n; i++)
        {
            most = Vector512.Max(most, row[i]);
        }
        for (int i = 0; i < n; i++)
        {
            row[i] = Tensors.Lanes.Exp(row[i] - most);
            sum += row[i];
        }
        Vector512<float> factor = Vector512<float>.One / sum;
        for (int i = 0; i < n; i++)
        {
            row[i] *= factor;
        }
    }

    private static void Keep(Vector512<float>* values, int count, ref Vector512<float>* saved)
    {
        for (int i = 0; i < count && saved != null; i++)
        {
            saved[i] = values[i];
        }
        saved = saved == null ? null : saved + count;
    }
}
