using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.RmsNorm"/>. A row is what is normed together; r: 1/rms of a row; centre is added to the stored
/// weight, of which rows take parts in turn.</summary>
internal static unsafe class RmsNormKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor weight, float eps, Tensor y, Tensor rstd, float centre = 0)
    {
        using Profile.Scope _ = x.Device.Measure("rms_norm.forward", bytes: 8.0 * x.Count);
        int rows = (int)rstd.Count,
            width = (int)(x.Count / Math.Max(1, rows));
        x.Device.Run(new ForwardKernel(x.F32, weight.F32, centre, eps, new(y), rstd.F32, width, weight.Shape.Last), rows, Grain);
    }

    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor rstd, float centre = 0)
    {
        using Profile.Scope _ = x.Device.Measure("rms_norm.backward", bytes: 16.0 * x.Count);
        int rows = (int)rstd.Count,
            width = (int)(x.Count / Math.Max(1, rows));
        if (x.RequiresGrad)
        {
            Tensor dx = x.AddGrad(out bool accumulate);
            x.Device.Run(
                new InputKernel(dy.F32, x.F32, weight.F32, centre, rstd.F32, dx.F32, width, weight.Shape.Last, accumulate),
                rows,
                Grain
            );
        }
        if (weight.RequiresGrad)
        {
            Tensor dw = weight.AddGrad(out bool accumulate);
            RowSum.Run(
                x.Device,
                new WeightTerm(dy.F32, x.F32, rstd.F32, width, x.Shape.Last / width),
                x.Shape.Rows,
                x.Shape.Last,
                dw.F32,
                accumulate
            );
        }
    }

    private readonly struct ForwardKernel(float* x, float* weight, float centre, float eps, Elements y, float* rstd, int width, int period)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* xr = x + (long)row * width,
                    w = weight + (long)row * width % period;
                Elements yr = y.From((long)row * width);
                float r = 1f / MathF.Sqrt(Lanes.Dot(xr, xr, width) / width + eps);
                rstd[row] = r;
                Vector512<float> scale = Vector512.Create(r),
                    one = Vector512.Create(centre);
                int i = 0;
                for (; i <= width - 16; i += 16)
                {
                    yr.Store(Vector512.Load(xr + i) * scale * (Vector512.Load(w + i) + one), i);
                }
                for (; i < width; i++)
                {
                    yr[i] = xr[i] * r * (w[i] + centre);
                }
            }
        }
    }

    private readonly struct InputKernel(
        float* dy,
        float* x,
        float* weight,
        float centre,
        float* rstd,
        float* dx,
        int width,
        int period,
        bool accumulate
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float* w = weight + at % period;
                float r = rstd[row];
                float sum = Lanes.Dot3(dy + at, w, x + at, width);
                float mean = (centre == 0 ? sum : sum + centre * Lanes.Dot(dy + at, x + at, width)) / width;
                float c = mean * r * r * r;
                Vector512<float> vr = Vector512.Create(r),
                    vc = Vector512.Create(c),
                    one = Vector512.Create(centre);
                int i = 0;
                for (; i <= width - 16; i += 16)
                {
                    Vector512<float> d = Vector512.Load(dy + at + i) * (Vector512.Load(w + i) + one) * vr - Vector512.Load(x + at + i) * vc;
                    (accumulate ? d + Vector512.Load(dx + at + i) : d).Store(dx + at + i);
                }
                for (; i < width; i++)
                {
                    float d = dy[at + i] * (w[i] + centre) * r - x[at + i] * c;
                    dx[at + i] = accumulate ? dx[at + i] + d : d;
                }
            }
        }
    }

    /// <summary>Adds dy ∘ x · r to a sum, of the rows that take each part of the weight once.</summary>
    private readonly struct WeightTerm(float* dy, float* x, float* rstd, int width, int groups) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            for (int group = 0; group < groups; group++)
            {
                AddPart(sum + (long)group * width, row * groups + group);
            }
        }

        private void AddPart(float* sum, int row)
        {
            long at = (long)row * width;
            Vector512<float> r = Vector512.Create(rstd[row]);
            int i = 0;
            for (; i <= width - 16; i += 16)
            {
                (Vector512.Load(sum + i) + Vector512.Load(dy + at + i) * Vector512.Load(x + at + i) * r).Store(sum + i);
            }
            for (; i < width; i++)
            {
                sum[i] += dy[at + i] * x[at + i] * rstd[row];
            }
        }
    }
}
