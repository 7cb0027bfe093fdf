namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Inverted dropout (Srivastava et al., JMLR 2014): each element is zeroed with probability p, the others grow by 1 / (1 −
    /// p).</summary>
    /// <remarks>
    /// <code>
    /// forward   y  = x · m / (1 − p)        m_i = [u_i ≥ p], u_i the i-th uniform number of <paramref name="random"/>
    /// backward  dx = dy · m / (1 − p)
    /// </code>
    /// The mask is a pure function of the generator, so the backward pass computes it again instead of storing it.
    /// Give every call of a step its own stream.
    /// </remarks>
    /// <param name="x">any shape</param>
    /// <param name="p">probability of dropping, in [0, 1)</param>
    /// <param name="random">seed and stream of the mask</param>
    public static Tensor Dropout(Tensor x, float p, PhiloxRandom random)
    {
        if (!(p >= 0 && p < 1))
        {
            throw new ArgumentException($"the dropout probability is {p}; it must be at least 0 and below 1", nameof(p));
        }
        if (p == 0)
        {
            return x;
        }
        Tensor y = x.Device.Rent(x.Shape);
        DropoutKernels.Forward(x, p, random, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<DropoutNode>(y).Set(x, p, random);
        }
        return y;
    }

    private sealed class DropoutNode : Node
    {
        private Tensor _x = null!;
        private float _p;
        private PhiloxRandom _random;

        public void Set(Tensor x, float p, PhiloxRandom random) => (_x, _p, _random) = (x, p, random);

        internal override void Backward()
        {
            Tensor dy = StoredOutputGrad,
                dx = TakeGrad(Output, _x, out bool accumulate);
            DropoutKernels.Backward(dy, _p, _random, dx, accumulate);
        }

        internal override void Release() => _x = null!;
    }
}
