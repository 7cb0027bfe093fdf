namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Affine map of the last dimension, with an optional residual added in the same pass over the result.</summary>
    /// <remarks><code>
    /// forward   y  = x · Wᵀ (+ b) (+ residual)
    /// backward  dx = dy · W        dW = dyᵀ · x        db = Σ_rows dy        dresidual = dy
    /// </code></remarks>
    /// <param name="x">[..., K]</param>
    /// <param name="weight">[N, K], as PyTorch and Hugging Face store it</param>
    /// <param name="bias">[N] or null</param>
    /// <param name="residual">[..., N] or null</param>
    /// <param name="compact">only elementwise ops read the result: it may be kept in bfloat16 (not with a residual)</param>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null, Tensor? residual = null, bool compact = false)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Device device = x.Device;
        Tensor y = device.RentResult(x.Shape.WithLast(weight.Shape[0]), compact && residual is null); // [..., N]
        if (bias is not null)
        {
            Check.Count(bias, weight.Shape[0]);
        }
        if (residual is not null)
        {
            Check.Same(y, residual);
        }
        LinearKernels.Forward(x, weight, bias, residual, y);
        if (
            device.Tape.Wants(x, weight)
            || (bias is not null && device.Tape.Wants(bias))
            || (residual is not null && device.Tape.Wants(residual))
        )
        {
            device.Tape.Record<LinearNode>(y).Set(x, weight, bias, residual);
        }
        return y;
    }

    /// <summary>Two or three linear maps of the same x, as of queries, keys and values: <see cref="Linear"/> for each. Where nothing is
    /// trained and weights are read as they lie, they are one job, so threads wait for one another once.</summary>
    /// <param name="x">[..., K]</param>
    /// <param name="weights">[N_i, K] each, two or three</param>
    /// <param name="biases">[N_i] or null each</param>
    /// <param name="y">receives [..., N_i] each</param>
    /// <param name="compact">as in <see cref="Linear"/></param>
    /// <exception cref="ArgumentException">there are not two or three, or shapes do not agree</exception>
    public static void LinearEach(
        Tensor x,
        ReadOnlySpan<Tensor> weights,
        ReadOnlySpan<Tensor?> biases,
        Span<Tensor> y,
        bool compact = false
    )
    {
        if (weights.Length is < 2 or > 3 || biases.Length != weights.Length || y.Length != weights.Length)
        {
            throw new ArgumentException($"two or three weights with a bias and a result each, not {weights.Length}", nameof(weights));
        }
        if (x.Device.Tape.Training)
        {
            for (int i = 0; i < y.Length; i++)
            {
                y[i] = Linear(x, weights[i], biases[i], compact: compact);
            }
            return;
        }
        for (int i = 0; i < y.Length; i++)
        {
            Check.Last(x, weights[i].Shape.Last, nameof(x));
            if (biases[i] is { } bias)
            {
                Check.Count(bias, weights[i].Shape[0]);
            }
            y[i] = x.Device.Rent(x.Shape.WithLast(weights[i].Shape[0]));
        }
        LinearKernels.ForwardEach(x, weights, biases, y);
    }

    private sealed class LinearNode : Node
    {
        private Tensor _x = null!,
            _weight = null!;
        private Tensor? _bias,
            _residual;

        public void Set(Tensor x, Tensor weight, Tensor? bias, Tensor? residual) =>
            (_x, _weight, _bias, _residual) = (x, weight, bias, residual);

        internal override void Backward()
        {
            Tensor dy = _bias is { RequiresGrad: true } ? OutputGrad : StoredOutputGrad;
            LinearKernels.Backward(dy, _x, _weight, _bias);
            if (_residual is { RequiresGrad: true } residual)
            {
                // dy has been used: it may become the residual's gradient without a copy.
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

        internal override void Release() { }
    }
}
