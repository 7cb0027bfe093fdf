using System.Runtime.CompilerServices;

namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <see cref="Ops.SharedKeyAttention"/>. A query's keys are copied together once, as rows and as panels of sixteen, and all
/// heads use them. Forward, a task is some queries; backward, a
/// segment of a row of the batch, which adds to keys in memory of its own; the segments' sums are then added in their order. So segments
/// depend on the length alone, and results on no number of threads.
/// </summary>
internal static unsafe class SharedKeyKernels
{
    private const int Segments = 8,
        LeastQueries = 32;

    public static void Forward(
        SharedKeySizes sizes,
        Tensor q,
        Tensor near,
        Tensor nearRows,
        Tensor? far,
        Tensor? farRows,
        Tensor sinks,
        Tensor o,
        Tensor logSum
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("shared_key_attention.forward", flops: sizes.Flops);
        device.Run(
            new ForwardKernel(new Keys(sizes, near, nearRows, far, farRows), q.F32, sinks.F32, o.F32, logSum.F32, device.Workers),
            sizes.Batch * sizes.Length,
            4
        );
    }

    public static void Backward(
        SharedKeySizes sizes,
        Tensor q,
        Tensor near,
        Tensor nearRows,
        Tensor? far,
        Tensor? farRows,
        Tensor sinks,
        Tensor o,
        Tensor logSum,
        Tensor dO
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("shared_key_attention.backward", flops: 2.5 * sizes.Flops);
        Keys keys = new(sizes, near, nearRows, far, farRows);
        int each = Math.Max(LeastQueries, (sizes.Length + Segments - 1) / Segments),
            segments = (sizes.Length + each - 1) / each,
            tasks = sizes.Batch * segments;
        Tensor spans = device.Rent(new Shape(tasks, 6), DType.Int32);
        long total = Plan(keys, spans, segments, each);
        bool wanted = near.RequiresGrad || far is { RequiresGrad: true };
        Tensor sums = device.Rent(new Shape(checked((int)Math.Max(1, wanted ? total : 1)), sizes.Dim)),
            sinkRows = device.Rent(new Shape(sizes.Batch * sizes.Length, sizes.Heads));
        device.Run(
            new BackwardKernel(
                keys,
                q.F32,
                sinks.F32,
                o.F32,
                logSum.F32,
                dO.F32,
                SelectedAttentionKernels.Sums(q),
                wanted ? sums.F32 : null,
                sinkRows.F32,
                spans.I32,
                segments,
                each,
                device.Workers
            ),
            tasks,
            1
        );
        Collect(near, sums, spans, 0, sizes.Dim);
        if (far is not null)
        {
            Collect(far, sums, spans, 3, sizes.Dim);
        }
        if (sinks.RequiresGrad)
        {
            float* dSink = sinks.AddGrad(out bool accumulate).F32;
            RowSum.Run(device, new RowValues(sinkRows.F32, sizes.Heads), sizes.Batch * sizes.Length, sizes.Heads, dSink, accumulate);
        }
        spans.Release();
        sums.Release();
        sinkRows.Release();
    }

    /// <summary>Of each segment, for near and far: first row that it names, one past the last, and where its sums begin. Returns the rows
    /// of all sums.</summary>
    private static long Plan(Keys keys, Tensor spans, int segments, int each)
    {
        long total = 0;
        for (int task = 0; task < spans.Shape[0]; task++)
        {
            (int batch, int segment) = Math.DivRem(task, segments);
            int first = batch * keys.Sizes.Length + segment * each,
                end = Math.Min(batch * keys.Sizes.Length + keys.Sizes.Length, first + each);
            for (int kind = 0; kind < 2; kind++)
            {
                (int low, int high) = keys.Span(first, end, kind == 1);
                (spans.Ints[task * 6 + kind * 3], spans.Ints[task * 6 + kind * 3 + 1], spans.Ints[task * 6 + kind * 3 + 2]) = (
                    low,
                    high,
                    checked((int)total)
                );
                total += high - low;
            }
        }
        return total;
    }

    private static void Collect(Tensor x, Tensor sums, Tensor spans, int kind, int dim)
    {
        if (x.RequiresGrad)
        {
            x.Device.Run(
                new CollectKernel(SelectedAttentionKernels.Sums(x), x.Shape.Last, sums.F32, spans.I32 + kind, spans.Shape[0], dim),
                x.Shape.Rows,
                64
            );
        }
    }

