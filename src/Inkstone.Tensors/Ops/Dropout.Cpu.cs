namespace Inkstone.Tensors;

/// <summary>CPU kernel of <see cref="Ops.Dropout"/>; forward and backward are the same masking.</summary>
internal static unsafe class DropoutKernels
{
    public static void Forward(Tensor x, float p, PhiloxRandom random, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("dropout.forward", bytes: 8.0 * x.Count);
        ElementwiseKernels.Run(x.Device, new MaskKernel(new(x), new(y), x.Count, p, random, accumulate: false), x.Count);
    }

    public static void Backward(Tensor dy, float p, PhiloxRandom random, Tensor dx, bool accumulate)
    {
        using Profile.Scope _ = dy.Device.Measure("dropout.backward", bytes: 8.0 * dy.Count);
        ElementwiseKernels.Run(dy.Device, new MaskKernel(new(dy), new(dx), dy.Count, p, random, accumulate), dy.Count);
    }

    private readonly struct MaskKernel(Elements x, Elements y, long count, float p, PhiloxRandom random, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float scale = 1 / (1 - p);
            Elements target = y;
            long last = Math.Min(count, (long)end * ElementwiseKernels.Block);
            uint* bits = stackalloc uint[4];
            for (long i = (long)start * ElementwiseKernels.Block; i < last; i += 4)
            {
                (bits[0], bits[1], bits[2], bits[3]) = random.Block((ulong)i >> 2);   // four numbers a counter, as PhiloxRandom.Uniform deals them
                int lanes = (int)Math.Min(4, last - i);
                for (int lane = 0; lane < lanes; lane++)
                {
                    float kept = PhiloxRandom.ToUniform(bits[lane]) >= p ? x[i + lane] * scale : 0;
                    target[i + lane] = accumulate ? kept + target[i + lane] : kept;
                }
            }
        }
    }
}
