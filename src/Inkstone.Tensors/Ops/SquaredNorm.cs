using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static unsafe partial class Ops
{
    /// <summary>Σ x² in double precision: fixed pieces are summed apart, then in order, so that the thread count does not matter. Not recorded.</summary>
    public static double SquaredNorm(Tensor x)
    {
        using Profile.Scope _ = x.Device.Measure("squared_norm", flops: 2.0 * x.Count, bytes: 4.0 * x.Count);
        Chunks chunks = new(x.Count, StepGrain);
        int number = chunks.Number;
        double* sums = (double*)x.Device.Workers.Scratch(0, Math.Max(1, number) * sizeof(double));
        x.Device.Run(new SquaredNormKernel(x.F32, sums, chunks), number, 1);
        double total = 0;
        for (int i = 0; i < number; i++)
        {
            total += sums[i];
        }
        return total;
    }

    private readonly struct SquaredNormKernel(float* x, double* sums, Chunks chunks) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int chunk = start; chunk < end; chunk++)
            {
                float* xc = x + chunks.Start(chunk);
                int n = chunks.Length(chunk), i = 0;
                Vector512<double> low = default, high = default;
                for (; i <= n - 16; i += 16)
                {
                    (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(xc + i));
                    low += a * a;
                    high += b * b;
                }
                double sum = Vector512.Sum(low + high);
                for (; i < n; i++)
                {
                    sum += (double)xc[i] * xc[i];
                }
                sums[chunk] = sum;
            }
        }
    }
}
