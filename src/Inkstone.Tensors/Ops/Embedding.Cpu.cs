using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <c>Ops.Embedding</c>. C: row length.</summary>
internal static unsafe class EmbeddingKernels
{
    private const int RowGrain = 32;
    private const int Columns = 64;

    public static void Forward(Tensor weight, Tensor ids, Tensor y)
    {
        using Profile.Scope _ = y.Device.Measure("embedding.forward", bytes: 8.0 * y.Count);
        int rows = checked((int)ids.Count),
            width = weight.Shape.Last;
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
    /// Each unit of work owns a band of <see cref="Columns"/> columns and walks all ids in order: no two threads meet, every sum has one
    /// order,
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

    /// <summary>The same of a table in parts.</summary>
    public static void Forward(Tensor[] parts, Tensor ids, Tensor y)
    {
        using Profile.Scope _ = y.Device.Measure("embedding.forward", bytes: 8.0 * y.Count);
        Tensor list = Places(parts, gradients: false);
        y.Device.Run(new GatherParts(new Parts(list, parts.Length), ids.I32, y.F32, y.Shape.Last), checked((int)ids.Count), RowGrain);
        list.Release();
    }

    /// <summary>As of a whole table: the gradients of all parts are cleared, then rows added in the order of ids.</summary>
    public static void Backward(Tensor dy, Tensor[] parts, Tensor ids)
    {
        using Profile.Scope _ = dy.Device.Measure("embedding.backward", bytes: 12.0 * dy.Count);
        foreach (Tensor part in parts)
        {
            if (part.RequiresGrad && part.AddGrad(out bool accumulate) is var dw && !accumulate)
            {
                ElementwiseKernels.Run(dw.Device, new ClearKernel(dw.F32, dw.Count), dw.Count);
            }
        }
        Tensor list = Places(parts, gradients: true);
        int width = parts[0].Shape.Last;
        dy.Device.Run(
            new ScatterParts(dy.F32, ids.I32, checked((int)ids.Count), new Parts(list, parts.Length), width),
            (width + Columns - 1) / Columns,
            1
        );
        list.Release();
    }

    /// <summary>Where each part, or its gradient, lies. A part that is not trained has none.</summary>
    private static Tensor Places(Tensor[] parts, bool gradients)
    {
        Tensor list = parts[0].Device.Rent(new Shape(checked(parts.Length * sizeof(Part) / sizeof(float) + 1)));
        Part* places = (Part*)list.Pointer;
        for (int i = 0, first = 0; i < parts.Length; first += parts[i++].Shape[0])
        {
            places[i] = new Part
            {
                First = first,
                Rows = MatrixView.Of(parts[i]),
                Gradient = gradients && parts[i].RequiresGrad ? parts[i].AddGrad(out _).F32 : null,
            };
        }
        return list;
    }

    private struct Part
    {
        public int First;
        public MatrixView Rows;
        public float* Gradient;
    }

    /// <summary>Finds the part of a row.</summary>
    private readonly struct Parts(Tensor list, int count)
    {
        private readonly Part* _parts = (Part*)list.Pointer;

        public Part* GetPart(int row)
        {
            int low = 0,
                high = count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                (low, high) = _parts[middle].First <= row ? (middle, high) : (low, middle - 1);
            }
            return _parts + low;
        }
    }

    private readonly struct GatherParts(Parts parts, int* ids, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                Part* part = parts.GetPart(ids[row]);
                RowDecoder.Decode(part->Rows.From(ids[row] - part->First, 0), width, y + (long)row * width);
            }
        }
    }

    private readonly struct ScatterParts(float* dy, int* ids, int rows, Parts parts, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int first = start * Columns,
                count = Math.Min(width, end * Columns) - first;
            for (int row = 0; row < rows; row++)
            {
                Part* part = parts.GetPart(ids[row]);
                if (part->Gradient != null)
                {
                    Lanes.Add(part->Gradient + (long)(ids[row] - part->First) * width + first, dy + (long)row * width + first, count);
                }
            }
        }
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
                RowDecoder.Decode(weight.From(ids[row], 0), width, y + (long)row * width);
            }
        }
    }

    private readonly struct ClearKernel(float* x, long count) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long at = (long)start * ElementwiseKernels.Block,
                last = Math.Min(count, (long)end * ElementwiseKernels.Block);
            System.Runtime.InteropServices.NativeMemory.Clear(x + at, (nuint)(last - at) * sizeof(float));
        }
    }

    private readonly struct ScatterAdd(float* dy, int* ids, int rows, float* dw, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int first = start * Columns,
                last = Math.Min(width, end * Columns);
            for (int row = 0; row < rows; row++)
            {
                float* from = dy + (long)row * width,
                    to = dw + (long)ids[row] * width;
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
