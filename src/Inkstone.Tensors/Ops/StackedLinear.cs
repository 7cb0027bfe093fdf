namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>A linear map per group of rows whose weights are one tensor, all of them as one job: <see cref="GroupedLinear"/> for
    /// checkpoints that stack experts.</summary>
    /// <remarks><code>
    /// forward   y_e  = x_e · W_eᵀ        or, inputs first,  x_e · W_e
    /// backward  dx_e = dy_e · W_e        dW_e = dy_eᵀ · x_e        or their transposes
    /// </code></remarks>
    /// <param name="x">[S, K], rows sorted by group</param>
    /// <param name="weight">[E, N, K], or [E, K, N] where inputs come first</param>
    /// <param name="offsets">int32 [E + 1]: group e has the rows from offsets[e] to offsets[e + 1]</param>
    /// <param name="inputsFirst">how a weight lies</param>
    /// <returns>[S, N]</returns>
    public static Tensor StackedLinear(Tensor x, Tensor weight, Tensor offsets, bool inputsFirst = false)
    {
        if (weight.Shape.Rank != 3)
        {
            throw new ArgumentException($"stacked weights have three dimensions, not {weight.Shape}", nameof(weight));
        }
        Check.Last(x, weight.Shape[inputsFirst ? 1 : 2], nameof(x));
        CheckGroups(x, offsets, weight.Shape[0]);
        Tensor y = x.Device.Rent(x.Shape.WithLast(weight.Shape[inputsFirst ? 2 : 1])); // [S, N]
        StackedLinearKernels.Forward(x, weight, offsets, inputsFirst, y);
        if (x.Device.Tape.Wants(x, weight))
        {
            x.Device.Tape.Record<StackedLinearNode>(y).Set(x, weight, offsets, inputsFirst);
        }
        return y;
    }

    private sealed class StackedLinearNode : Node
    {
        private Tensor _x = null!,
            _weight = null!,
            _offsets = null!;
        private bool _inputsFirst;

        public void Set(Tensor x, Tensor weight, Tensor offsets, bool inputsFirst) =>
            (_x, _weight, _offsets, _inputsFirst) = (x, weight, offsets, inputsFirst);

        internal override void Backward() => StackedLinearKernels.Backward(OutputGrad, _x, _weight, _offsets, _inputsFirst);

        internal override void Release() => (_x, _weight, _offsets) = (null!, null!, null!);
    }
}
