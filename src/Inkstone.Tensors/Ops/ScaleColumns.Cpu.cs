namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.ScaleColumns"/>.</summary>
internal static unsafe class ScaleColumnsKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor magnitude, Tensor norms, Tensor? bias, Tensor? residual, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("scale_columns.forward", bytes: 8.0 * x.Count);
        x.Device.Run(
            new ForwardKernel(
                x.F32,
                magnitude.F32,
                norms.F32,
                bias is null ? null : bias.F32,
                residual is null ? null : residual.F32,
                y.F32,
                x.Shape.Last
            ),
            x.Shape.Rows,
            Grain
        );
    }

    public static void Backward(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor? bias)
    {
        using Profile.Scope _ = x.Device.Measure("scale_columns.backward", bytes: 12.0 * x.Count);
        int rows = x.Shape.Rows,
            width = x.Shape.Last;
        if (magnitude.RequiresGrad)
        {
            float* dm = magnitude.AddGrad(out bool accumulate).F32;
            RowSum.Run(x.Device, new MagnitudeTerm(dy.F32, x.F32, norms.F32, width), rows, width, dm, accumulate);
        }
        if (bias is { RequiresGrad: true })
        {
            float* db = bias.AddGrad(out bool accumulate).F32;
            RowSum.Run(x.Device, new RowValues(dy.F32, width), rows, width, db, accumulate);
        }
        if (x.RequiresGrad)
        {
            float* dx = x.AddGrad(out bool accumulate).F32;
            x.Device.Run(new ForwardKernel(dy.F32, magnitude.F32, norms.F32, null, accumulate ? dx : null, dx, width), rows, Grain);
        }
    }

    private readonly struct ForwardKernel(float* x, float* magnitude, float* norms, float* bias, float* addend, float* y, int width)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                for (int i = 0; i < width; i++)
                {
                    float value = x[at + i] * (magnitude[i] / norms[i]);
                    value += bias != null ? bias[i] : 0;
                    y[at + i] = addend != null ? value + addend[at + i] : value;
                }
            }
        }
    }

    private readonly struct MagnitudeTerm(float* dy, float* x, float* norms, int width) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            long at = (long)row * width;
            for (int i = 0; i < width; i++)
            {
                sum[i] += dy[at + i] * x[at + i] / norms[i];
            }
        }
    }
}
