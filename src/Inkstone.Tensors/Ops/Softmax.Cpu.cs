using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.Softmax"/>.</summary>
internal static unsafe class SoftmaxKernels
{
    private const int GrainElements = 4096;

    public static void Forward(Tensor x, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("softmax.forward", bytes: 8.0 * x.Count);
        x.Device.Run(new ForwardKernel(x.F32, y.F32, x.Shape.Last), x.Shape.Rows, Grain(x.Shape.Last));
    }

    /// <summary><paramref name="dx"/> may be <paramref name="dy"/> itself: a row's sum is taken before the row is written.</summary>
    public static void Backward(Tensor dy, Tensor y, Tensor dx, bool accumulate)
    {
        using Profile.Scope _ = y.Device.Measure("softmax.backward", bytes: 12.0 * y.Count);
        y.Device.Run(new BackwardKernel(dy.F32, y.F32, dx.F32, y.Shape.Last, accumulate), y.Shape.Rows, Grain(y.Shape.Last));
    }

    private static int Grain(int width) => Math.Max(1, GrainElements / Math.Max(1, width));

    private readonly struct ForwardKernel(float* x, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* xr = x + (long)row * width,
                    yr = y + (long)row * width;
                float sum = Lanes.ExpSum(yr, xr, Lanes.Max(xr, width), width);
                Lanes.Scale(yr, yr, 1 / sum, width);
            }
        }
    }

    private readonly struct BackwardKernel(float* dy, float* y, float* dx, int width, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float* dyr = dy + at,
                    yr = y + at,
                    dxr = dx + at;
                float sum = Lanes.Dot(dyr, yr, width);
                Vector512<float> s = Vector512.Create(sum);
                int i = 0;
                for (; i <= width - 16; i += 16)
                {
                    Vector512<float> d = Vector512.Load(yr + i) * (Vector512.Load(dyr + i) - s);
                    (accumulate ? d + Vector512.Load(dxr + i) : d).Store(dxr + i);
                }
                for (; i < width; i++)
                {
                    float d = yr[i] * (dyr[i] - sum);
                    dxr[i] = accumulate ? d + dxr[i] : d;
                }
            }
        }
    }
}
