namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A bias per group of rows: the biases of experts.</summary>
    /// <remarks><code>
    /// forward   y_e  = x_e + b_e
    /// backward  dx_e = dy_e        db_e = Σ_rows dy_e
    /// </code></remarks>
    /// <param name="x">[S, N], rows sorted by group</param>
    /// <param name="biases">one [N] per group; the array must not change while the step lasts</param>
    /// <param name="offsets">int32 [groups + 1]: group e has the rows from offsets[e] to offsets[e + 1]</param>
    public static Tensor GroupedBias(Tensor x, Tensor[] biases, Tensor offsets)
    {
        Check.Count(offsets, biases.Length + 1);
        foreach (Tensor bias in biases)
        {
            Check.Count(bias, x.Shape.Last);
        }
        if (offsets.Ints[0] != 0 || offsets.Ints[^1] != x.Shape.Rows)
        {
            throw new ArgumentException($"groups of rows {offsets.Ints[0]} to {offsets.Ints[^1]} do not cover x of {x.Shape}", nameof(offsets));
        }
        Device device = x.Device;
        Tensor y = device.Rent(x.Shape);
        GroupedBiasKernels.Forward(x, biases, offsets, y);
        bool wanted = device.Tape.Wants(x);
        for (int e = 0; e < biases.Length && !wanted; e++)
        {
            wanted = device.Tape.Wants(biases[e]);
        }
        if (wanted)
        {
            device.Tape.Record<GroupedBiasNode>(y).Set(x, biases, offsets);
        }
        return y;
    }

    private sealed class GroupedBiasNode : Node
    {
        private Tensor _x = null!, _offsets = null!;
        private Tensor[] _biases = null!;

        public void Set(Tensor x, Tensor[] biases, Tensor offsets) => (_x, _biases, _offsets) = (x, biases, offsets);

        internal override void Backward()
        {
            Tensor dy = OutputGrad;
            GroupedBiasKernels.Backward(dy, _biases, _offsets);
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

        internal override void Release() => (_x, _biases, _offsets) = (null!, null!, null!);
    }
}
