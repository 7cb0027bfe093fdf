using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.Sum"/>, <see cref="Ops.Mean"/> and <see cref="Ops.SumLast"/>.</summary>
internal static unsafe class SumKernels
{
    private const int RowGrainElements = 16384;

    /// <summary>Fixed blocks are summed apart, then in order in double precision, whatever the thread count.</summary>
    public static void All(Tensor x, double factor, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("sum.forward", bytes: 4.0 * x.Count);
        int blocks = ElementwiseKernels.Blocks(x.Count);
        Tensor partial = x.Device.Rent(new Shape(Math.Max(blocks, 1))); // [blocks]
        float* sums = partial.F32;
        ElementwiseKernels.Run(x.Device, new BlockSum(x.F32, sums, x.Count), x.Count);
        double total = 0;
        for (int i = 0; i < blocks; i++)
        {
            total += sums[i];
        }
        y.F32[0] = (float)(total * factor);
        partial.Release();
    }

    public static void SpreadAll(Tensor x, float gradient)
    {
        using Profile.Scope _ = x.Device.Measure("sum.backward", bytes: 4.0 * x.Count);
        Tensor dx = x.AddGrad(out bool accumulate);
        ElementwiseKernels.Run(x.Device, new BlockSpread(gradient, dx.F32, x.Count, accumulate), x.Count);
    }

    public static void Rows(Tensor x, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("sum_last.forward", bytes: 4.0 * x.Count);
        x.Device.Run(new RowSums(x.F32, y.F32, x.Shape.Last), x.Shape.Rows, RowGrain(x.Shape.Last));
    }

    public static void SpreadRows(Tensor dy, Tensor x)
    {
        using Profile.Scope _ = x.Device.Measure("sum_last.backward", bytes: 4.0 * x.Count);
        Tensor dx = x.AddGrad(out bool accumulate);
        x.Device.Run(new RowSpread(dy.F32, dx.F32, x.Shape.Last, accumulate), x.Shape.Rows, RowGrain(x.Shape.Last));
    }

    private static int RowGrain(int width) => Math.Max(1, RowGrainElements / Math.Max(1, width));

    private static void Spread(float gradient, float* dx, int count, bool accumulate)
    {
        Vector512<float> g = Vector512.Create(gradient);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            (accumulate ? g + Vector512.Load(dx + i) : g).Store(dx + i);
        }
        for (; i < count; i++)
        {
            dx[i] = accumulate ? gradient + dx[i] : gradient;
        }
    }

    private readonly struct BlockSum(float* x, float* sums, long count) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int block = start; block < end; block++)
            {
                long at = (long)block * ElementwiseKernels.Block;
                sums[block] = Lanes.Sum(x + at, (int)Math.Min(ElementwiseKernels.Block, count - at));
            }
        }
    }

    private readonly struct BlockSpread(float gradient, float* dx, long count, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int block = start; block < end; block++)
            {
                long at = (long)block * ElementwiseKernels.Block;
                Spread(gradient, dx + at, (int)Math.Min(ElementwiseKernels.Block, count - at), accumulate);
            }
        }
    }

    private readonly struct RowSums(float* x, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                y[row] = Lanes.Sum(x + (long)row * width, width);
            }
        }
    }

    private readonly struct RowSpread(float* dy, float* dx, int width, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                Spread(dy[row], dx + (long)row * width, width, accumulate);
            }
        }
    }
}
