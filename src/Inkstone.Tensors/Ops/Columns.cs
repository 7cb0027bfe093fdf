namespace Inkstone.Tensors;

/// <summary>Which columns of a matrix are taken, as runs in the order of the result.</summary>
public sealed class ColumnRuns
{
    private readonly (int First, int Count)[] _runs;

    /// <summary>The runs themselves.</summary>
    public ColumnRuns(params IEnumerable<(int First, int Count)> runs)
    {
        _runs = [.. runs];
        Width = _runs.Sum(run => run.Count);
        End = _runs.Max(run => run.First + run.Count);
    }

    /// <summary>From each of <paramref name="heads"/> heads, <paramref name="stride"/> columns apart, <paramref name="count"/> columns from
    /// <paramref name="first"/> on.</summary>
    public static IEnumerable<(int First, int Count)> OfHeads(int heads, int stride, int first, int count) =>
        Enumerable.Range(0, heads).Select(h => (h * stride + first, count));

    /// <summary>Columns of the result.</summary>
    public int Width { get; }

    /// <summary>One past the last column taken.</summary>
    internal int End { get; }

    internal ReadOnlySpan<(int First, int Count)> Runs => _runs;
}

public static partial class Ops
{
    /// <summary>Some columns of x, in another order: parts of a projection that lie interleaved by head.</summary>
    /// <remarks><code>
    /// forward   y  = x[:, columns]
    /// backward  dx[:, columns] = dy, 0 elsewhere
    /// </code></remarks>
    /// <param name="x">[..., C]</param>
    /// <param name="columns">which; none twice</param>
    public static Tensor Columns(Tensor x, ColumnRuns columns)
    {
        if (columns.End > x.Shape.Last)
        {
            throw new ArgumentException($"columns up to {columns.End} cannot be taken from {x.Shape}", nameof(columns));
        }
        Tensor y = x.Device.Rent(x.Shape.WithLast(columns.Width));
        ColumnsKernels.Forward(x, columns, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<ColumnsNode>(y).Set(x, columns);
        }
        return y;
    }

    private sealed class ColumnsNode : Node
    {
        private Tensor _x = null!;
        private ColumnRuns _columns = null!;

        public void Set(Tensor x, ColumnRuns columns) => (_x, _columns) = (x, columns);

        internal override void Backward() => ColumnsKernels.Backward(OutputGrad, _x, _columns);

        internal override void Release() => _x = null!;
    }
}
