namespace Inkstone.Formats;

/// <summary>
/// How a tensor of a GGUF file lies in a parameter: the file's elements, in their order, are those of a box of <paramref name="Sizes"/>
/// whose element (i, j, …)
/// is element <paramref name="Offset"/> + i · <c>Strides[0]</c> + j · <c>Strides[1]</c> + … of the parameter. So a view permutes,
/// transposes, or takes a part.
/// </summary>
/// <param name="Shape">sizes of the file's tensor</param>
/// <param name="Sizes">the same elements, cut as the strides need it</param>
/// <param name="Strides">steps in the parameter</param>
/// <param name="Offset">first element in the parameter</param>
public sealed record GgufView(long[] Shape, long[] Sizes, long[] Strides, long Offset = 0)
{
    /// <summary>Added to the parameter's numbers before they are stored.</summary>
    public float Added { get; init; }

    /// <summary>By what rows are multiplied before they are stored, by their number; null: by nothing.</summary>
    public Func<long, float>? RowFactor { get; init; }

    /// <summary>The parameter as it is.</summary>
    public static GgufView Whole(long[] shape) => new(shape, shape, Contiguous(shape));

    /// <summary>Whether rows of the file are rows of the parameter, in whatever order, so that blocks may be copied.
    /// <paramref name="width"/>: of the parameter's rows.</summary>
    public bool KeepsRows(long width) =>
        Added == 0 && RowFactor is null && Strides.Length > 0 && Strides[^1] == 1 && Sizes[^1] == Shape[^1] && Shape[^1] == width;

    /// <summary>The element of the parameter that is the file's <paramref name="element"/>.</summary>
    public long Place(long element)
    {
        long place = Offset;
        for (int i = Sizes.Length - 1; i >= 0; i--)
        {
            (element, long at) = Math.DivRem(element, Sizes[i]);
            place += at * Strides[i];
        }
        return place;
    }

    /// <summary>Reads a row of the file out of a parameter.</summary>
    /// <param name="row">its number</param>
    /// <param name="element">an element of the parameter</param>
    /// <param name="target">the row</param>
    public void Gather(long row, Func<long, float> element, Span<float> target)
    {
        float factor = RowFactor?.Invoke(row) ?? 1;
        long place = 0,
            stride = Strides.Length == 0 ? 0 : Strides[^1];
        for (int i = 0, left = 0; i < target.Length; i++, left--, place += stride)
        {
            (place, left) = left == 0 ? (Place(row * target.Length + i), Stretch(target.Length)) : (place, left);
            target[i] = factor * element(place) + Added;
        }
    }

    /// <summary>Puts a row of the file where it belongs in a parameter.</summary>
    /// <param name="row">its number</param>
    /// <param name="source">the row</param>
    /// <param name="parameter">all of the parameter</param>
    public void Scatter(long row, ReadOnlySpan<float> source, Span<float> parameter)
    {
        float factor = RowFactor?.Invoke(row) ?? 1;
        long place = 0,
            stride = Strides.Length == 0 ? 0 : Strides[^1];
        for (int i = 0, left = 0; i < source.Length; i++, left--, place += stride)
        {
            (place, left) = left == 0 ? (Place(row * source.Length + i), Stretch(source.Length)) : (place, left);
            parameter[(int)place] = (source[i] - Added) / factor;
        }
    }

    /// <summary>How many elements of a row of <paramref name="width"/> lie one stride apart.</summary>
    private int Stretch(int width) => Sizes.Length == 0 ? 1 : (int)Math.Min(Sizes[^1], width);

    private static long[] Contiguous(long[] shape)
    {
        long[] strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }
}
