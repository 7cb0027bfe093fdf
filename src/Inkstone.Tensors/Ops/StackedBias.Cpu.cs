namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.StackedBias"/>. Rows of a group are added by one thread in ascending order.</summary>
internal static unsafe class StackedBiasKernels
{
    public static void Forward(Tensor x, Tensor bias, Tensor offsets, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("stacked_bias.forward", bytes: 8.0 * x.Count);
        int* rows = offsets.I32;
        int width = x.Shape.Last;
        for (int e = 0; e < bias.Shape[0]; e++)
        {
            long at = (long)rows[e] * width;
            x.Device.Run(new AddKernel(x.F32 + at, bias.F32 + (long)e * width, y.F32 + at, width), rows[e + 1] - rows[e], 16);
        }
    }

    public static void BackwardBias(Tensor dy, Tensor bias, Tensor offsets)
    {
        using Profile.Scope _ = dy.Device.Measure("stacked_bias.backward", bytes: 4.0 * dy.Count);
        float* db = bias.AddGrad(out bool accumulate).F32;
        dy.Device.Run(new SumKernel(dy.F32, offsets.I32, db, dy.Shape.Last, accumulate), bias.Shape[0], 1);
    }

    private readonly struct AddKernel(float* x, float* bias, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* target = y + (long)row * width;
                new ReadOnlySpan<float>(x + (long)row * width, width).CopyTo(new Span<float>(target, width));
                Lanes.Add(target, bias, width);
            }
        }
    }

    private readonly struct SumKernel(float* dy, int* rows, float* db, int width, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int e = start; e < end; e++)
            {
                float* target = db + (long)e * width;
                if (!accumulate)
                {
                    new Span<float>(target, width).Clear();
                }
                for (int row = rows[e]; row < rows[e + 1]; row++)
                {
                    Lanes.Add(target, dy + (long)row * width, width);
                }
            }
        }
    }
}
