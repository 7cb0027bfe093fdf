namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Logarithm of a head's forgetting factor, or of one for each of its channels, from a projection of the token (Mamba's
    /// parametrisation, arXiv:2312.00752; arXiv:2412.06464; arXiv:2510.26692).</summary>
    /// <remarks><code>
    /// forward   s  = softplus(x + dt)        g  = −e^A · s
    /// backward  dx = −dg · e^A · σ(x + dt)        ddt = Σ_rows dx        dA = Σ_rows,channels dg · g
    /// </code></remarks>
    /// <param name="x">[..., H·C], C = 1 for one factor per head</param>
    /// <param name="aLog">A: H numbers, whatever their shape</param>
    /// <param name="dtBias">dt: [H·C]</param>
    public static Tensor LogDecay(Tensor x, Tensor aLog, Tensor dtBias)
    {
        Check.Last(x, dtBias.Shape.Last, nameof(x));
        if (dtBias.Count % aLog.Count != 0)
        {
            throw new ArgumentException($"{dtBias.Shape} biases are no multiple of {aLog.Shape} rates", nameof(dtBias));
        }
        Device device = x.Device;
        Tensor g = device.Rent(x.Shape);
        LogDecayKernels.Forward(x, aLog, dtBias, g);
        if (device.Tape.Wants(x, aLog, dtBias))
        {
            device.Tape.Record<LogDecayNode>(g).Set(x, aLog, dtBias);
        }
        return g;
    }

    private sealed class LogDecayNode : Node
    {
        private Tensor _x = null!,
            _aLog = null!,
            _dtBias = null!;

        public void Set(Tensor x, Tensor aLog, Tensor dtBias) => (_x, _aLog, _dtBias) = (x, aLog, dtBias);

        internal override void Backward() => LogDecayKernels.Backward(OutputGrad, _x, _aLog, _dtBias, Output);

        internal override void Release() => _x = null!;
    }
}
