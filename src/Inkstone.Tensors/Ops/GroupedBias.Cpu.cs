namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.GroupedBias"/>. Rows of a group are added by one thread in ascending order.</summary>
internal static unsafe class GroupedBiasKernels
{
    public static void Forward(Tensor x, Tensor[] biases, Tensor offsets, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("grouped_bias.forward", bytes: 8.0 * x.Count);
        int* rows = offsets.I32;
        int width = x.Shape.Last;
        for (int e = 0; e < biases.Length; e++)
        {
            x.Device.Run(new AddKernel(x.F32 + (long)rows[e] * width, biases[e].F32, y.F32 + (long)rows[e] * width, width), rows[e + 1] - rows[e], 16);
        }
    }

    public static void Backward(Tensor dy, Tensor[] biases, Tensor offsets)
    {
        using Profile.Scope _ = dy.Device.Measure("grouped_bias.backward", bytes: 4.0 * dy.Count);
        int* rows = offsets.I32;
        int width = dy.Shape.Last;
        for (int e = 0; e < biases.Length; e++)
        {
            if (biases[e].RequiresGrad)
            {
                float* db = biases[e].AddGrad(out bool accumulate).F32;
                if (!accumulate)
                {
                    new Span<float>(db, width).Clear();
                }
                for (int row = rows[e]; row < rows[e + 1]; row++)
                {
                    Lanes.Add(db, dy.F32 + (long)row * width, width);
                }
            }
        }
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
}
