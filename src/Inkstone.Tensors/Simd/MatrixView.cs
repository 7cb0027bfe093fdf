namespace Inkstone.Tensors;

/// <summary>A matrix in memory, one of whose two strides is 1: transposing is swapping the strides.</summary>
internal readonly unsafe struct MatrixView(byte* pointer, DType type, nint rowStride, nint columnStride, nint offset = 0)
{
    /// <summary>First element; in a quantised matrix the first block, from which <see cref="Offset"/> is counted.</summary>
    public byte* Pointer => pointer;

    /// <summary>Elements before the first one of this view, in a quantised matrix; else 0.</summary>
    public nint Offset => offset;

    /// <summary>float32, bfloat16 or, on the right of a product, quantised.</summary>
    public DType Type => type;

    /// <summary>Elements from one row to the next.</summary>
    public nint RowStride => rowStride;

    /// <summary>Elements from one column to the next.</summary>
    public nint ColumnStride => columnStride;

    /// <summary>The transposed view.</summary>
    public MatrixView T => new(pointer, type, columnStride, rowStride, offset);

    /// <summary>A row-major float matrix whose rows are <paramref name="stride"/> apart.</summary>
    public static MatrixView Rows(float* pointer, nint stride) => new((byte*)pointer, DType.Float32, stride, 1);

    /// <summary>A tensor seen as [rows, last dimension].</summary>
    public static MatrixView Of(Tensor tensor) => new(tensor.Pointer, tensor.DType, tensor.Shape.Last, 1);

    /// <summary>The view whose first element is (row, column) of this one.</summary>
    public MatrixView From(nint row, nint column) =>
        type.IsQuantised()
            ? new(pointer, type, rowStride, columnStride, offset + row * rowStride + column * columnStride)
            : new(pointer + (row * rowStride + column * columnStride) * type.Size(), type, rowStride, columnStride);
}
