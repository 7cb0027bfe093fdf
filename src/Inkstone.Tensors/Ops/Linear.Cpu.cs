using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.Linear"/>. M: rows of x, N: outputs, K: inputs.</summary>
internal static unsafe class LinearKernels
{
    public static void Forward(Tensor x, Tensor weight, Tensor? bias, Tensor? residual, Tensor y)
    {
        int m = x.Shape.Rows,
            n = weight.Shape[0],
            k = weight.Shape.Last;
        using Profile.Scope _ = x.Device.Measure("linear.forward", flops: 2.0 * m * n * k);
        if (y.DType == DType.BFloat16)
        {
            MatMul.RunCompact(x.Device, MatrixView.Of(x), MatrixView.Of(weight).T, m, n, k, y, bias);
            return;
        }
        float* addend =
            residual is not null ? residual.F32
            : bias is not null ? bias.F32
            : null;
        nint stride = residual is not null ? n : 0;
        MatMul.Run(x.Device, MatrixView.Of(x), MatrixView.Of(weight).T, m, n, k, y.F32, n, addend, stride);
        if (residual is not null && bias is not null)
        {
            x.Device.Run(new AddRow(y.F32, bias.F32, n), m, 64);
        }
    }

    /// <summary>One to three results of the same x, in float32.</summary>
    public static void ForwardEach(Tensor x, ReadOnlySpan<Tensor> weights, ReadOnlySpan<Tensor?> biases, ReadOnlySpan<Tensor> y)
    {
        int m = x.Shape.Rows,
            k = x.Shape.Last,
            outputs = 0;
        Span<RowProduct> products = stackalloc RowProduct[weights.Length];
        for (int i = 0; i < products.Length; i++)
        {
            int n = weights[i].Shape[0];
            products[i] = new(MatrixView.Of(weights[i]).T, n, y[i].F32, n, biases[i] is { } bias ? bias.F32 : null, 0);
            outputs += n;
        }
        using Profile.Scope _ = x.Device.Measure("linear.forward", flops: 2.0 * m * outputs * k);
        MatMul.RunEach(x.Device, MatrixView.Of(x), m, k, products);
    }

    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor? bias)
    {
        int m = x.Shape.Rows,
            n = weight.Shape[0],
            k = weight.Shape.Last;
        if (x.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("linear.backward_input", flops: 2.0 * m * n * k);
            Tensor grad = x.AddCompactGrad(out bool accumulate);
            if (grad.DType == DType.BFloat16)
            {
                MatMul.RunCompact(x.Device, MatrixView.Of(dy), MatrixView.Of(weight), m, k, n, grad);
            }
            else
            {
                float* dx = grad.F32;
                MatMul.Run(x.Device, MatrixView.Of(dy), MatrixView.Of(weight), m, k, n, dx, k, accumulate ? dx : null, k);
            }
        }
        if (weight.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("linear.backward_weight", flops: 2.0 * m * n * k);
            float* dw = weight.AddGrad(out bool accumulate).F32;
            MatMul.Run(x.Device, MatrixView.Of(dy).T, MatrixView.Of(x), n, k, m, dw, k, accumulate ? dw : null, k);
        }
        if (bias is { RequiresGrad: true })
        {
            float* db = bias.AddGrad(out bool accumulate).F32;
            RowSum.Run(x.Device, new RowValues(dy.F32, n), m, n, db, accumulate);
        }
    }

    private readonly struct AddRow(float* y, float* bias, int n) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                Lanes.Add(y + (long)row * n, bias, n);
            }
        }
    }
}

/// <summary>Adding one gradient to another.</summary>
internal static unsafe class AddKernels
{
    private const int Grain = 1 << 14;

    /// <summary>target.Grad += gradient, or a copy where there was none.</summary>
    public static void Accumulate(Tensor gradient, Tensor target, float scale = 1)
    {
        Tensor sum = target.AddGrad(out bool accumulate);
        using Profile.Scope _ = target.Device.Measure("accumulate", bytes: 12.0 * gradient.Count);
        int count = checked((int)((gradient.Count + 15) / 16));
        target.Device.Run(new Kernel(gradient.F32, sum.F32, gradient.Count, scale, accumulate), count, Grain / 16);
    }

    private readonly struct Kernel(float* source, float* target, long n, float scale, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            Vector512<float> s = Vector512.Create(scale);
            long i = (long)start * 16,
                last = Math.Min(n, (long)end * 16);
            for (; i <= last - 16; i += 16)
            {
                Vector512<float> d = Vector512.Load(source + i) * s;
                (accumulate ? d + Vector512.Load(target + i) : d).Store(target + i);
            }
            for (; i < last; i++)
            {
                target[i] = source[i] * scale + (accumulate ? target[i] : 0);
            }
        }
    }
}
