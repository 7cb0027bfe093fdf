namespace Inkstone.Tensors.Tests;

internal static partial class Reference
{
    public static double[] Sum(double[] x) => [x.Sum()];

    public static double[] Mean(double[] x) => [x.Sum() / x.Length];

    public static double[] SumLast(double[] x, int width) => [.. x.Chunk(width).Select(row => row.Sum())];

    public static double[] Softmax(double[] x, int width) =>
        [
            .. x.Chunk(width)
                .SelectMany(row =>
                {
                    double max = row.Max(),
                        sum = row.Sum(v => Math.Exp(v - max));
                    return row.Select(v => Math.Exp(v - max) / sum);
                }),
        ];

    public static double[] RmsNorm(double[] x, double[] weight, double eps) =>
        [
            .. x.Chunk(weight.Length)
                .SelectMany(row =>
                {
                    double rms = Math.Sqrt(row.Sum(v => v * v) / row.Length + eps);
                    return row.Select((v, i) => v / rms * weight[i]);
                }),
        ];

    public static double[] Embedding(double[] weight, int width, int[] ids) =>
        [.. ids.SelectMany(id => weight.Skip(id * width).Take(width))];

    /// <summary>Rotation of the pairs (i, i + d/2) of the first d dimensions of each head.</summary>
    public static double[] Rope(double[] x, int heads, int headDim, int[] positions, float[] inverseFrequencies, double scaling = 1)
    {
        double[] y = [.. x];
        int half = inverseFrequencies.Length;
        for (int token = 0; token < positions.Length; token++)
        {
            for (int head = 0; head < heads; head++)
            {
                int at = (token * heads + head) * headDim;
                for (int i = 0; i < half; i++)
                {
                    double angle = (float)(positions[token] * inverseFrequencies[i]); // the angle is a float32 by definition
                    (double sin, double cos) = Math.SinCos(angle);
                    y[at + i] = (x[at + i] * cos - x[at + i + half] * sin) * scaling;
                    y[at + i + half] = (x[at + i + half] * cos + x[at + i] * sin) * scaling;
                }
            }
        }
        return y;
    }

    /// <summary>Rotation of pairs (2i, 2i + 1) or (i, i + d/2) of the dimensions of each head that begin at
    /// <paramref name="from"/>.</summary>
    public static double[] RopePart(
        double[] x,
        int heads,
        int headDim,
        int[] positions,
        float[] inverseFrequencies,
        int from,
        bool interleaved
    )
    {
        double[] y = [.. x];
        for (int row = 0; row < positions.Length * heads; row++)
        {
            for (int i = 0; i < inverseFrequencies.Length; i++)
            {
                int a = row * headDim + from + (interleaved ? 2 * i : i),
                    b = a + (interleaved ? 1 : inverseFrequencies.Length);
                (double sin, double cos) = Math.SinCos((float)(positions[row / heads] * inverseFrequencies[i]));
                (y[a], y[b]) = (x[a] * cos - x[b] * sin, x[b] * cos + x[a] * sin);
            }
        }
        return y;
    }

    public static double[] HeadColumns(double[] x, int headDim, int from, int count) =>
        [.. x.Chunk(headDim).SelectMany(head => head.Skip(from).Take(count))];

    public static double[] JoinHeads(double[] a, double[] b, int heads, int headDim, int count, int width) =>
        [.. a.Chunk(headDim).SelectMany((head, i) => head.Take(count).Concat(b.Skip(i / heads * width).Take(width)))];
}
