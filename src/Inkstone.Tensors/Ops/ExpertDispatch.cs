namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Each token once for every expert that it goes to, sorted by expert.</summary>
    /// <remarks><code>
    /// forward   y[slot(t, j)] = x_t
    /// backward  dx_t = Σ_j dy[slot(t, j)]
    /// </code></remarks>
    /// <param name="x">[..., C]: N tokens</param>
    /// <param name="routing">where they go</param>
    /// <returns>[N·k, C]</returns>
    public static Tensor ExpertDispatch(Tensor x, ExpertRouting routing)
    {
        Check.Count(routing.Slots, (long)x.Shape.Rows * routing.TopK);
        Tensor y = x.Device.Rent(new Shape(x.Shape.Rows * routing.TopK, x.Shape.Last));   // [N·k, C]
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
