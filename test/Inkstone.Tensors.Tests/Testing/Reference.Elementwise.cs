namespace Inkstone.Tensors.Tests;

/// <summary>Every op again, slowly: plain loops in double precision, written from the formulas and sharing nothing with the
/// kernels.</summary>
internal static partial class Reference
{
    public static double[] Exp(double[] x) => Array.ConvertAll(x, Math.Exp);

    public static double[] Log(double[] x) => Array.ConvertAll(x, Math.Log);

    public static double[] Sigmoid(double[] x) => Array.ConvertAll(x, v => 1 / (1 + Math.Exp(-v)));

    public static double[] Silu(double[] x) => Array.ConvertAll(x, v => v / (1 + Math.Exp(-v)));

    public static double[] Scale(double[] x, double factor) => Array.ConvertAll(x, v => v * factor);

    public static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    public static double[] Multiply(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x * y)];

    public static double[] SwiGlu(double[] gate, double[] up) => Multiply(Silu(gate), up);

    public static double[] Gelu(double[] x) => Array.ConvertAll(x, v => v * NormalDistribution(v));

    public static double[] GeluTanh(double[] x) =>
        Array.ConvertAll(x, v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));

    public static double[] SoftCap(double[] x, double cap) => Array.ConvertAll(x, v => cap * Math.Tanh(v / cap));

    public static double[] ClampedSwiGlu(double[] gate, double[] up, double limit, double alpha, double offset) =>
        [
            .. gate.Zip(
                up,
                (g, u) => Math.Min(g, limit) / (1 + Math.Exp(-alpha * Math.Min(g, limit))) * (Math.Clamp(u, -limit, limit) + offset)
            ),
        ];

    /// <summary>½ + φ(x) (x + x³/3 + x⁵/15 + …), which converges everywhere.</summary>
    private static double NormalDistribution(double x)
    {
        double term = x,
            sum = x;
        for (int n = 3; n < 300; n += 2)
        {
            term *= x * x / n;
            sum += term;
        }
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }

    /// <summary>Elements whose uniform number is below p are dropped, the others grow.</summary>
    public static double[] Dropout(double[] x, float p, PhiloxRandom random) =>
        [.. x.Select((v, i) => random.Uniform((ulong)i) < p ? 0 : v / (1 - (double)p))];
}
