namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Rows of x by number, any of them several times: tokens that several texts share, or those that something is asked
    /// of.</summary>
    /// <remarks><code>
    /// forward   y_n = x[index_n]
    /// backward  dx[r] = Σ over n with index_n = r of dy_n, in the order of n
    /// </code></remarks>
    /// <param name="x">[..., C], float32 or bfloat16</param>
    /// <param name="index">int32 [N], numbers of rows of x</param>
    /// <returns>[N, C], float32</returns>
    public static Tensor GatherRows(Tensor x, Tensor index)
    {
        ReadOnlySpan<int> rows = index.Ints;
        for (int i = 0; i < rows.Length; i++)
        {
            if ((uint)rows[i] >= (uint)x.Shape.Rows)
            {
                throw new ArgumentOutOfRangeException(nameof(index), $"there is no row {rows[i]} in {x.Shape}");
            }
        }
        Tensor matrix = x.View(new Shape(x.Shape.Rows, x.Shape.Last));
        Tensor y = x.Device.Rent(new Shape(rows.Length, x.Shape.Last));
        EmbeddingKernels.Forward(matrix, index, y);
        if (x.Device.Tape.Wants(x))
        {
            x.Device.Tape.Record<EmbeddingNode>(y).Set(matrix, index);
        }
        return y;
    }
}
