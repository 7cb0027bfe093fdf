namespace Inkstone.Tensors;

/// <summary>CPU kernels of <c>Ops.BlockMeans</c>: tokens are added from the first of a block to the last, wherever they lie.</summary>
internal static unsafe class BlockMeansKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, int block, Tensor? documentStarts, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("block_means.forward", bytes: 8.0 * x.Count);
        x.Device.Run(
            new ForwardKernel(x.F32, documentStarts is null ? null : documentStarts.I32, y.F32, x.Shape[1], x.Shape.Last, block),
            x.Shape.Rows,
            Grain
        );
    }

    public static void Cached(Tensor store, int from, int block, RaggedRows rows, Tensor tables, Tensor y)
    {
        using Profile.Scope _ = store.Device.Measure("block_means.forward", bytes: 8.0 * y.Count);
        store.Device.Run(
            new CachedKernel(store.F32 + from, store.Shape[1], y.F32, y.Shape.Last, block, new CacheRowKernels.Places(rows, tables)),
            y.Shape.Rows,
            Grain
        );
    }

    public static void Backward(Tensor dy, Tensor x, int block, Tensor? documentStarts)
    {
        using Profile.Scope _ = x.Device.Measure("block_means.backward", bytes: 8.0 * x.Count);
        float* dx = x.AddGrad(out bool accumulate).F32;
        x.Device.Run(
            new BackwardKernel(dy.F32, documentStarts is null ? null : documentStarts.I32, dx, x.Shape[1], x.Shape.Last, block, accumulate),
            x.Shape.Rows,
            Grain
        );
    }

    private readonly struct ForwardKernel(float* x, int* starts, float* y, int length, int width, int block) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* to = y + (long)row * width;
                new Span<float>(to, width).Clear();
                if ((row % length - (starts == null ? 0 : starts[row]) + 1) % block != 0)
                {
                    continue;
                }
                for (int token = row - block + 1; token <= row; token++)
                {
                    Lanes.Add(to, x + (long)token * width, width);
                }
                Lanes.Scale(to, to, 1f / block, width);
            }
        }
    }

    private readonly struct CachedKernel(float* store, int stride, float* y, int width, int block, CacheRowKernels.Places places)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int sequence = places.Sequence(start);
            for (int token = start; token < end; token++)
            {
                sequence += token == places.End(sequence) ? 1 : 0;
                float* to = y + (long)token * width;
                new Span<float>(to, width).Clear();
                int last = places.Position(sequence, token);
                if ((last + 1) % block != 0)
                {
                    continue;
                }
                for (int position = last - block + 1; position <= last; position++)
                {
                    (int at, int lane) = places.At(sequence, position);
                    Lanes.Add(to, store + ((long)at * RaggedRows.BlockTokens + lane) * stride, width);
                }
                Lanes.Scale(to, to, 1f / block, width);
            }
        }
    }

    private readonly struct BackwardKernel(float* dy, int* starts, float* dx, int length, int width, int block, bool accumulate)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                int first = starts == null ? 0 : starts[row],
                    t = row % length,
                    ahead = block - 1 - (t - first) % block;
                bool reached = t + ahead < length && (starts == null || starts[row + ahead] == first);
                float* to = dx + (long)row * width;
                if (!accumulate)
                {
                    new Span<float>(to, width).Clear();
                }
                if (reached)
                {
                    Lanes.AddScaled(to, dy + (long)(row + ahead) * width, 1f / block, width);
                }
            }
        }
    }
}
