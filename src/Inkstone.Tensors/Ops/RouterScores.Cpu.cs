namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.RouterScores"/>.</summary>
internal static unsafe class RouterScoresKernels
{
    public static void Forward(Tensor x, Tensor weight, Tensor? bias, RouterScoring scoring, Tensor s)
    {
        int m = x.Shape.Rows,
            n = weight.Shape[0],
            k = weight.Shape.Last;
        using (x.Device.Measure("router.forward", flops: 2.0 * m * n * k))
        {
            MatMul.Run(x.Device, MatrixView.Of(x), MatrixView.Of(weight).T, m, n, k, s.F32, n, exact: true);
        }
        for (int row = 0; bias is not null && row < m; row++)
        {
            Lanes.Add(s.F32 + (long)row * n, bias.F32, n);
        }
        if (scoring == RouterScoring.Softmax)
        {
            SoftmaxKernels.Forward(s, s);
        }
        else if (scoring == RouterScoring.Sigmoid)
        {
            ElementwiseKernels.Forward(default(Ops.SigmoidOperator), s, s);
        }
        else
        {
            foreach (ref float z in s.Span)
            {
                z = (float)Math.Sqrt(Softplus(z));
            }
        }
    }

    public static void Backward(Tensor ds, Tensor s, Tensor x, Tensor weight, Tensor? bias, RouterScoring scoring)
    {
        int m = x.Shape.Rows,
            n = weight.Shape[0],
            k = weight.Shape.Last;
        if (scoring == RouterScoring.Softmax)
        {
            SoftmaxKernels.Backward(ds, s, ds, accumulate: false);
        }
        else if (scoring == RouterScoring.Sigmoid)
        {
            ElementwiseKernels.Backward(default(Ops.SigmoidOperator), ds, s, s, ds, accumulate: false);
        }
        else
        {
            for (int i = 0; i < m * n; i++)
            {
                ds.F32[i] *= Slope(s.F32[i]);
            }
        }
        if (bias is { RequiresGrad: true })
        {
            float* db = bias.AddGrad(out bool accumulate).F32;
            if (!accumulate)
            {
                new Span<float>(db, n).Clear();
            }
            for (int row = 0; row < m; row++)
            {
                Lanes.Add(db, ds.F32 + (long)row * n, n);
            }
        }
        if (x.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("router.backward_input", flops: 2.0 * m * n * k);
            float* dx = x.AddGrad(out bool accumulate).F32;
            MatMul.Run(x.Device, MatrixView.Of(ds), MatrixView.Of(weight), m, k, n, dx, k, accumulate ? dx : null, k, exact: true);
        }
        if (weight.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("router.backward_weight", flops: 2.0 * m * n * k);
            float* dw = weight.AddGrad(out bool accumulate).F32;
            MatMul.Run(x.Device, MatrixView.Of(ds).T, MatrixView.Of(x), n, k, m, dw, k, accumulate ? dw : null, k, exact: true);
        }
    }

    /// <summary>ln(1 + eᶻ) without overflow and without losing small values.</summary>
    private static double Softplus(double z) =>
        z > 30 ? z
        : z < -15 ? Math.Exp(z)
        : Math.Log(1 + Math.Exp(z));

    /// <summary>d√softplus/dz = σ(z) / 2s, and σ(z) = 1 − e^(−s²).</summary>
    private static float Slope(double s) => s > 0 ? (float)(-double.ExpM1(-s * s) / (2 * s)) : 0;
}
