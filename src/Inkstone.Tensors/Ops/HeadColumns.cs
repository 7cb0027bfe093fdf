namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Some neighbouring dimensions of each head, cut out.</summary>
    /// <remarks><code>
    /// forward   y_h = x_h[from, from + count)
    /// backward  dx_h[from, from + count) = dy_h, zero elsewhere
    /// </code></remarks>
    /// <param name="x">[..., H·D]</param>
    /// <param name="heads">H</param>
    /// <param name="from">first dimension</param>
    /// <param name="count">number of dimensions</param>
    /// <returns>[..., H·count]</returns>
    public static Tensor HeadColumns(Tensor x, int heads, int from, int count)
    {
        if (heads <= 0 || x.Shape.Last % heads != 0 || from < 0 || count <= 0 || from + count > x.Shape.Last / heads)
        {
            throw new ArgumentException(
                $"x of shape {x.Shape} with {heads} heads has no dimensions {from} to {from + count - 1} in each",
                nameof(from)
            );
        }
        HeadPart part = new(x.Shape.Last, x.Shape.Last / heads, from, heads * count, count, 0, count);
        Tensor y = x.Device.Rent(x.Shape.WithLast(heads * count)); // [..., H·count]
        HeadPartKernels.Copy("head_columns.forward", x, y, part, heads, accumulate: false);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<HeadColumnsNode>(y).Set(x, part, heads);
        }
        return y;
    }

    private sealed class HeadColumnsNode : Node
    {
        private Tensor _x = null!;
        private HeadPart _part;
        private int _heads;

        public void Set(Tensor x, HeadPart part, int heads) => (_x, _part, _heads) = (x, part, heads);

        internal override void Backward()
        {
            Tensor dx = _x.AddGrad(out bool accumulate);
            if (!accumulate)
            {
                HeadPartKernels.Clear(dx);
            }
            HeadPartKernels.Copy("head_columns.backward", OutputGrad, dx, _part.Reversed, _heads, accumulate: true);
        }

        internal override void Release() => _x = null!;
    }
}
