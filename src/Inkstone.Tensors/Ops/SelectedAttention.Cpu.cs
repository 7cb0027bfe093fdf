namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.SelectedAttention"/>. Forward, a task is some queries; backward, a key-value head of a row of the
/// batch, so that nobody else adds to its keys.</summary>
internal static unsafe class SelectedAttentionKernels
{
    public static void Forward(
        SelectedSizes sizes,
        Tensor q,
        Tensor keys,
        Tensor values,
        Tensor chosen,
        Tensor? sinks,
        Tensor o,
        Tensor logSum
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("selected_attention.forward", flops: sizes.Flops);
        device.Run(
            new ForwardKernel(new Rows(sizes, q, keys, values, chosen, sinks), o.F32, logSum.F32, device.Workers),
            sizes.Batch * sizes.Length,
            1
        );
    }

    public static void Backward(
        SelectedSizes sizes,
        Tensor q,
        Tensor keys,
        Tensor values,
        Tensor chosen,
        Tensor? sinks,
        Tensor o,
        Tensor logSum,
        Tensor dO
    )
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("selected_attention.backward", flops: 2.5 * sizes.Flops);
        Tensor? sinkParts = sinks is { RequiresGrad: true } ? device.Rent(new Shape(sizes.Batch, sizes.Heads)) : null;
        device.Run(
            new BackwardKernel(
                new Rows(sizes, q, keys, values, chosen, sinks),
                o.F32,
                logSum.F32,
                dO.F32,
                Sums(q),
                Sums(keys),
                Sums(values),
                sinkParts is null ? null : sinkParts.F32
            ),
            sizes.Batch * sizes.KeyValueHeads,
            1
        );
        if (sinkParts is not null)
        {
            float* dSink = sinks!.AddGrad(out bool accumulate).F32;
            for (int h = 0; h < sizes.Heads; h++)
            {
                float sum = accumulate ? dSink[h] : 0;
                for (int b = 0; b < sizes.Batch; b++)
                {
                    sum += sinkParts.F32[b * sizes.Heads + h];
                }
                dSink[h] = sum;
            }
            sinkParts.Release();
        }
    }

    /// <summary>A gradient to add to, null where none is wanted; two operands may be one tensor.</summary>
    internal static float* Sums(Tensor x)
    {
        if (!x.RequiresGrad)
        {
            return null;
        }
        Tensor sums = x.AddGrad(out bool accumulate);
        if (!accumulate)
        {
            Ops.Fill(sums, 0);
        }
        return sums.F32;
    }

    private readonly struct Rows(SelectedSizes sizes, Tensor q, Tensor keys, Tensor values, Tensor chosen, Tensor? sinks)
    {
        public readonly SelectedSizes Sizes = sizes;
        public readonly int KeyStride = keys.Shape.Last,
            ValueStride = values.Shape.Last;
        private readonly float* _q = q.F32,
            _keys = keys.F32,
            _values = values.F32,
            _sinks = sinks is null ? null : sinks.F32;
        private readonly int* _chosen = chosen.I32;

        public long QueryAt(int row, int head) => ((long)row * Sizes.Heads + head) * Sizes.KeyDim;

        public long OutputAt(int row, int head) => ((long)row * Sizes.Heads + head) * Sizes.ValueDim;

        public long KeyAt(int key, int head) => (long)key * KeyStride + head / Sizes.Group * Sizes.KeyDim;

        public long ValueAt(int key, int head) => (long)key * ValueStride + head / Sizes.Group * Sizes.ValueDim;

        public float* Query(int row, int head) => _q + QueryAt(row, head);

        public float* Key(int key, int head) => _keys + KeyAt(key, head);

        public float* Value(int key, int head) => _values + ValueAt(key, head);

        public bool HasSinks => _sinks != null;

        public float Sink(int head) => _sinks[head];

        /// <summary>Chosen keys of a query, and how many there are.</summary>
        public int* Chosen(int row, out int count)
        {
            int* list = _chosen + (long)row * Sizes.Choices;
            for (count = 0; count < Sizes.Choices && list[count] >= 0; count++)
            {
                if (list[count] >= Sizes.Keys)
                {
                    throw new ArgumentException($"key {list[count]} was chosen, there are {Sizes.Keys}");
                }
            }
            return list;
        }
    }

    private readonly struct ForwardKernel(Rows rows, float* o, float* logSum, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            SelectedSizes n = rows.Sizes;
            float* p = (float*)workers.Scratch(worker, sizeof(float) * (long)n.Choices + Packing.SlackBytes);
            for (int row = start; row < end; row++)
            {
                int* chosen = rows.Chosen(row, out int count);
                for (int head = 0; head < n.Heads; head++)
                {
                    float largest = rows.HasSinks ? rows.Sink(head) : float.NegativeInfinity;
                    for (int i = 0; i < count; i++)
                    {
                        p[i] = n.Scale * Lanes.Dot(rows.Query(row, head), rows.Key(chosen[i], head), n.KeyDim);
                        largest = MathF.Max(largest, p[i]);
                    }
                    float sum = rows.HasSinks ? MathF.Exp(rows.Sink(head) - largest) : 0;
                    sum += count > 0 ? Lanes.ExpSum(p, p, largest, count) : 0;
                    float* y = o + rows.OutputAt(row, head);
                    new Span<float>(y, n.ValueDim).Clear();
                    for (int i = 0; i < count; i++)
                    {
                        Lanes.AddScaled(y, rows.Value(chosen[i], head), p[i] / sum, n.ValueDim);
                    }
                    logSum[(long)row * n.Heads + head] = largest + MathF.Log(sum);
                }
            }
        }
    }

    private readonly struct BackwardKernel(Rows rows, float* o, float* logSum, float* dO, float* dQ, float* dK, float* dV, float* dSinks)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            SelectedSizes n = rows.Sizes;
            for (int item = start; item < end; item++)
            {
                (int batch, int keyValueHead) = Math.DivRem(item, n.KeyValueHeads);
                for (int head = keyValueHead * n.Group; head < (keyValueHead + 1) * n.Group; head++)
                {
                    float sink = 0;
                    for (int row = batch * n.Length; row < (batch + 1) * n.Length; row++)
                    {
                        sink += Query(row, head);
                    }
                    if (dSinks != null)
                    {
                        dSinks[batch * n.Heads + head] = sink;
                    }
                }
            }
        }

        /// <summary>Gradients by way of one query; returns that of the sink.</summary>
        private float Query(int row, int head)
        {
            SelectedSizes n = rows.Sizes;
            int* chosen = rows.Chosen(row, out int count);
            float* dy = dO + rows.OutputAt(row, head),
                q = rows.Query(row, head);
            float log = logSum[(long)row * n.Heads + head],
                along = Lanes.Dot(dy, o + rows.OutputAt(row, head), n.ValueDim);
            for (int i = 0; i < count; i++)
            {
                float* key = rows.Key(chosen[i], head);
                float p = MathF.Exp(n.Scale * Lanes.Dot(q, key, n.KeyDim) - log);
                float ds = n.Scale * p * (Lanes.Dot(dy, rows.Value(chosen[i], head), n.ValueDim) - along);
                if (dQ != null)
                {
                    Lanes.AddScaled(dQ + rows.QueryAt(row, head), key, ds, n.KeyDim);
                }
                if (dK != null)
                {
                    Lanes.AddScaled(dK + rows.KeyAt(chosen[i], head), q, ds, n.KeyDim);
                }
                if (dV != null)
                {
                    Lanes.AddScaled(dV + rows.ValueAt(chosen[i], head), dy, p, n.ValueDim);
                }
            }
            return rows.HasSinks ? -MathF.Exp(rows.Sink(head) - log) * along : 0;
        }
    }
}
