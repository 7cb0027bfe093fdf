namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Each head of a followed by b, which all heads share: keys of multi-head latent attention (arXiv:2405.04434); with one head,
    /// concatenation.</summary>
    /// <remarks><code>
    /// forward   y_h = [a_h[0, Da), b]
    /// backward  da_h[0, Da) = dy_h[0, Da), zero elsewhere        db = Σ_h dy_h[Da, Da + Db)
    /// </code></remarks>
    /// <param name="a">[..., H·D]</param>
    /// <param name="heads">H</param>
    /// <param name="count">Da, leading dimensions of each head of a that are taken</param>
    /// <param name="b">[..., Db]</param>
    /// <returns>[..., H·(Da + Db)]</returns>
    public static Tensor JoinHeads(Tensor a, int heads, int count, Tensor b)
    {
        if (heads <= 0 || a.Shape.Last % heads != 0 || count <= 0 || count > a.Shape.Last / heads || a.Shape.Rows != b.Shape.Rows)
        {
            throw new ArgumentException(
                $"{heads} heads of a {a.Shape}, {count} dimensions of each, cannot be joined with b {b.Shape}",
                nameof(a)
            );
        }
        int width = count + b.Shape.Last;
        HeadPart own = new(a.Shape.Last, a.Shape.Last / heads, 0, heads * width, width, 0, count);
        HeadPart shared = new(b.Shape.Last, 0, 0, heads * width, width, count, b.Shape.Last);
        Tensor y = a.Device.Rent(a.Shape.WithLast(heads * width)); // [..., H·(Da + Db)]
        HeadPartKernels.Copy("join_heads.forward", a, y, own, heads, accumulate: false);
        HeadPartKernels.Copy("join_heads.forward", b, y, shared, heads, accumulate: false);
        if (a.Device.Tape.Wants(a, b))
        {
            a.Device.Tape.Record<JoinHeadsNode>(y).Set(a, b, own, shared, heads);
        }
        return y;
    }

    private sealed class JoinHeadsNode : Node
    {
        private Tensor _a = null!,
            _b = null!;
        private HeadPart _own,
            _shared;
        private int _heads;

        public void Set(Tensor a, Tensor b, HeadPart own, HeadPart shared, int heads) =>
            (_a, _b, _own, _shared, _heads) = (a, b, own, shared, heads);

        internal override void Backward()
        {
            if (_a.RequiresGrad)
            {
                Spread(_a, _own);
            }
            if (_b.RequiresGrad)
            {
                Spread(_b, _shared);
            }
        }

        private void Spread(Tensor input, HeadPart part)
        {
            Tensor gradient = input.AddGrad(out bool accumulate);
            if (!accumulate)
            {
                HeadPartKernels.Clear(gradient);
            }
            HeadPartKernels.Copy("join_heads.backward", OutputGrad, gradient, part.Reversed, _heads, accumulate: true);
        }

        internal override void Release() => (_a, _b) = (null!, null!);
    }
}
