namespace Inkstone.Tensors;

/// <summary>The same few dimensions of every head in two layouts. A head width of 0 means that all heads share one place.</summary>
internal readonly record struct HeadPart(int Row, int Head, int From, int TargetRow, int TargetHead, int TargetFrom, int Count)
{
    public HeadPart Reversed => new(TargetRow, TargetHead, TargetFrom, Row, Head, From, Count);
}

/// <summary>CPU kernels of <see cref="Ops.HeadColumns"/> and <see cref="Ops.JoinHeads"/>.</summary>
internal static unsafe class HeadPartKernels
{
    private const int GrainElements = 8192;

    /// <summary>Copies or adds the part from one layout to the other; heads are taken in order, so a shared target is summed in one
    /// order.</summary>
    public static void Copy(string name, Tensor source, Tensor target, HeadPart part, int heads, bool accumulate)
    {
        using Profile.Scope _ = source.Device.Measure(name, bytes: 8.0 * source.Shape.Rows * heads * part.Count);
        source.Device.Run(
            new Kernel(source.F32, target.F32, part, heads, accumulate),
            source.Shape.Rows,
            Math.Max(1, GrainElements / (heads * part.Count))
        );
    }

    public static void Clear(Tensor tensor)
    {
        using Profile.Scope _ = tensor.Device.Measure("clear", bytes: 4.0 * tensor.Count);
        tensor.Device.Run(
            new ClearKernel(tensor.F32, tensor.Shape.Last),
            tensor.Shape.Rows,
            Math.Max(1, GrainElements / Math.Max(1, tensor.Shape.Last))
        );
    }

    private readonly struct Kernel(float* source, float* target, HeadPart part, int heads, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* from = source + (long)row * part.Row + part.From,
                    to = target + (long)row * part.TargetRow + part.TargetFrom;
                for (int h = 0; h < heads; h++, from += part.Head, to += part.TargetHead)
                {
                    if (accumulate)
                    {
                        Lanes.Add(to, from, part.Count);
                    }
                    else
                    {
                        new ReadOnlySpan<float>(from, part.Count).CopyTo(new Span<float>(to, part.Count));
                    }
                }
            }
        }
    }

    private readonly struct ClearKernel(float* values, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker) => new Span<float>(values + (long)start * width, (end - start) * width).Clear();
    }
}
