namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Each column scaled to a magnitude, the last step of a weight-decomposed adapter (DoRA, arXiv:2402.09353, section 4.3: the
    /// norm counts as a constant).</summary>
    /// <remarks><code>
    /// forward   y  = x ∘ (m / n) (+ b) (+ residual)
    /// backward  dx = dy ∘ (m / n)        dm = Σ_rows dy ∘ x / n        db = Σ_rows dy        dresidual = dy
    /// </code></remarks>
    /// <param name="x">[..., N]</param>
    /// <param name="magnitude">m, [N]</param>
    /// <param name="norms">n, [N], without gradient</param>
    /// <param name="bias">[N] or null</param>
    /// <param name="residual">[..., N] or null</param>
    public static Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms, Tensor? bias = null, Tensor? residual = null)
    {
        int width = x.Shape.Last;
        Check.Count(magnitude, width);
        Check.Count(norms, width);
        if (bias is not null)
        {
            Check.Count(bias, width);
        }
        if (residual is not null)
        {
            Check.Same(x, residual);
        }
        Tensor y = x.Device.Rent(x.Shape);
        ScaleColumnsKernels.Forward(x, magnitude, norms, bias, residual, y);
        Tape tape = x.Device.Tape;
        if (tape.Wants(x, magnitude) || (bias is not null && tape.Wants(bias)) || (residual is not null && tape.Wants(residual)))
        {
            tape.Record<ScaleColumnsNode>(y).Set(x, magnitude, norms, bias, residual);
        }
        return y;
    }

    private sealed class ScaleColumnsNode : Node
    {
        private Tensor _x = null!,
            _magnitude = null!,
            _norms = null!;
        private Tensor? _bias,
            _residual;

        public void Set(Tensor x, Tensor magnitude, Tensor norms, Tensor? bias, Tensor? residual) =>
            (_x, _magnitude, _norms, _bias, _residual) = (x, magnitude, norms, bias, residual);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            ScaleColumnsKernels.Backward(dy, _x, _magnitude, _norms, _bias);
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

        internal override void Release() => (_x, _magnitude, _norms, _bias, _residual) = (null!, null!, null!, null, null);
    }
}
