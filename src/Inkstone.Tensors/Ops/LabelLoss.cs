namespace Inkstone.Tensors;

/// <summary>
/// What <see cref="Ops.LabelLoss"/> tells of each label, and where its caller writes what the loss would gain by each. Kept and used again
/// by the caller: memory only grows.
/// N: labels. All lists are of N numbers.
/// </summary>
public sealed class LabelStatistics
{
    private double[] _logProbs = [],
        _entropies = [],
        _logSquares = [],
        _means = [],
        _top = [],
        _logProbGradients = [],
        _entropyGradients = [];

    /// <summary>N.</summary>
    public int Count { get; private set; }

    /// <summary>log p(label), nats.</summary>
    public ReadOnlySpan<double> LogProbs => _logProbs.AsSpan(0, Count);

    /// <summary>−Σ p log p over the vocabulary, nats.</summary>
    public ReadOnlySpan<double> Entropies => _entropies.AsSpan(0, Count);

    /// <summary>log Σ p².</summary>
    public ReadOnlySpan<double> LogSquares => _logSquares.AsSpan(0, Count);

    /// <summary>Mean of the logits over the vocabulary.</summary>
    public ReadOnlySpan<double> MeanLogits => _means.AsSpan(0, Count);

    /// <summary>1 where the label is the likeliest token, else 0.</summary>
    public ReadOnlySpan<double> Top => _top.AsSpan(0, Count);

    /// <summary>To be written: ∂L/∂log p(label). 0 at first.</summary>
    public Span<double> LogProbGradients => _logProbGradients.AsSpan(0, Count);

    /// <summary>To be written: ∂L/∂entropy. 0 at first.</summary>
    public Span<double> EntropyGradients => _entropyGradients.AsSpan(0, Count);

    internal void Reset(int count)
    {
        if (count > _logProbs.Length)
        {
            (_logProbs, _entropies, _logSquares, _means, _top) = (
                new double[count],
                new double[count],
                new double[count],
                new double[count],
                new double[count]
            );
            (_logProbGradients, _entropyGradients) = (new double[count], new double[count]);
        }
        Count = count;
        LogProbGradients.Clear();
        EntropyGradients.Clear();
    }

    internal double[] LogProbStore => _logProbs;

    internal double[] EntropyStore => _entropies;

    internal double[] LogSquareStore => _logSquares;

    internal double[] MeanStore => _means;

    internal double[] TopStore => _top;

    internal double[] LogProbGradientStore => _logProbGradients;

    internal double[] EntropyGradientStore => _entropyGradients;
}

public static partial class Ops
{
    /// <summary>A loss of labels' log-probabilities (and of the entropies at their places) that the caller knows with its gradient, such as
    /// one of preferences or of rewards.</summary>
    /// <remarks><code>
    /// forward   z = x · Wᵀ / T    log p = z[label] − logsumexp(z)    H = −Σ p log p    L = loss(log p, H)
    /// backward  dz = (∂L/∂log p · (onehot(label) − p) − ∂L/∂H · p (log p + H)) / T · dL        dx = dz · W        dW = dzᵀ · x
    /// </code>
    /// The gradient is formed at once, while the logits are still there; they are kept between the two sweeps where they are not too many,
    /// else computed again, chunk by chunk.
    /// </remarks>
    /// <param name="x">[N, C]: a row for each label</param>
    /// <param name="weight">[V, C]</param>
    /// <param name="labels">int32 [N]</param>
    /// <param name="statistics">is filled, and read for the gradients after <paramref name="loss"/></param>
    /// <param name="loss">writes the gradients into what it is given, and returns L</param>
    /// <param name="softCap">logits are cap · tanh(x · Wᵀ / cap); 0: x · Wᵀ itself</param>
    /// <param name="temperature">T</param>
    /// <returns>[1]: L</returns>
    public static Tensor LabelLoss(
        Tensor x,
        Tensor weight,
        Tensor labels,
        LabelStatistics statistics,
        Func<LabelStatistics, double> loss,
        float softCap = 0,
        float temperature = 1
    )
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Check.Count(labels, x.Shape.Rows);
        CheckIds(labels, weight.Shape[0]);
        Device device = x.Device;
        Tensor result = device.Rent(new Shape(1));
        bool wanted = device.Tape.Wants(x, weight);
        Tensor? dx = wanted && x.RequiresGrad ? device.Rent(x.Shape) : null;
        Tensor? dw = wanted && weight.RequiresGrad ? device.Rent(weight.Shape) : null;
        using (LabelLossRows rows = new(x, weight, labels, statistics, softCap, temperature, keep: wanted))
        {
            rows.Forward();
            result.Span[0] = (float)loss(statistics);
            if (wanted)
            {
                rows.Backward(dx, dw);
            }
        }
        if (wanted)
        {
            device.Tape.Record<LinearCrossEntropyNode>(result).Set(x, weight, dx, dw);
        }
        return result;
    }
}
