namespace Inkstone.Tensors;

/// <summary>Products of a head whose logits are held for a run of rows at a time. x: [N, C] hidden states, W: [V, C], z: [rows, V].</summary>
internal static unsafe class HeadProducts
{
    /// <summary>z = x Wᵀ for <paramref name="rows"/> rows behind <paramref name="from"/>.</summary>
    public static void Logits(Tensor x, Tensor weight, int from, int rows, Tensor z)
    {
        (int width, int vocabulary) = (x.Shape.Last, weight.Shape[0]);
        MatMul.Run(
            x.Device,
            MatrixView.Rows(x.F32 + (long)from * width, width),
            MatrixView.Of(weight).T,
            rows,
            vocabulary,
            width,
            z.F32,
            vocabulary
        );
    }

    /// <summary>dx = z W in those rows; dW += zᵀ x, which the first run overwrites.</summary>
    public static void Gradients(Tensor x, Tensor weight, int from, int rows, Tensor z, Tensor? dx, Tensor? dw)
    {
        (int width, int vocabulary) = (x.Shape.Last, weight.Shape[0]);
        MatrixView rowsOfZ = MatrixView.Rows(z.F32, vocabulary);
        if (dw is not null)
        {
            MatMul.Run(
                x.Device,
                rowsOfZ.T,
                MatrixView.Rows(x.F32 + (long)from * width, width),
                vocabulary,
                width,
                rows,
                dw.F32,
                width,
                from > 0 ? dw.F32 : null,
                width
            );
        }
        if (dx is not null)
        {
            MatMul.Run(x.Device, rowsOfZ, MatrixView.Of(weight), rows, width, vocabulary, dx.F32 + (long)from * width, width);
        }
    }
}
