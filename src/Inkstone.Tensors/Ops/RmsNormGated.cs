namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>RMSNorm of each head, gated by SiLU of another tensor: the output norm of linear attention (arXiv:2412.06464).</summary>
    /// <remarks><code>
    /// forward   r  = 1 / sqrt(mean(x²) + eps)        n  = x · r · w        y = n · silu(z)
    /// backward  dn = dy · silu(z)        dz = dy · n · silu′(z)
    ///           dx = r · (w∘dn − x · r² · mean(w∘dn∘x))        dw = Σ_heads dn ∘ x · r
    /// </code></remarks>
    /// <param name="x">[..., H·C]</param>
    /// <param name="z">the gate, shaped as x</param>
    /// <param name="weight">[C]</param>
    /// <param name="eps">added to the mean square</param>
    public static Tensor RmsNormGated(Tensor x, Tensor z, Tensor weight, float eps)
    {
        Check.Same(x, z);
        if (x.Shape.Last % weight.Shape.Last != 0)
        {
            throw new ArgumentException($"x has shape {x.Shape}; its last dimension must be a multiple of {weight.Shape.Last}", nameof(x));
        }
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape);
        Tensor rstd = device.Rent(new Shape((int)(x.Count / weight.Count))); // [rows · H], kept for the backward pass
        RmsNormGatedKernels.Forward(x, z, weight, eps, y, rstd);
        if (device.Tape.Wants(x, z, weight))
        {
            device.Tape.Record<RmsNormGatedNode>(y).Set(x, z, weight, rstd);
        }
        else
        {
            rstd.Release();
        }
        return y;
    }

    private sealed class RmsNormGatedNode : Node
    {
        private Tensor _x = null!,
            _z = null!,
            _weight = null!,
            _rstd = null!;

        public void Set(Tensor x, Tensor z, Tensor weight, Tensor rstd) => (_x, _z, _weight, _rstd) = (x, z, weight, rstd);

        internal override void Backward() => RmsNormGatedKernels.Backward(OutputGrad, _x, _z, _weight, _rstd);

        internal override void Release() => _rstd.Release();
    }
}
