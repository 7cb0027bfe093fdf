namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rotary positions (arXiv:2104.09864) on each head: dimension i is paired with i + d/2, d the table's rotary dimensions; the rest of a head passes unchanged.</summary>
    /// <remarks><code>
    /// forward   y_i = x_i · cos θ − x_(i+d/2) · sin θ        y_(i+d/2) = x_(i+d/2) · cos θ + x_i · sin θ        θ = position · inverse frequency_i
    /// backward  the rotation by −θ
    /// </code></remarks>
    /// <param name="x">[B, T, H·D]</param>
    /// <param name="heads">H</param>
    /// <param name="positions">int32 [B, T]</param>
    /// <param name="table">frequencies</param>
    public static Tensor Rope(Tensor x, int heads, Tensor positions, RotaryTable table)
    {
        Check.Count(positions, x.Shape.Rows);
        if (heads <= 0 || x.Shape.Last % heads != 0 || x.Shape.Last / heads < table.RotaryDim)
        {
            throw new ArgumentException($"x of shape {x.Shape} must hold {heads} heads of at least {table.RotaryDim} dimensions side by side", nameof(heads));
        }
        Tensor y = x.Device.Rent(x.Shape);                                 // [B, T, H·D]
        RopeKernels.Rotate("rope.forward", x, y, heads, positions, table, backwards: false, accumulate: false);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<RopeNode>(y).Set(x, heads, positions, table);
        }
        return y;
    }

    private sealed class RopeNode : Node
    {
        private Tensor _x = null!, _positions = null!;
        private RotaryTable _table = null!;
        private int _heads;

        public void Set(Tensor x, int heads, Tensor positions, RotaryTable table) => (_x, _heads, _positions, _table) = (x, heads, positions, table);

        internal override void Backward()
        {
            // A pair's gradient depends on the same pair of the output's gradient alone, and a kernel reads a pair before it writes it.
            Tensor dy = OutputGrad, dx = TakeGrad(Output, _x, out bool accumulate);
            RopeKernels.Rotate("rope.backward", dy, dx, _heads, _positions, _table, backwards: true, accumulate);
        }

        internal override void Release() => (_x, _positions, _table) = (null!, null!, null!);
    }
}
