using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.Embedding"/>. C: row length.</summary>
internal static unsafe class EmbeddingKernels
{
    private const int RowGrain = 32;
    private const int Columns = 64;

    public static void Forward(Tensor weight, Tensor ids, Tensor y)
    {
        using Profile.Scope _ = y.Device.Measure("embedding.forward", bytes: 8.0 * y.Count);
        int rows = checked((int)ids.Count), width = weight.Shape.Last;
        if (weight.DType != DType.Float32)
        {
            y.Device.Run(new GatherDecoded(MatrixView.Of(weight), ids.I32, y.F32, width), rows, RowGrain);
        }
        else
        {
            y.Device.Run(new Gather(weight.F32, ids.I32, y.F32, width), rows, RowGrain);
        }
    }

    /// <summary>
    /// Each unit of work owns a band of <see cref="Columns"/> columns and walks all ids in order: no two threads meet, every sum has one order,
    /// and only the rows that occur are touched once the gradient exists.
    /// </summary>
    public static void Backward(Tensor dy, Tensor weight, Tensor ids)
    {
        using Profile.Scope _ = dy.Device.Measure("embedding.backward", bytes: 12.0 * dy.Count);
        Tensor dw = weight.AddGrad(out bool accumulate);
        if (!accumulate)
        {
            ElementwiseKernels.Run(dw.Device, new ClearKernel(dw.F32, dw.Count), dw.Count);
        }
        int width = weight.Shape.Last;
        dy.Device.Run(new ScatterAdd(dy.F32, ids.I32, checked((int)ids.Count), dw.F32, width), (width + Columns - 1) / Columns, 1);
    }

    private readonly struct Gather(float* weight, int* ids, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                new ReadOnlySpan<float>(weight + (long)ids[row] * width, width).CopyTo(new Span<float>(y + (long)row * width, width));
            }
        }
    }

    /// <summary>Rows of bfloat16 or of quantised blocks.</summary>
    private readonly struct GatherDecoded(MatrixView weight, int* ids, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                RowDecoder.Decode(weight.At(ids[row], 0), width, y + (long)row * width);
            }
        }
    }

    private readonly struct ClearKernel(float* x, long count) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long at = (long)start * ElementwiseKernels.Block, last = Math.Min(count, (long)end * ElementwiseKernels.Block);
            System.Runtime.InteropServices.NativeMemory.Clear(x + at, (nuint)(last - at) * sizeof(float));
        }
    }

    private readonly struct ScatterAdd(float* dy, int* ids, int rows, float* dw, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int first = start * Columns, last = Math.Min(width, end * Columns);
            for (int row = 0; row < rows; row++)
            {
                float* from = dy + (long)row * width, to = dw + (long)ids[row] * width;
                int i = first;
                for (; i <= last - 16; i += 16)
                {
                    (Vector512.Load(to + i) + Vector512.Load(from + i)).Store(to + i);
                }
                for (; i < last; i++)
                {
                    to[i] += from[i];
                }
            }
        }
    }
}
