namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>RMSNorm over the last dimension (arXiv:1910.07467).</summary>
    /// <remarks><code>
    /// forward   r  = 1 / sqrt(mean(x²) + eps)        y  = x · r · w        zero-centred: w = 1 + weight
    /// backward  dx = r · (w∘dy − x · r² · mean(w∘dy∘x))        dw = Σ_rows dy ∘ x · r
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[C]</param>
    /// <param name="eps">added to the mean square</param>
    /// <param name="zeroCentred">the weight is stored less 1, so that decay pulls it to 1</param>
    /// <param name="compact">only products read the result: it may be kept in bfloat16</param>
    /// <param name="groups">equal parts of a row, each of which is normed by itself with its part of the weight</param>
    public static Tensor RmsNorm(Tensor x, Tensor weight, float eps, bool zeroCentred = false, bool compact = false, int groups = 1)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        if (groups < 1 || x.Shape.Last % groups != 0)
        {
            throw new ArgumentException($"x of shape {x.Shape} has no {groups} equal parts", nameof(groups));
        }
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape, compact ? device.CompactType : DType.Float32); // [..., C]
        Tensor rstd = device.Rent(new Shape(checked(x.Shape.Rows * groups))); // [rows · groups], kept for the backward pass
        RmsNormKernels.Forward(x, weight, eps, y, rstd, zeroCentred ? 1 : 0);
        if (device.Tape.Wants(x, weight))
        {
            device.Tape.Record<RmsNormNode>(y).Set(x, weight, rstd, zeroCentred ? 1 : 0);
        }
        else
        {
            rstd.Release();
        }
        return y;
    }

    private sealed class RmsNormNode : Node
    {
        private Tensor _x = null!,
            _weight = null!,
            _rstd = null!;
        private float _centre;

        public void Set(Tensor x, Tensor weight, Tensor rstd, float centre) => (_x, _weight, _rstd, _centre) = (x, weight, rstd, centre);

        internal override void Backward() => RmsNormKernels.Backward(OutputGrad, _x, _weight, _rstd, _centre);

        internal override void Release() => _rstd.Release();
    }
}
