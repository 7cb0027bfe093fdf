namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.Columns"/>: rows are shared out, each run is a copy.</summary>
internal static unsafe class ColumnsKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, ColumnRuns columns, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("columns.forward", bytes: 8.0 * y.Count);
        x.Device.Run(new ForwardKernel(x.F32, x.Shape.Last, columns, y.F32), x.Shape.Rows, Grain);
    }

    public static void Backward(Tensor dy, Tensor x, ColumnRuns columns)
    {
        using Profile.Scope _ = x.Device.Measure("columns.backward", bytes: 8.0 * dy.Count);
        Tensor dx = x.AddGrad(out bool accumulate);
        x.Device.Run(new BackwardKernel(dy.F32, columns, dx.F32, x.Shape.Last, accumulate), x.Shape.Rows, Grain);
    }

    private readonly struct ForwardKernel(float* x, int width, ColumnRuns columns, float* y) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* target = y + (long)start * columns.Width;
            for (int row = start; row < end; row++)
            {
                foreach ((int first, int count) in columns.Runs)
                {
                    new ReadOnlySpan<float>(x + (long)row * width + first, count).CopyTo(new Span<float>(target, count));
                    target += count;
                }
            }
        }
    }

    private readonly struct BackwardKernel(float* dy, ColumnRuns columns, float* dx, int width, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* source = dy + (long)start * columns.Width;
            for (int row = start; row < end; row++)
            {
                float* target = dx + (long)row * width;
                if (!accumulate && columns.Width < width)
                {
                    new Span<float>(target, width).Clear();
                }
                foreach ((int first, int count) in columns.Runs)
                {
                    if (accumulate)
                    {
                        Lanes.Add(target + first, source, count);
                    }
                    else
                    {
                        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target + first, count));
                    }
                    source += count;
                }
            }
        }
    }
}
