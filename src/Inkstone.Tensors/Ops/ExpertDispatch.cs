namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Each token once for every expert that it goes to, sorted by expert; tokens that go nowhere are left out.</summary>
    /// <remarks><code>
    /// forward   y[slot(t, j)] = x_t
    /// backward  dx_t = Σ_j dy[slot(t, j)]
    /// </code></remarks>
    /// <param name="x">[..., C]: N tokens</param>
    /// <param name="routing">where they go</param>
    /// <returns>[pairs, C]</returns>
    public static Tensor ExpertDispatch(Tensor x, ExpertRouting routing)
    {
        Check.Count(routing.Slots, (long)x.Shape.Rows * routing.TopK);
        Tensor y = x.Device.Rent(new Shape(routing.Pairs, x.Shape.Last)); // [pairs, C]
        ExpertExchangeKernels.Dispatch(x, routing, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<ExpertDispatchNode>(y).Set(x, routing);
        }
        return y;
    }

    private sealed class ExpertDispatchNode : Node
    {
        private Tensor _x = null!;
        private ExpertRouting _routing;

        public void Set(Tensor x, ExpertRouting routing) => (_x, _routing) = (x, routing);

        internal override void Backward() => ExpertExchangeKernels.DispatchBackward(OutputGrad, _x, _routing);

        internal override void Release() => (_x, _routing) = (null!, default);
    }
}
