namespace Inkstone.Tensors.Tests;

internal static partial class Reference
{
    /// <summary>x·Wᵀ + bias + residual; x is [M, K], W is [N, K].</summary>
    public static double[] Linear(double[] x, double[] weight, int k, double[]? bias = null, double[]? residual = null)
    {
        int m = x.Length / k,
            n = weight.Length / k;
        double[] y = new double[m * n];
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                double sum = (bias?[column] ?? 0) + (residual?[row * n + column] ?? 0);
                for (int i = 0; i < k; i++)
                {
                    sum += x[row * k + i] * weight[column * k + i];
                }
                y[row * n + column] = sum;
            }
        }
        return y;
    }

    /// <summary>dx = dy·W and dW = dyᵀ·x.</summary>
    public static (double[] Dx, double[] Dw) LinearBackward(double[] dy, double[] x, double[] weight, int k)
    {
        int m = x.Length / k,
            n = weight.Length / k;
        double[] dx = new double[x.Length],
            dw = new double[weight.Length];
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                double g = dy[row * n + column];
                for (int i = 0; i < k; i++)
                {
                    dx[row * k + i] += g * weight[column * k + i];
                    dw[column * k + i] += g * x[row * k + i];
                }
            }
        }
        return (dx, dw);
    }

    /// <summary>log p(label) of each row of softmax(x·Wᵀ); 0 where the label is −100.</summary>
    public static double[] LogProbs(double[] x, double[] weight, int k, int[] labels, double softCap = 0)
    {
        double[] logits = softCap > 0 ? SoftCap(Linear(x, weight, k), softCap) : Linear(x, weight, k);
        int n = weight.Length / k;
        double[] result = new double[labels.Length];
        for (int row = 0; row < labels.Length; row++)
        {
            if (labels[row] != -100)
            {
                double[] line = logits[(row * n)..((row + 1) * n)];
                double max = line.Max();
                result[row] = line[labels[row]] - max - Math.Log(line.Sum(v => Math.Exp(v - max)));
            }
        }
        return result;
    }

    /// <summary>Σ −log p(label) / normalizer over the labels that are not −100.</summary>
    public static double[] LinearCrossEntropy(double[] x, double[] weight, int k, int[] labels, double normalizer, double softCap = 0) =>
        [-LogProbs(x, weight, k, labels, softCap).Sum() / normalizer];
}
