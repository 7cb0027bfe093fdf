namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rows, or heads of rows, weighed by the sigmoid of one number each: the gate of a shared expert (Qwen2's sparse layers,
    /// arXiv:2407.10671), of an attention head (arXiv:2505.06708). σ: sigmoid.</summary>
    /// <remarks><code>
    /// forward   y  = x · σ(g_row) (+ residual)
    /// backward  dx = dy · σ(g_row)        dg_row = Σ_i dy · x · σ(g_row) · (1 − σ(g_row))        dresidual = dy
    /// </code></remarks>
    /// <param name="x">[..., H·C]</param>
    /// <param name="gate">[..., H]: one number per head of each row of x</param>
    /// <param name="residual">[..., C], added to the result; null: none</param>
    public static Tensor RowGate(Tensor x, Tensor gate, Tensor? residual = null)
    {
        if (gate.Count == 0 || gate.Count % x.Shape.Rows != 0 || x.Count % gate.Count != 0)
        {
            throw new ArgumentException($"gates {gate.Shape} are not one number for each head of {x.Shape}", nameof(gate));
        }
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
        private Tensor _x = null!,
            _gate = null!;
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
