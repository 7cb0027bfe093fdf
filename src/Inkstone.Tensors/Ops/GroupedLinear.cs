namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A linear map per group of rows, all of them as one job: row block e of x is multiplied with weight e. Experts without rows
    /// get a zero gradient.</summary>
    /// <remarks><code>
    /// forward   y_e  = x_e · W_eᵀ
    /// backward  dx_e = dy_e · W_e        dW_e = dy_eᵀ · x_e
    /// </code></remarks>
    /// <param name="x">[S, K], rows sorted by group</param>
    /// <param name="weights">one [N, K] per group; the array must not change while the step lasts</param>
    /// <param name="offsets">int32 [groups + 1]: group e has the rows from offsets[e] to offsets[e + 1]</param>
    /// <returns>[S, N]</returns>
    public static Tensor GroupedLinear(Tensor x, Tensor[] weights, Tensor offsets)
    {
        Check.Count(offsets, weights.Length + 1);
        ReadOnlySpan<int> rows = offsets.Ints;
        for (int e = 0; e < weights.Length; e++)
        {
            Check.Last(x, weights[e].Shape.Last, nameof(x));
            Check.Same(weights[0], weights[e], nameof(weights));
            if (rows[e + 1] < rows[e])
            {
                throw new ArgumentException($"group {e} ends at row {rows[e + 1]}, before its first row {rows[e]}", nameof(offsets));
            }
        }
        if (rows[0] != 0 || rows[^1] != x.Shape.Rows)
        {
            throw new ArgumentException($"groups of rows {rows[0]} to {rows[^1]} do not cover x of {x.Shape}", nameof(offsets));
        }
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape.WithLast(weights[0].Shape[0])); // [S, N]
        GroupedLinearKernels.Forward(x, weights, offsets, y);
        bool wanted = device.Tape.Wants(x);
        for (int e = 0; e < weights.Length && !wanted; e++)
        {
            wanted = device.Tape.Wants(weights[e]);
        }
        if (wanted)
        {
            device.Tape.Record<GroupedLinearNode>(y).Set(x, weights, offsets);
        }
        return y;
    }

    private sealed class GroupedLinearNode : Node
    {
        private Tensor _x = null!,
            _offsets = null!;
        private Tensor[] _weights = null!;

        public void Set(Tensor x, Tensor[] weights, Tensor offsets) => (_x, _weights, _offsets) = (x, weights, offsets);

        internal override void Backward() => GroupedLinearKernels.Backward(OutputGrad, _x, _weights, _offsets);

        internal override void Release() => (_x, _weights, _offsets) = (null!, null!, null!);
    }
}
