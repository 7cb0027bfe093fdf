namespace Inkstone.Tensors.Tests;

internal static partial class Reference
{
    public static double[] SigmoidGate(double[] a, double[] gate) => [.. a.Select((value, i) => value / (1 + Math.Exp(-gate[i])))];

    public static double[] RmsNormGated(double[] x, double[] z, double[] weight, double eps) =>
        [.. RmsNorm(x, weight, eps).Select((n, i) => n * z[i] / (1 + Math.Exp(-z[i])))];

    public static double[] LogDecay(double[] x, double[] aLog, double[] dtBias) =>
        [
            .. x.Select(
                (value, i) =>
                    -Math.Exp(aLog[i % dtBias.Length / (dtBias.Length / aLog.Length)])
                    * Math.Log(1 + Math.Exp(value + dtBias[i % dtBias.Length]))
            ),
        ];

    /// <summary>silu(b + Σ_j w[c, K−1−j] · x[t−j, c]) over the tokens of the same document.</summary>
    public static double[] CausalConv(
        double[] x,
        double[] weight,
        int length,
        int channels,
        int[]? starts = null,
        double[]? bias = null,
        bool silu = true
    )
    {
        int k = weight.Length / channels;
        double[] y = new double[x.Length];
        for (int row = 0; row < x.Length / channels; row++)
        {
            for (int c = 0; c < channels; c++)
            {
                double p = bias?[c] ?? 0;
                for (int j = 0; j < k && row % length - j >= (starts?[row] ?? 0); j++)
                {
                    p += weight[c * k + k - 1 - j] * x[(row - j) * channels + c];
                }
                y[row * channels + c] = silu ? p / (1 + Math.Exp(-p)) : p;
            }
        }
        return y;
    }

    /// <summary>The recurrence with a decay of each channel of the key. x: q, k, v, g, β.</summary>
    public static double[] ChannelDeltaRule(double[][] x, int length, int heads, int dim, int width, int[]? starts = null)
    {
        double[] y = new double[x[2].Length];
        for (int row = 0; row < x[4].Length / heads; row += length)
        {
            for (int h = 0; h < heads; h++)
            {
                double[,] state = new double[dim, width];
                for (int t = row; t < row + length; t++)
                {
                    int key = (t * heads + h) * dim,
                        value = (t * heads + h) * width;
                    double[] q = Unit(x[0].AsSpan(key, dim)),
                        k = Unit(x[1].AsSpan(key, dim));
                    for (int j = 0; j < width; j++)
                    {
                        double held = 0,
                            o = 0;
                        for (int i = 0; i < dim; i++)
                        {
                            state[i, j] *= starts is not null && starts[t] == t - row ? 0 : Math.Exp(x[3][key + i]);
                            held += state[i, j] * k[i];
                        }
                        for (int i = 0; i < dim; i++)
                        {
                            state[i, j] += k[i] * x[4][t * heads + h] * (x[2][value + j] - held);
                            o += state[i, j] * q[i];
                        }
                        y[value + j] = o / Math.Sqrt(dim);
                    }
                }
            }
        }
        return y;
    }

    /// <summary>The recurrence itself, token by token; a document begins with a state of zeros.</summary>
    public static double[] GatedDeltaRule(double[] qkv, double[] logDecay, double[] beta, DeltaSizes n, int[]? starts = null)
    {
        double[] y = new double[n.Batch * n.Length * n.ValueHeads * n.ValueDim];
        for (int b = 0; b < n.Batch; b++)
        {
            for (int h = 0; h < n.ValueHeads; h++)
            {
                double[,] state = new double[n.KeyDim, n.ValueDim];
                for (int t = 0; t < n.Length; t++)
                {
                    int row = b * n.Length + t,
                        kv = h / n.Group;
                    double[] q = Unit(qkv.AsSpan(row * n.Width + kv * n.KeyDim, n.KeyDim)),
                        k = Unit(qkv.AsSpan(row * n.Width + (n.KeyHeads + kv) * n.KeyDim, n.KeyDim));
                    bool begins = starts is not null && starts[row] == t;
                    double decay = begins ? 0 : Math.Exp(logDecay[row * n.ValueHeads + h]);
                    for (int j = 0; j < n.ValueDim; j++)
                    {
                        double held = 0;
                        for (int i = 0; i < n.KeyDim; i++)
                        {
                            state[i, j] *= decay;
                            held += state[i, j] * k[i];
                        }
                        double u =
                                beta[row * n.ValueHeads + h] * (qkv[row * n.Width + 2 * n.KeyHeads * n.KeyDim + h * n.ValueDim + j] - held),
                            o = 0;
                        for (int i = 0; i < n.KeyDim; i++)
                        {
                            state[i, j] += k[i] * u;
                            o += state[i, j] * q[i];
                        }
                        y[(row * n.ValueHeads + h) * n.ValueDim + j] = o / Math.Sqrt(n.KeyDim);
                    }
                }
            }
        }
        return y;
    }

    private static double[] Unit(ReadOnlySpan<double> x)
    {
        double sum = 1e-6;
        foreach (double value in x)
        {
            sum += value * value;
        }
        double[] unit = x.ToArray();
        for (int i = 0; i < unit.Length; i++)
        {
            unit[i] /= Math.Sqrt(sum);
        }
        return unit;
    }
}
