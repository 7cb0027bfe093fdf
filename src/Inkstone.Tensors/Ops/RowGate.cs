namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rows weighed by the sigmoid of one number each: the gate of a shared expert (Qwen2's sparse layers, arXiv:2407.10671). σ: sigmoid.</summary>
    /// <remarks><code>
    /// forward   y  = x · σ(g_row) (+ residual)
    /// backward  dx = dy · σ(g_row)        dg_row = Σ_i dy · x · σ(g_row) · (1 − σ(g_row))        dresidual = dy
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="gate">[..., 1]: one number per row of x</param>
    /// <param name="residual">[..., C], added to the result; null: none</param>
    public static Tensor RowGate(Tensor x, Tensor gate, Tensor? residual = null)
    {
        Check.Count(gate, x.Shape.Rows);
        if (residual is not null)
        {
            Check.Same(x, residual);
        }
        Tensor y = x.Device.Rent(x.Shape);
        RowGateKernels.Forward(x, gate, residual, y);
        if (x.Device.Tape.Wants(x, gate, residual ?? x))
        {
            x.Device.Tape.Record<RowGateNode>(y).Set(x, gate, residual);
        }
        return y;
    }

    private sealed class RowGateNode : Node
    {
        private Tensor _x = null!, _gate = null!;
        private Tensor? _residual;

        public void Set(Tensor x, Tensor gate, Tensor? residual) => (_x, _gate, _residual) = (x, gate, residual);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            RowGateKernels.Backward(dy, _x, _gate);
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

        internal override void Release() => (_x, _gate, _residual) = (null!, null!, null);
    }
}
