namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A bias per group of rows: the biases of experts, one below the other.</summary>
    /// <remarks><code>
    /// forward   y_e  = x_e + b_e
    /// backward  dx_e = dy_e        db_e = Σ_rows dy_e
    /// </code></remarks>
    /// <param name="x">[S, N], rows sorted by group</param>
    /// <param name="bias">[E, N]</param>
    /// <param name="offsets">int32 [E + 1]: group e has the rows from offsets[e] to offsets[e + 1]</param>
    public static Tensor StackedBias(Tensor x, Tensor bias, Tensor offsets)
    {
        Check.Last(x, bias.Shape.Last, nameof(x));
        CheckGroups(x, offsets, bias.Shape[0]);
        Tensor y = x.Device.Rent(x.Shape);
        StackedBiasKernels.Forward(x, bias, offsets, y);
        if (x.Device.Tape.Wants(x, bias))
        {
            x.Device.Tape.Record<StackedBiasNode>(y).Set(x, bias, offsets);
        }
        return y;
    }

    /// <summary>Whether offsets cut the rows of x into that many groups.</summary>
    private static void CheckGroups(Tensor x, Tensor offsets, int groups)
    {
        Check.Count(offsets, groups + 1);
        ReadOnlySpan<int> rows = offsets.Ints;
        for (int e = 0; e < groups; e++)
        {
            if (rows[e + 1] < rows[e])
            {
                throw new ArgumentException($"group {e} ends at row {rows[e + 1]}, before its first row {rows[e]}", nameof(offsets));
            }
        }
        if (rows[0] != 0 || rows[^1] != x.Shape.Rows)
        {
            throw new ArgumentException($"groups of rows {rows[0]} to {rows[^1]} do not cover x of {x.Shape}", nameof(offsets));
        }
    }

    private sealed class StackedBiasNode : Node
    {
        private Tensor _x = null!,
            _bias = null!,
            _offsets = null!;

        public void Set(Tensor x, Tensor bias, Tensor offsets) => (_x, _bias, _offsets) = (x, bias, offsets);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            if (_bias.RequiresGrad)
            {
                StackedBiasKernels.BackwardBias(dy, _bias, _offsets);
            }
            if (!_x.RequiresGrad)
            {
                return;
            }
            if (_x.TryMoveGrad(dy))
            {
                Output.ForgetGrad();
            }
            else
            {
                AddKernels.Accumulate(dy, _x);
            }
        }

        internal override void Release() => (_x, _bias, _offsets) = (null!, null!, null!);
    }
}
