namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rotary positions (arXiv:2104.09864) on d dimensions of each head, d the table's rotary dimensions; the rest of a head
    /// passes unchanged.</summary>
    /// <remarks><code>
    /// forward   y_a = x_a · cos θ_i − x_b · sin θ_i        y_b = x_b · cos θ_i + x_a · sin θ_i        θ_i = position · inverse frequency_i
    /// backward  the rotation by −θ
    /// </code>
    /// Pair i is (a, b) = (i, i + d/2), or (2i, 2i + 1) where the checkpoint interleaves them.</remarks>
    /// <param name="x">[B, T, H·D]</param>
    /// <param name="heads">H</param>
    /// <param name="positions">int32 [B, T]</param>
    /// <param name="table">frequencies</param>
    /// <param name="from">first rotated dimension of a head</param>
    /// <param name="interleaved">whether pairs are neighbours</param>
    /// <param name="back">turns by −θ: sums of values that were turned, back to the query's place</param>
    public static Tensor Rope(
        Tensor x,
        int heads,
        Tensor positions,
        RotaryTable table,
        int from = 0,
        bool interleaved = false,
        bool back = false
    )
    {
        CheckRope(x, heads, positions, table, from);
        Tensor y = x.Device.Rent(x.Shape); // [B, T, H·D]
        table = table.ForLength(RopeKernels.LastPosition(positions) + 1);
        RopePairs pairs = new(heads, from, interleaved);
        RopeKernels.Rotate("rope.forward", x, y, pairs, positions, table, backwards: back, accumulate: false);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<RopeNode>(y).Set(x, pairs, positions, table, back);
        }
        return y;
    }

    /// <summary>The same for sequences of which more is still to come, with a table that depends on the length of the whole text. Not
    /// recorded.</summary>
    /// <param name="x">[1, ΣT, H·D]</param>
    /// <param name="heads">H</param>
    /// <param name="positions">int32 [1, ΣT]</param>
    /// <param name="table">frequencies</param>
    /// <param name="rows">which sequence each token belongs to</param>
    /// <param name="lengths">int32 [N]: tokens of each whole text</param>
    /// <param name="from">first rotated dimension of a head</param>
    /// <param name="interleaved">whether pairs are neighbours</param>
    public static unsafe Tensor Rope(
        Tensor x,
        int heads,
        Tensor positions,
        RotaryTable table,
        RaggedRows rows,
        Tensor lengths,
        int from = 0,
        bool interleaved = false
    )
    {
        CheckRope(x, heads, positions, table, from);
        rows.Check(x.Shape.Rows);
        Check.Count(lengths, rows.Count);
        if (x.Device.Tape.Wants(x, x))
        {
            throw new ArgumentException("positions of texts that are still to come have no backward pass", nameof(x));
        }
        Tensor y = x.Device.Rent(x.Shape);
        for (int i = 0; i < rows.Count; i++)
        {
            RopeKernels.Rotate(
                "rope.forward",
                x,
                y,
                new RopePairs(heads, from, interleaved),
                positions,
                table.ForLength(lengths.I32[i]),
                backwards: false,
                accumulate: false,
                rows.Starts.I32[i],
                rows.Starts.I32[i + 1]
            );
        }
        return y;
    }

    private static void CheckRope(Tensor x, int heads, Tensor positions, RotaryTable table, int from)
    {
        Check.Count(positions, x.Shape.Rows);
        if (heads <= 0 || x.Shape.Last % heads != 0 || from < 0 || x.Shape.Last / heads < from + table.RotaryDim)
        {
            throw new ArgumentException(
                $"x of shape {x.Shape} must hold {heads} heads of at least {from + table.RotaryDim} dimensions side by side",
                nameof(heads)
            );
        }
    }

    private sealed class RopeNode : Node
    {
        private Tensor _x = null!,
            _positions = null!;
        private RotaryTable _table = null!;
        private RopePairs _pairs;
        private bool _back;

        public void Set(Tensor x, RopePairs pairs, Tensor positions, RotaryTable table, bool back) =>
            (_x, _pairs, _positions, _table, _back) = (x, pairs, positions, table, back);

        internal override void Backward()
        {
            // A pair's gradient depends on the same pair of the output's gradient alone, and a kernel reads a pair before it writes it.
            Tensor dy = OutputGrad,
                dx = TakeGrad(Output, _x, out bool accumulate);
            RopeKernels.Rotate("rope.backward", dy, dx, _pairs, _positions, _table, backwards: !_back, accumulate);
        }

        internal override void Release() => (_x, _positions, _table) = (null!, null!, null!);
    }
}

/// <summary>Where the rotated pairs of a row lie: in each of its heads, from a dimension on, apart or side by side.</summary>
internal readonly record struct RopePairs(int Heads, int From = 0, bool Interleaved = false);
