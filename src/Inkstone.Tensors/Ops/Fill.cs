namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>Sets every element of a float32 tensor; not recorded.</summary>
    public static void Fill(Tensor x, float value) => x.Span.Fill(value);

    /// <summary>x[part] = rowsᵀ: fills one matrix of a stack [P, K, N], in float32 or bfloat16, from <paramref name="rows"/> [N, K]; not
    /// recorded.</summary>
    public static void FillTransposed(Tensor x, int part, ReadOnlySpan<float> rows, int n)
    {
        int k = rows.Length / n;
        if (x.Shape.Rank != 3 || x.Shape[1] != k || x.Shape[2] != n || part < 0 || part >= x.Shape[0])
        {
            throw new ArgumentException($"part {part} of {x.Shape} is not [{k}, {n}]", nameof(x));
        }
        long start = (long)part * k * n;
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < n; j++)
            {
                Store(x, start + (long)i * n + j, rows[j * k + i]);
            }
        }

        static unsafe void Store(Tensor x, long at, float value)
        {
            if (x.DType == DType.Float32)
            {
                x.F32[at] = value;
            }
            else
            {
                x.B16[at] = BFloat16Bits.FromFloat(value);
            }
        }
    }
}
