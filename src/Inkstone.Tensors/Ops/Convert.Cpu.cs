namespace Inkstone.Tensors;

/// <summary>The same numbers in another type, float32 or bfloat16.</summary>
internal static unsafe class ConvertKernels
{
    public static void Run(Tensor from, Tensor to)
    {
        using Profile.Scope _ = from.Device.Measure("convert", bytes: 6.0 * from.Count);
        ElementwiseKernels.Run(from.Device, new Kernel(new(from), new(to), from.Count), from.Count);
    }

    private readonly struct Kernel(Elements from, Elements to, long count) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long i = (long)start * ElementwiseKernels.Block,
                last = Math.Min(count, (long)end * ElementwiseKernels.Block);
            for (; i <= last - 16; i += 16)
            {
                to.Store(from.Load(i), i);
            }
            to.StorePart(from.LoadPart(i, (int)(last - i)), i, (int)(last - i));
        }
    }
}
