namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Sum of all elements, a tensor of one.</summary>
    /// <remarks><code>
    /// forward   y  = Σ x
    /// backward  dx = dy, to every element
    /// </code></remarks>
    public static Tensor Sum(Tensor x) => ScaledSum(x, 1);

    /// <summary>Mean of all elements, a tensor of one.</summary>
    /// <remarks><code>
    /// forward   y  = Σ x / n
    /// backward  dx = dy / n, to every element
    /// </code></remarks>
    public static Tensor Mean(Tensor x) =>
        x.Count > 0 ? ScaledSum(x, 1.0 / x.Count) : throw new ArgumentException("the mean of no elements is not a number", nameof(x));

    /// <summary>Sum of each row over the last dimension: [..., C] → [rows].</summary>
    /// <remarks><code>
    /// forward   y_r  = Σ_i x_ri
    /// backward  dx_ri = dy_r
    /// </code></remarks>
    public static Tensor SumLast(Tensor x)
    {
        Tensor y = x.Device.Rent(new Shape(x.Shape.Rows)); // [rows]
        SumKernels.Rows(x, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<SumLastNode>(y).Set(x);
        }
        return y;
    }

    private static Tensor ScaledSum(Tensor x, double factor)
    {
        Tensor y = x.Device.Rent(new Shape(1));
        SumKernels.All(x, factor, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<SumNode>(y).Set(x, factor);
        }
        return y;
    }

    private sealed class SumNode : Node
    {
        private Tensor _x = null!;
        private double _factor;

        public void Set(Tensor x, double factor) => (_x, _factor) = (x, factor);

        internal override void Backward() => SumKernels.SpreadAll(_x, (float)(OutputGrad.Item() * _factor));

        internal override void Release() => _x = null!;
    }

    private sealed class SumLastNode : Node
    {
        private Tensor _x = null!;

        public void Set(Tensor x) => _x = x;

        internal override void Backward() => SumKernels.SpreadRows(OutputGrad, _x);

        internal override void Release() => _x = null!;
    }
}
