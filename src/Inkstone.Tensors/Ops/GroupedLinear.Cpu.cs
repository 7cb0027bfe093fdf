namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.GroupedLinear"/>. S: rows of all groups, N: outputs, K: inputs.</summary>
internal static unsafe class GroupedLinearKernels
{
    public static void Forward(Tensor x, Tensor[] weights, Tensor offsets, Tensor y)
    {
        int n = weights[0].Shape[0],
            k = weights[0].Shape.Last;
        using Profile.Scope _ = x.Device.Measure("grouped_linear.forward", flops: 2.0 * x.Shape.Rows * n * k);
        Tensor list = x.Device.Rent(new Shape(checked(weights.Length * sizeof(Product) / sizeof(float) + 1)));
        Product* products = (Product*)list.Pointer;
        int* rows = offsets.I32;
        for (int e = 0; e < weights.Length; e++)
        {
            products[e] = new Product
            {
                A = MatrixView.Of(x).From(rows[e], 0),
                B = MatrixView.Of(weights[e]).T,
                M = rows[e + 1] - rows[e],
                N = n,
                K = k,
                C = y.F32 + (long)rows[e] * n,
                StrideC = n,
            };
        }
        GroupedMatMul.Run(x.Device, products, weights.Length);
        list.Release();
    }

    public static void Backward(Tensor dy, Tensor x, Tensor[] weights, Tensor offsets)
    {
        int n = weights[0].Shape[0],
            k = weights[0].Shape.Last;
        double flops = 2.0 * x.Shape.Rows * n * k;
        Tensor list = x.Device.Rent(new Shape(checked(weights.Length * sizeof(Product) / sizeof(float) + 1)));
        Product* products = (Product*)list.Pointer;
        int* rows = offsets.I32;
        if (x.RequiresGrad)
        {
            using Profile.Scope _ = x.Device.Measure("grouped_linear.backward_input", flops);
            float* dx = x.AddGrad(out bool accumulate).F32;
            for (int e = 0; e < weights.Length; e++)
            {
                products[e] = new Product
                {
                    A = MatrixView.Of(dy).From(rows[e], 0),
                    B = MatrixView.Of(weights[e]),
                    M = rows[e + 1] - rows[e],
                    N = k,
                    K = n,
                    C = dx + (long)rows[e] * k,
                    StrideC = k,
                    Accumulate = accumulate,
                };
            }
            GroupedMatMul.Run(x.Device, products, weights.Length);
        }
        int trained = 0;
        for (int e = 0; e < weights.Length; e++)
        {
            if (weights[e].RequiresGrad)
            {
                float* dw = weights[e].AddGrad(out bool accumulate).F32;
                products[trained++] = new Product
                {
                    A = MatrixView.Of(dy).From(rows[e], 0).T,
                    B = MatrixView.Of(x).From(rows[e], 0),
                    M = n,
                    N = k,
                    K = rows[e + 1] - rows[e],
                    C = dw,
                    StrideC = k,
                    Accumulate = accumulate,
                };
            }
        }
        if (trained > 0)
        {
            using Profile.Scope _ = x.Device.Measure("grouped_linear.backward_weight", flops);
            GroupedMatMul.Run(x.Device, products, trained);
        }
        list.Release();
    }
}
