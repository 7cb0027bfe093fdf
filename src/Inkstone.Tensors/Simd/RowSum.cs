namespace Inkstone.Tensors;

/// <summary>One row's contribution to a sum over rows.</summary>
internal unsafe interface IRowTerm
{
    /// <summary>Adds row <paramref name="row"/>'s term to <paramref name="sum"/>.</summary>
    void AddTo(float* sum, int row);
}

/// <summary>The rows of an array themselves: the gradient of a bias.</summary>
internal readonly unsafe struct RowValues(float* rows, int width) : IRowTerm
{
    public void AddTo(float* sum, int row) => Lanes.Add(sum, rows + (long)row * width, width);
}

/// <summary>Sums over rows (gradients of norm weights and biases): fixed groups of rows are summed apart, then in order, whatever the
/// thread count.</summary>
internal static unsafe class RowSum
{
    private const int GroupRows = 64;

    /// <summary>target[0..width) = (accumulate ? target : 0) + Σ_rows term(row).</summary>
    public static void Run<TTerm>(Device device, TTerm term, int rows, int width, float* target, bool accumulate)
        where TTerm : unmanaged, IRowTerm
    {
        int groups = (rows + GroupRows - 1) / GroupRows;
        Tensor partial = device.Rent(new Shape(Math.Max(groups, 1), width));
        float* sums = partial.F32;
        device.Run(new GroupKernel<TTerm>(term, rows, width, sums), groups, 1);
        for (int i = 0; i < width; i++)
        {
            float total = accumulate ? target[i] : 0;
            for (int g = 0; g < groups; g++)
            {
                total += sums[(long)g * width + i];
            }
            target[i] = total;
        }
        partial.Release();
    }

    private readonly struct GroupKernel<TTerm>(TTerm term, int rows, int width, float* sums) : IRangeKernel
        where TTerm : unmanaged, IRowTerm
    {
        public void Run(int start, int end, int worker)
        {
            for (int group = start; group < end; group++)
            {
                float* sum = sums + (long)group * width;
                new Span<float>(sum, width).Clear();
                int last = Math.Min(rows, (group + 1) * GroupRows);
                for (int row = group * GroupRows; row < last; row++)
                {
                    term.AddTo(sum, row);
                }
            }
        }
    }
}