    private readonly struct CollectKernel(float* to, int stride, float* sums, int* spans, int tasks, int dim) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int task = 0; task < tasks; task++)
            {
                int* span = spans + task * 6;
                for (int row = Math.Max(start, span[0]); row < Math.Min(end, span[1]); row++)
                {
                    Lanes.Add(to + (long)row * stride, sums + ((long)span[2] + row - span[0]) * dim, dim);
                }
            }
        }
    }

    /// <summary>What queries name.</summary>
    private readonly struct Keys(SharedKeySizes sizes, Tensor near, Tensor nearRows, Tensor? far, Tensor? farRows)
    {
        public readonly SharedKeySizes Sizes = sizes;
        private readonly float* _near = near.F32,
            _far = far is null ? null : far.F32;
        private readonly int* _nearRows = nearRows.I32,
            _farRows = farRows is null ? null : farRows.I32;
        private readonly int _nearStride = near.Shape.Last,
            _farStride = far?.Shape.Last ?? 0,
            _nearCount = near.Shape.Rows,
            _farCount = far?.Shape.Rows ?? 0;

        /// <summary>Keys of a query at most, in whole panels.</summary>
        public int Padded => SharedKeyTiles.Padded(Sizes.Near + Sizes.Far);

        /// <summary>Floats that a query's keys and panels take.</summary>
        public long Room => 2L * Padded * Sizes.Dim;

        public int* List(int query, bool ofFar, out int most)
        {
            most = ofFar ? Sizes.Far : Sizes.Near;
            return ofFar ? _farRows + (long)query * most : _nearRows + (long)query * most;
        }

        public (int Low, int High) Span(int first, int end, bool ofFar)
        {
            int low = int.MaxValue,
                high = 0;
            for (int query = first; query < end; query++)
            {
                int* list = List(query, ofFar, out int most);
                for (int i = 0; i < most && list[i] >= 0; i++)
                {
                    (low, high) = (Math.Min(low, list[i]), Math.Max(high, list[i] + 1));
                }
            }
            return high == 0 ? (0, 0) : (low, high);
        }

        /// <summary>Copies a query's keys to rows, zeros up to a whole panel behind them; how many there are, and how many of them
        /// near.</summary>
        public int Gather(int query, float* rows, out int nears)
        {
            int count = Copy(query, false, _near, _nearStride, _nearCount, rows);
            nears = count;
            count += _far == null ? 0 : Copy(query, true, _far, _farStride, _farCount, rows + (long)count * Sizes.Dim);
            new Span<float>(rows + (long)count * Sizes.Dim, (SharedKeyTiles.Padded(count) - count) * Sizes.Dim).Clear();
            return count;
        }

        private int Copy(int query, bool ofFar, float* keys, int stride, int limit, float* rows)
        {
            int* list = List(query, ofFar, out int most);
            int i = 0;
            for (; i < most && list[i] >= 0; i++)
            {
                if (list[i] >= limit)
                {
                    throw new ArgumentException($"key {list[i]} was chosen, there are {limit}");
                }
                new ReadOnlySpan<float>(keys + (long)list[i] * stride, Sizes.Dim).CopyTo(
                    new Span<float>(rows + (long)i * Sizes.Dim, Sizes.Dim)
                );
            }
            return i;
        }
    }

    private readonly struct ForwardKernel(Keys keys, float* q, float* sinks, float* o, float* logSum, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            SharedKeySizes n = keys.Sizes;
            float* rows = (float*)workers.Scratch(worker, sizeof(float) * (keys.Room + (long)n.Heads * keys.Padded) + Packing.SlackBytes),
                panels = rows + (long)keys.Padded * n.Dim,
                p = panels + (long)keys.Padded * n.Dim;
            for (int query = start; query < end; query++)
            {
                int count = keys.Gather(query, rows, out _),
                    padded = SharedKeyTiles.Padded(count);
                SharedKeyTiles.Turn(rows, panels, padded, n.Dim);
                float* from = q + (long)query * n.Heads * n.Dim;
                SharedKeyTiles.Scores(from, n.Heads, n.Dim, panels, padded, p);
                for (int head = 0; head < n.Heads; head++)
                {
                    logSum[(long)query * n.Heads + head] = Softmax(p + (long)head * padded, count, padded, n.Scale, sinks[head]);
                }
                SharedKeyTiles.Sums(p, n.Heads, padded, rows, n.Dim, o + (long)query * n.Heads * n.Dim, add: false);
            }
        }

        private static float Softmax(float* p, int count, int padded, float scale, float sink)
        {
            Lanes.Scale(p, p, scale, count);
            float largest = MathF.Max(sink, Lanes.Max(p, count)),
                sum = Lanes.ExpSum(p, p, largest, count) + MathF.Exp(sink - largest);
            Lanes.Scale(p, p, 1 / sum, count);
            new Span<float>(p + count, padded - count).Clear();
            return largest + MathF.Log(sum);
        }
    }

    private readonly struct BackwardKernel(
        Keys keys,
        float* q,
        float* sinks,
        float* o,
        float* logSum,
        float* dO,
        float* dQ,
        float* sums,
        float* sinkRows,
        int* spans,
        int segments,
        int each,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            SharedKeySizes n = keys.Sizes;
            int most = keys.Padded;
            float* rows = (float*)workers.Scratch(worker, sizeof(float) * (keys.Room + 2L * n.Heads * most) + Packing.SlackBytes),
                panels = rows + (long)most * n.Dim,
                p = panels + (long)most * n.Dim,
                ds = p + (long)n.Heads * most;
            for (int task = start; task < end; task++)
            {
                (int batch, int segment) = Math.DivRem(task, segments);
                int* span = spans + task * 6;
                if (sums != null)
                {
                    new Span<float>(sums + (long)span[2] * n.Dim, (span[1] - span[0] + span[4] - span[3]) * n.Dim).Clear();
                }
                int last = Math.Min(n.Length, (segment + 1) * each);
                for (int query = batch * n.Length + segment * each; query < batch * n.Length + last; query++)
                {
                    Query(query, rows, panels, p, ds, span);
                }
            }
        }

        private void Query(int query, float* rows, float* panels, float* p, float* ds, int* span)
        {
            SharedKeySizes n = keys.Sizes;
            long at = (long)query * n.Heads * n.Dim;
            int count = keys.Gather(query, rows, out int nears),
                padded = SharedKeyTiles.Padded(count);
            SharedKeyTiles.Turn(rows, panels, padded, n.Dim);
            SharedKeyTiles.Scores(q + at, n.Heads, n.Dim, panels, padded, p);
            SharedKeyTiles.Scores(dO + at, n.Heads, n.Dim, panels, padded, ds);
            for (int head = 0; head < n.Heads; head++)
            {
                float log = logSum[(long)query * n.Heads + head],
                    along = Lanes.Dot(dO + at + head * n.Dim, o + at + head * n.Dim, n.Dim);
                Slopes(p + (long)head * padded, ds + (long)head * padded, count, padded, log, along);
                sinkRows[(long)query * n.Heads + head] = -MathF.Exp(sinks[head] - log) * along;
            }
            if (dQ != null)
            {
                SharedKeyTiles.Sums(ds, n.Heads, padded, rows, n.Dim, dQ + at, add: true);
            }
            if (sums != null)
            {
                AddToKeys(query, false, nears, span[0], span[2], p, ds, padded);
                AddToKeys(query, true, count - nears, span[3], span[5], p + nears, ds + nears, padded);
            }
        }

        /// <summary>Scores become probabilities, do·k becomes scale · ds; zeros behind the last key.</summary>
        private void Slopes(float* p, float* ds, int count, int padded, float log, float along)
        {
            float scale = keys.Sizes.Scale;
            Lanes.Scale(p, p, scale, count);
            _ = Lanes.ExpSum(p, p, log, count);
            for (int i = 0; i < count; i++)
            {
                ds[i] = scale * p[i] * (ds[i] - along);
            }
            new Span<float>(p + count, padded - count).Clear();
            new Span<float>(ds + count, padded - count).Clear();
        }

        /// <summary>dk_i += Σ_heads ds_i q + p_i do.</summary>
        private void AddToKeys(int query, bool ofFar, int count, int low, int first, float* p, float* ds, int padded)
        {
            SharedKeySizes n = keys.Sizes;
            int* list = keys.List(query, ofFar, out _);
            long at = (long)query * n.Heads * n.Dim;
            for (int i = 0; i < count; i++)
            {
                SharedKeyTiles.AddOuter(
                    sums + ((long)first + list[i] - low) * n.Dim,
                    p + i,
                    dO + at,
                    ds + i,
                    q + at,
                    n.Heads,
                    padded,
                    n.Dim
                );
            }
        }
    }
}
