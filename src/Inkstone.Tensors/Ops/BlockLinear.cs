namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A linear map whose matrix has blocks on its diagonal alone: each of G equal pieces of x is multiplied with a block of rows
    /// of its own.</summary>
    /// <remarks><code>
    /// forward   y_g  = x_g · W_gᵀ
    /// backward  dx_g = dy_g · W_g        dW_g = dy_gᵀ · x_g
    /// </code></remarks>
    /// <param name="x">[..., G·K]</param>
    /// <param name="weight">[G·N, K]: the blocks one below the other</param>
    /// <param name="groups">G</param>
    /// <returns>[..., G·N]</returns>
    public static Tensor BlockLinear(Tensor x, Tensor weight, int groups)
    {
        if (groups < 1 || weight.Shape.Rank != 2 || weight.Shape[0] % groups != 0 || x.Shape.Last != groups * (long)weight.Shape.Last)
        {
            throw new ArgumentException($"a matrix {weight.Shape} in {groups} blocks does not fit x of {x.Shape}", nameof(weight));
        }
        Tensor y = x.Device.Rent(x.Shape.WithLast(weight.Shape[0])); // [..., G·N]
        BlockLinearKernels.Forward(x, weight, groups, y);
        if (x.Device.Tape.Wants(x, weight))
        {
            x.Device.Tape.Record<BlockLinearNode>(y).Set(x, weight, groups);
        }
        return y;
    }

    private sealed class BlockLinearNode : Node
    {
        private Tensor _x = null!,
            _weight = null!;
        private int _groups;

        public void Set(Tensor x, Tensor weight, int groups) => (_x, _weight, _groups) = (x, weight, groups);

        internal override void Backward() => BlockLinearKernels.Backward(OutputGrad, _x, _weight, _groups);

        internal override void Release() => (_x, _weight) = (null!, null!);
    }
}

/// <summary>CPU kernels of <see cref="Ops.BlockLinear"/>: a product for each block.</summary>
internal static unsafe class BlockLinearKernels
{
    public static void Forward(Tensor x, Tensor weight, int groups, Tensor y)
    {
        (int m, int n, int k) = (x.Shape.Rows, weight.Shape[0] / groups, weight.Shape.Last);
        using Profile.Scope _ = x.Device.Measure("block_linear.forward", flops: 2.0 * m * n * k * groups);
        for (int g = 0; g < groups; g++)
        {
            MatMul.Run(
                x.Device,
                MatrixView.Of(x).From(0, g * k),
                MatrixView.Of(weight).From(g * n, 0).T,
                m,
                n,
                k,
                y.F32 + g * n,
                y.Shape.Last
            );
        }
    }

    public static void Backward(Tensor dy, Tensor x, Tensor weight, int groups)
    {
        (int m, int n, int k) = (x.Shape.Rows, weight.Shape[0] / groups, weight.Shape.Last);
        using Profile.Scope _ = x.Device.Measure("block_linear.backward", flops: 4.0 * m * n * k * groups);
        bool addX = false,
            addWeight = false;
        float* dx = x.RequiresGrad ? x.AddGrad(out addX).F32 : null,
            dw = weight.RequiresGrad ? weight.AddGrad(out addWeight).F32 : null;
        for (int g = 0; g < groups; g++)
        {
            MatrixView part = MatrixView.Of(dy).From(0, g * n);
            if (dx != null)
            {
                MatMul.Run(
                    x.Device,
                    part,
                    MatrixView.Of(weight).From(g * n, 0),
                    m,
                    k,
                    n,
                    dx + g * k,
                    x.Shape.Last,
                    addX ? dx + g * k : null,
                    x.Shape.Last
                );
            }
            if (dw != null)
            {
                float* to = dw + (long)g * n * k;
                MatMul.Run(x.Device, part.T, MatrixView.Of(x).From(0, g * k), n, k, m, to, k, addWeight ? to : null, k);
            }
        }
    }
}
