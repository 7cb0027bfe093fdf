namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Layer norm over the last dimension (arXiv:1607.06450). For narrow rows: one number after the other.</summary>
    /// <remarks><code>
    /// forward   r  = 1 / sqrt(var(x) + eps)        n = (x − mean(x)) · r        y = n · w + b
    /// backward  dn = dy · w        dx = r · (dn − mean(dn) − n · mean(dn∘n))        dw = Σ_rows dy ∘ n        db = Σ_rows dy
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">w, [C]</param>
    /// <param name="bias">b, [C]</param>
    /// <param name="eps">added to the variance</param>
    public static Tensor LayerNorm(Tensor x, Tensor weight, Tensor bias, float eps)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Same(weight, bias);
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape),
            normed = device.Rent(x.Shape),
            scales = device.Rent(new Shape(x.Shape.Rows));
        LayerNormKernels.Forward(x, weight, bias, eps, y, normed, scales);
        if (device.Tape.Wants(x, weight, bias))
        {
            device.Tape.Record<LayerNormNode>(y).Set(x, weight, bias, normed, scales);
        }
        else
        {
            normed.Release();
            scales.Release();
        }
        return y;
    }

    private sealed class LayerNormNode : Node
    {
        private Tensor _x = null!,
            _weight = null!,
            _bias = null!,
            _normed = null!,
            _scales = null!;

        public void Set(Tensor x, Tensor weight, Tensor bias, Tensor normed, Tensor scales) =>
            (_x, _weight, _bias, _normed, _scales) = (x, weight, bias, normed, scales);

        internal override void Backward() => LayerNormKernels.Backward(OutputGrad, _x, _weight, _bias, _normed, _scales);

        internal override void Release()
        {
            _normed.Release();
            _scales.Release();
            (_x, _weight, _bias) = (null!, null!, null!);
        }
    }
}

/// <summary>CPU kernels of <see cref="Ops.LayerNorm"/>.</summary>
internal static unsafe class LayerNormKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor weight, Tensor bias, float eps, Tensor y, Tensor normed, Tensor scales)
    {
        using Profile.Scope _ = x.Device.Measure("layer_norm.forward", bytes: 12.0 * x.Count);
        x.Device.Run(new ForwardKernel(x.F32, weight.F32, bias.F32, eps, y.F32, normed.F32, scales.F32, x.Shape.Last), x.Shape.Rows, Grain);
    }

    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor normed, Tensor scales)
    {
        using Profile.Scope _ = x.Device.Measure("layer_norm.backward", bytes: 16.0 * x.Count);
        int rows = x.Shape.Rows,
            width = x.Shape.Last;
        if (weight.RequiresGrad)
        {
            Tensor dw = weight.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new WeightTerm(dy.F32, normed.F32, width), rows, width, dw.F32, accumulate);
        }
        if (bias.RequiresGrad)
        {
            Tensor db = bias.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new RowValues(dy.F32, width), rows, width, db.F32, accumulate);
        }
        if (x.RequiresGrad)
        {
            Tensor dx = x.AddGrad(out bool accumulate);
            x.Device.Run(new InputKernel(dy.F32, weight.F32, normed.F32, scales.F32, dx.F32, width, accumulate), rows, Grain);
        }
    }

    private readonly struct ForwardKernel(float* x, float* w, float* b, float eps, float* y, float* normed, float* scales, int width)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float* n = normed + at;
                float mean = Lanes.Sum(x + at, width) / width;
                for (int i = 0; i < width; i++)
                {
                    n[i] = x[at + i] - mean;
                }
                float r = scales[row] = 1 / MathF.Sqrt(Lanes.Dot(n, n, width) / width + eps);
                for (int i = 0; i < width; i++)
                {
                    n[i] *= r;
                    y[at + i] = n[i] * w[i] + b[i];
                }
            }
        }
    }

    private readonly struct InputKernel(float* dy, float* w, float* normed, float* scales, float* dx, int width, bool accumulate)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float mean = Lanes.Dot(dy + at, w, width) / width,
                    along = Lanes.Dot3(dy + at, w, normed + at, width) / width;
                for (int i = 0; i < width; i++)
                {
                    float d = scales[row] * (dy[at + i] * w[i] - mean - normed[at + i] * along);
                    dx[at + i] = accumulate ? dx[at + i] + d : d;
                }
            }
        }
    }

    private readonly struct WeightTerm(float* dy, float* normed, int width) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            for (int i = 0; i < width; i++)
            {
                sum[i] += dy[(long)row * width + i] * normed[(long)row * width + i];
            }
        }
    }
}
