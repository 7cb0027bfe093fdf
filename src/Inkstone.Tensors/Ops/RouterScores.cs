namespace Inkstone.Tensors;

/// <summary>How a router turns logits into scores.</summary>
public enum RouterScoring
{
    /// <summary>Probabilities over all experts.</summary>
    Softmax,

    /// <summary>Each expert by itself (DeepSeek-V3, arXiv:2412.19437).</summary>
    Sigmoid,

    /// <summary>Each expert by itself, √ln(1 + eᶻ) (DeepSeek-V4).</summary>
    SqrtSoftplus,
}

public static partial class Ops
{
    /// <summary>How well each expert suits each token. Multiplied in float32 on every device, because a rounded score may choose another
    /// expert.</summary>
    /// <remarks><code>
    /// forward   s  = f(x · Wᵀ + b)        f: softmax over the experts, the logistic function of each, or √softplus of each
    /// backward  dz = s · (ds − Σ ds · s)   or   ds · s · (1 − s)   or   ds · (1 − e^(−s²)) / 2s        dx = dz · W        dW = dzᵀ · x
    /// db = Σ_rows dz
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[E, C]</param>
    /// <param name="scoring">f</param>
    /// <param name="bias">b [E]; null: none</param>
    /// <returns>[rows, E]</returns>
    public static Tensor RouterScores(Tensor x, Tensor weight, RouterScoring scoring, Tensor? bias = null)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Device device = x.Device;
        Tensor s = device.Rent(new Shape(x.Shape.Rows, weight.Shape[0])); // [rows, E]
        RouterScoresKernels.Forward(x, weight, bias, scoring, s);
        if (device.Tape.Wants(x, weight, bias ?? x))
        {
            device.Tape.Record<RouterScoresNode>(s).Set(x, weight, bias, scoring);
        }
        return s;
    }

    private sealed class RouterScoresNode : Node
    {
        private Tensor _x = null!,
            _weight = null!;
        private Tensor? _bias;
        private RouterScoring _scoring;

        public void Set(Tensor x, Tensor weight, Tensor? bias, RouterScoring scoring) =>
            (_x, _weight, _bias, _scoring) = (x, weight, bias, scoring);

        internal override void Backward() => RouterScoresKernels.Backward(OutputGrad, Output, _x, _weight, _bias, _scoring);

        internal override void Release() => (_x, _weight, _bias) = (null!, null!, null);
    }
}
