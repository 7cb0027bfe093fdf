namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>What a token's experts made of it, weighted and added, with an optional residual in the same pass.</summary>
    /// <remarks><code>
    /// forward   y_t = residual_t + Σ_j w_tj · x[slot(t, j)]
    /// backward  dx[slot(t, j)] = w_tj · dy_t        dw_tj = dy_t · x[slot(t, j)]        dresidual = dy
    /// </code></remarks>
    /// <param name="x">[pairs, C], rows sorted by expert; a token that goes nowhere keeps its residual</param>
    /// <param name="routing">where the rows came from, and their weights</param>
    /// <param name="shape">[..., C] with N rows: the shape of the result</param>
    /// <param name="residual">of that shape, or null</param>
    public static Tensor ExpertCombine(Tensor x, ExpertRouting routing, Shape shape, Tensor? residual = null)
    {
        Check.Last(x, shape.Last, nameof(x));
        Check.Count(routing.Slots, (long)shape.Rows * routing.TopK);
        Check.Count(x, (long)routing.Pairs * shape.Last);
        Device device = x.Device;
        Tensor y = device.Rent(shape); // [..., C]
        if (residual is not null)
        {
            Check.Same(y, residual);
        }
        ExpertExchangeKernels.Combine(x, routing, residual, y);
        if (device.Tape.Wants(x, routing.Weights) || (residual is not null && device.Tape.Wants(residual)))
        {
            device.Tape.Record<ExpertCombineNode>(y).Set(x, routing, residual);
        }
        return y;
    }

    private sealed class ExpertCombineNode : Node
    {
        private Tensor _x = null!;
        private ExpertRouting _routing;
        private Tensor? _residual;

        public void Set(Tensor x, ExpertRouting routing, Tensor? residual) => (_x, _routing, _residual) = (x, routing, residual);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            ExpertExchangeKernels.CombineBackward(dy, _x, _routing);
            if (_residual is { RequiresGrad: true } residual)
            {
                if (residual.TryMoveGrad(dy))
                {
                    Output.ForgetGrad();
                }
                else
                {
                    AddKernels.Accumulate(dy, residual);
                }
            }
        }

        internal override void Release() => (_x, _routing, _residual) = (null!, default, null);
    }
}
