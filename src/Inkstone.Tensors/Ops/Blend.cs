using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static unsafe partial class Ops
{
    /// <summary>target ← a · target + b · x, in place and not recorded; with a = 0 the old contents do not matter. Optimizers use
    /// it.</summary>
    public static void Blend(Tensor target, float a, Tensor x, float b)
    {
        Check.Same(target, x);
        using Profile.Scope _ = target.Device.Measure("blend", bytes: 12.0 * target.Count);
        Chunks chunks = new(target.Count, StepGrain);
        target.Device.Run(new BlendKernel(target.F32, a, x.F32, b, chunks), chunks.Number, 1);
    }

    private readonly struct BlendKernel(float* y, float a, float* x, float b, Chunks chunks) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int chunk = start; chunk < end; chunk++)
            {
                float* yc = y + chunks.Start(chunk),
                    xc = x + chunks.Start(chunk);
                int n = chunks.Length(chunk),
                    i = 0;
                for (; i <= n - 16; i += 16)
                {
                    Vector512<float> scaled = Vector512.Load(xc + i) * b;
                    (a == 0 ? scaled : Vector512.Load(yc + i) * a + scaled).Store(yc + i);
                }
                for (; i < n; i++)
                {
                    yc[i] = a == 0 ? xc[i] * b : yc[i] * a + xc[i] * b;
                }
            }
        }
    }
}
