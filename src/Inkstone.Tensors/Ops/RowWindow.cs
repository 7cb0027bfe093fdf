namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Neighbouring tokens of each sequence, cut out.</summary>
    /// <remarks><code>
    /// forward   y_b = x_b[from, from + count)
    /// backward  dx_b[from, from + count) = dy_b, zero elsewhere
    /// </code></remarks>
    /// <param name="x">[B, T, C]</param>
    /// <param name="from">first token</param>
    /// <param name="count">number of tokens</param>
    /// <returns>[B, count, C]</returns>
    public static Tensor RowWindow(Tensor x, int from, int count)
    {
        if (x.Shape.Rank != 3 || from < 0 || count <= 0 || from + count > x.Shape[1])
        {
            throw new ArgumentException($"x of shape {x.Shape} has no tokens {from} to {from + count - 1} in each sequence", nameof(x));
        }
        // A sequence is one row of T·C numbers; its window is a part of it.
        Shape rows = new(x.Shape[0], x.Shape[1] * x.Shape[2]);
        return HeadColumns(x.View(rows), 1, from * x.Shape[2], count * x.Shape[2]).View(new Shape(x.Shape[0], count, x.Shape[2]));
    }

    /// <summary>Some neighbouring rows of <paramref name="x"/>, [count, W]; shares memory, without gradient.</summary>
    /// <param name="x">[..., W]</param>
    /// <param name="from">first row</param>
    /// <param name="count">number of rows</param>
    public static Tensor RowSlice(Tensor x, int from, int count)
    {
        if (from < 0 || count <= 0 || from > x.Shape.Rows - count)
        {
            throw new ArgumentException($"x of shape {x.Shape} has no rows {from} to {from + (long)count - 1}", nameof(x));
        }
        Tensor view = x.Device.Arena.RentView(x.Source, new Shape(count, x.Shape.Last), x.DType.Bytes((long)from * x.Shape.Last));
        view.RequiresGrad = false;
        return view;
    }
}
