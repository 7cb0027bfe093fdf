namespace Inkstone.Tensors.Tests;

/// <summary>Every op again, slowly: plain loops in double precision, written from the formulas and sharing nothing with the kernels.</summary>
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

    /// <summary>Elements whose uniform number is below p are dropped, the others grow.</summary>
    public static double[] Dropout(double[] x, float p, PhiloxRandom random)
        => [.. x.Select((v, i) => random.Uniform((ulong)i) < p ? 0 : v / (1 - (double)p))];
}
