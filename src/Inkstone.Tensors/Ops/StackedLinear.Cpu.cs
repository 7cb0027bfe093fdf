namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.StackedLinear"/>: one grouped product over views of the stack. S: rows of all groups, N: outputs,
/// K: inputs.</summary>
internal static unsafe class StackedLinearKernels
{
    public static void Forward(Tensor x, Tensor weight, Tensor offsets, bool inputsFirst, Tensor y)
    {
        (int n, int k) = (y.Shape.Last, x.Shape.Last);
        using Profile.Scope _ = x.Device.Measure("grouped_linear.forward", flops: 2.0 * x.Shape.Rows * n * k);
        Tensor list = List(x.Device, weight);
        Product* products = (Product*)list.Pointer;
        int* rows = offsets.I32;
        for (int e = 0; e < weight.Shape[0]; e++)
        {
            products[e] = new Product
            {
                A = MatrixView.Of(x).From(rows[e], 0),
                B = inputsFirst ? Expert(weight, e) : Expert(weight, e).T,
                M = rows[e + 1] - rows[e],
                N = n,
                K = k,
                C = y.F32 + (long)rows[e] * n,
                StrideC = n,
            };
        }
        GroupedMatMul.Run(x.Device, products, weight.Shape[0]);
        list.Release();
    }

    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor offsets, bool inputsFirst)
    {
        (int n, int k) = (dy.Shape.Last, x.Shape.Last);
        double flops = 2.0 * x.Shape.Rows * n * k;
        Tensor list = List(x.Device, weight);
        Product* products = (Product*)list.Pointer;
        int* rows = offsets.I32;
        if (x.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("grouped_linear.backward_input", flops);
            float* dx = x.AddGrad(out bool accumulate).F32;
            for (int e = 0; e < weight.Shape[0]; e++)
            {
                products[e] = new Product
                {
                    A = MatrixView.Of(dy).From(rows[e], 0),
                    B = inputsFirst ? Expert(weight, e).T : Expert(weight, e),
                    M = rows[e + 1] - rows[e],
                    N = k,
                    K = n,
                    C = dx + (long)rows[e] * k,
                    StrideC = k,
                    Accumulate = accumulate,
                };
            }
            GroupedMatMul.Run(x.Device, products, weight.Shape[0]);
        }
        if (weight.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("grouped_linear.backward_weight", flops);
            float* dw = weight.AddGrad(out bool accumulate).F32;
            for (int e = 0; e < weight.Shape[0]; e++)
            {
                MatrixView outer = MatrixView.Of(dy).From(rows[e], 0),
                    inner = MatrixView.Of(x).From(rows[e], 0);
                products[e] = new Product
                {
                    A = inputsFirst ? inner.T : outer.T,
                    B = inputsFirst ? outer : inner,
                    M = inputsFirst ? k : n,
                    N = inputsFirst ? n : k,
                    K = rows[e + 1] - rows[e],
                    C = dw + (long)e * n * k,
                    StrideC = inputsFirst ? n : k,
                    Accumulate = accumulate,
                };
            }
            GroupedMatMul.Run(x.Device, products, weight.Shape[0]);
        }
        list.Release();
    }

    private static MatrixView Expert(Tensor weight, int e) => MatrixView.Of(weight).From((nint)e * weight.Shape[1], 0);

    private static Tensor List(Device device, Tensor weight) =>
        device.Rent(new Shape(checked(weight.Shape[0] * sizeof(Product) / sizeof(float) + 1)));
}
