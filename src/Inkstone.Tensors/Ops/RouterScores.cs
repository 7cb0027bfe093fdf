namespace Inkstone.Tensors;

/// <summary>How a router turns logits into scores.</summary>
public enum RouterScoring
{
    /// <summary>Probabilities over all experts.</summary>
    Softmax,

    /// <summary>Each expert by itself (DeepSeek-V3, arXiv:2412.19437).</summary>
    Sigmoid,
}

public static partial class Ops
{
    /// <summary>How well each expert suits each token. Multiplied in float32 on every device, because a rounded score may choose another expert.</summary>
    /// <remarks><code>
    /// forward   s  = f(x · Wᵀ)        f: softmax over the experts, or the logistic function of each
    /// backward  dz = s · (ds − Σ ds · s)   or   ds · s · (1 − s)        dx = dz · W        dW = dzᵀ · x
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[E, C]</param>
    /// <param name="scoring">f</param>
    /// <returns>[rows, E]</returns>
    public static Tensor RouterScores(Tensor x, Tensor weight, RouterScoring scoring)
    {
        Check.Last(x, weight.Shape.Last, nameof(x));
        Device device = x.Device;
        Tensor s = device.Rent(new Shape(x.Shape.Rows, weight.Shape[0]));  // [rows, E]
        RouterScoresKernels.Forward(x, weight, scoring, s);
        if (device.Tape.Wants(x, weight))
        {
            device.Tape.Record<RouterScoresNode>(s).Set(x, weight, scoring);
        }
        return s;
    }

    private sealed class RouterScoresNode : Node
    {
        private Tensor _x = null!, _weight = null!;
        private RouterScoring _scoring;

        public void Set(Tensor x, Tensor weight, RouterScoring scoring) => (_x, _weight, _scoring) = (x, weight, scoring);

        internal override void Backward() => RouterScoresKernels.Backward(OutputGrad, Output, _x, _weight, _scoring);

        internal override void Release() => (_x, _weight) = (null!, null!);
    }
}
