namespace Inkstone.Tensors;

/// <summary>How weights of residual streams come from their logits (DeepSeek-V4; manifold-constrained hyper-connections,
/// arXiv:2512.24880).</summary>
/// <param name="Streams">n</param>
/// <param name="Iterations">of Sinkhorn's normalisation, at least 1</param>
/// <param name="Eps">added to the weights of reading, to the matrix, and to its sums</param>
/// <param name="NormEps">added to the mean square of a token's streams</param>
public readonly record struct StreamRule(int Streams, int Iterations = 20, float Eps = 1e-6f, float NormEps = 1e-6f);

public static partial class Ops
{
    /// <summary>
    /// How a token's n residual streams are read, written and mixed: weights from the streams themselves. Each row of the result holds pre
    /// [n], then, where <paramref name="weight"/> has (2 + n)·n rows,
    /// post [n] and a matrix M [n, n] that Sinkhorn's iterations make doubly stochastic (arXiv:2512.24880), for <see cref="StreamSum"/> and
    /// <see cref="StreamUpdate"/>. In float32 on every device.
    /// </summary>
    /// <remarks><code>
    /// forward   m = x · Wᵀ / sqrt(mean(x²) + normEps)        l = scale ∘ m + b, one scale for pre, post and M
    ///           pre = σ(l) + eps        post = 2σ(l)        M = softmax of the rows of l, + eps; columns / (sum + eps); iterations − 1
    /// times rows and then columns / (sum + eps)
    /// backward  through each division of the iterations: dM' = (dM − Σ dM∘M) / (sum + eps), the sum over what was divided together
    ///           dx = r · dm · W − x · r² · Σ dm∘m / nD        dW = (r · dm)ᵀ · x        r = 1 / sqrt(mean(x²) + normEps)
    /// </code></remarks>
    /// <param name="x">[..., n·D]: the streams one behind the other</param>
    /// <param name="weight">W, [n or (2 + n)·n, n·D]</param>
    /// <param name="bias">b, as many as W has rows</param>
    /// <param name="scale">[1] where W has n rows, else [3]</param>
    /// <param name="rule">n and constants</param>
    /// <returns>[..., rows of W]</returns>
    public static Tensor StreamWeights(Tensor x, Tensor weight, Tensor bias, Tensor scale, StreamRule rule)
    {
        int n = rule.Streams,
            width = weight.Shape[0];
        if (n < 1 || rule.Iterations < 1 || (width != n && width != (2 + n) * n) || x.Shape.Last % n != 0)
        {
            throw new ArgumentException(
                $"weights {weight.Shape} with {rule.Iterations} iterations do not fit {n} streams {x.Shape}",
                nameof(weight)
            );
        }
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Count(bias, width);
        Check.Count(scale, width == n ? 1 : 3);
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape.WithLast(width)),
            m = device.Rent(y.Shape),
            rstd = device.Rent(new Shape(x.Shape.Rows));
        StreamWeightsKernels.Forward(x, weight, bias, scale, rule, y, m, rstd);
        if (device.Tape.Wants(x, weight) || device.Tape.Wants(bias, scale))
        {
            device.Tape.Record<StreamWeightsNode>(y).Set(x, weight, bias, scale, rule, m, rstd);
        }
        else
        {
            m.Release();
            rstd.Release();
        }
        return y;
    }

    private sealed class StreamWeightsNode : Node
    {
        private Tensor _x = null!,
            _weight = null!,
            _bias = null!,
            _scale = null!,
            _m = null!,
            _rstd = null!;
        private StreamRule _rule;

        public void Set(Tensor x, Tensor weight, Tensor bias, Tensor scale, StreamRule rule, Tensor m, Tensor rstd) =>
            (_x, _weight, _bias, _scale, _rule, _m, _rstd) = (x, weight, bias, scale, rule, m, rstd);

        internal override void Backward() => StreamWeightsKernels.Backward(OutputGrad, _x, _weight, _bias, _scale, _rule, _m, _rstd);

        internal override void Release()
        {
            _m.Release();
            _rstd.Release();
            (_x, _weight, _bias, _scale) = (null!, null!, null!, null!);
        }
    }
}
