using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of residual streams: one pass over memory each. D: numbers of a stream; n: streams.</summary>
internal static unsafe class StreamKernels
{
    private const int Grain = 16;

    public static void Spread(Tensor x, int streams, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("spread_streams.forward", bytes: 4.0 * (x.Count + y.Count));
        x.Device.Run(new SpreadKernel(x.F32, y.F32, streams, x.Shape.Last), x.Shape.Rows, Grain);
    }

    public static void SpreadBackward(Tensor dy, int streams, Tensor x)
    {
        using Profile.Scope _ = x.Device.Measure("spread_streams.backward", bytes: 4.0 * (x.Count + dy.Count));
        float* dx = x.AddGrad(out bool accumulate).F32;
        x.Device.Run(new SumKernel(dy.F32, null, 0, 0, dx, streams, x.Shape.Last, 1, accumulate), x.Shape.Rows, Grain);
    }

    public static void Sum(Tensor x, int streams, Tensor? weights, int from, Tensor u)
    {
        using Profile.Scope _ = x.Device.Measure("stream_sum.forward", bytes: 4.0 * (x.Count + u.Count));
        x.Device.Run(
            new SumKernel(
                x.F32,
                weights is null ? null : weights.F32 + from,
                weights?.Shape.Last ?? 0,
                1,
                u.F32,
                streams,
                u.Shape.Last,
                1f / streams,
                false
            ),
            x.Shape.Rows,
            Grain
        );
    }

    public static void SumBackward(Tensor du, Tensor x, int streams, Tensor? weights, int from)
    {
        using Profile.Scope _ = x.Device.Measure("stream_sum.backward", bytes: 8.0 * (x.Count + du.Count));
        bool add = false;
        Tensor? dx = x.RequiresGrad ? x.AddGrad(out add) : null;
        int width = weights?.Shape.Last ?? 0;
        x.Device.Run(
            new SumBackwardKernel(
                du.F32,
                x.F32,
                weights is null ? null : weights.F32 + from,
                Gradient(weights, from),
                width,
                dx is null ? null : dx.F32,
                add,
                streams,
                du.Shape.Last
            ),
            x.Shape.Rows,
            Grain
        );
    }

    public static void Update(StreamParts parts, Tensor x, Tensor y, Tensor weights, Tensor updated)
    {
        using Profile.Scope _ = x.Device.Measure("stream_update.forward", bytes: 4.0 * (2 * x.Count + y.Count));
        x.Device.Run(
            new UpdateKernel(parts, x.F32, y.F32, weights.F32, weights.Shape.Last, updated.F32, x.Shape.Last / parts.Streams),
            x.Shape.Rows,
            Grain
        );
    }

    public static void UpdateBackward(StreamParts parts, Tensor updated, Tensor x, Tensor y, Tensor weights)
    {
        using Profile.Scope _ = x.Device.Measure("stream_update.backward", bytes: 4.0 * (3 * x.Count + 2 * y.Count));
        bool addX = false,
            addY = false;
        Tensor? dx = x.RequiresGrad && parts.Mixes ? x.AddGrad(out addX) : null,
            dy = y.RequiresGrad ? y.AddGrad(out addY) : null;
        x.Device.Run(
            new UpdateBackwardKernel(
                parts,
                updated.F32,
                x.F32,
                y.F32,
                weights.F32,
                Gradient(weights, 0),
                weights.Shape.Last,
                dx is null ? null : dx.F32,
                addX,
                dy is null ? null : dy.F32,
                addY,
                x.Shape.Last / parts.Streams
            ),
            x.Shape.Rows,
            Grain
        );
    }

    /// <summary>The gradient from a column on, to add to; null where none is wanted.</summary>
    private static float* Gradient(Tensor? weights, int from)
    {
        float* sums = weights is null ? null : SelectedAttentionKernels.Sums(weights);
        return sums == null ? null : sums + from;
    }

    /// <summary>to = (add ? to : 0) + Σ_i w_i x_i, the vectors one behind the other; weights are stride numbers apart. The ends of rows go
    /// one by one, so that nothing but vectors is in the loops before.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Combine(float* to, float* x, float* w, int stride, int n, int dim, bool add)
    {
        int c = 0;
        for (; c <= dim - 32; c += 32)
        {
            Vector512<float> a = add ? Vector512.Load(to + c) : default,
                b = add ? Vector512.Load(to + c + 16) : default;
            float* from = x + c;
            for (int i = 0; i < n; i++, from += dim)
            {
                Vector512<float> weight = Vector512.Create(w[i * stride]);
                a = Vector512.FusedMultiplyAdd(weight, Vector512.Load(from), a);
                b = Vector512.FusedMultiplyAdd(weight, Vector512.Load(from + 16), b);
            }
            a.Store(to + c);
            b.Store(to + c + 16);
        }
        for (; c < dim; c++)
        {
            float sum = add ? to[c] : 0;
            for (int i = 0; i < n; i++)
            {
                sum = MathF.FusedMultiplyAdd(w[i * stride], x[(long)i * dim + c], sum);
            }
            to[c] = sum;
        }
    }

    private readonly struct SpreadKernel(float* x, float* y, int streams, int dim) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (long row = start; row < end; row++)
            {
                for (int i = 0; i < streams; i++)
                {
                    new ReadOnlySpan<float>(x + row * dim, dim).CopyTo(new Span<float>(y + (row * streams + i) * dim, dim));
                }
            }
        }
    }

    /// <summary>Weighed, or without weights all with one factor.</summary>
    private readonly struct SumKernel(float* x, float* w, int width, int step, float* u, int streams, int dim, float factor, bool add)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float same = factor;
            for (long row = start; row < end; row++)
            {
                Combine(
                    u + row * dim,
                    x + row * streams * dim,
                    w == null ? &same : w + row * width,
                    w == null ? 0 : step,
                    streams,
                    dim,
                    add
                );
            }
        }
    }

    private readonly struct SumBackwardKernel(
        float* du,
        float* x,
        float* w,
        float* dw,
        int width,
        float* dx,
        bool add,
        int streams,
        int dim
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (long row = start; row < end; row++)
            {
                float* d = du + row * dim;
                for (int i = 0; i < streams; i++)
                {
                    long at = (row * streams + i) * dim;
                    float weight = w == null ? 1f / streams : w[row * width + i];
                    if (dw != null)
                    {
                        dw[row * width + i] += Lanes.Dot(x + at, d, dim);
                    }
                    if (dx != null)
                    {
                        Combine(dx + at, d, &weight, 0, 1, dim, add);
                    }
                }
            }
        }
    }

    private readonly struct UpdateKernel(StreamParts parts, float* x, float* y, float* w, int width, float* updated, int dim) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int n = parts.Streams;
            for (long row = start; row < end; row++)
            {
                float* xs = x + row * n * dim,
                    ws = w + row * width;
                for (int k = 0; k < n; k++)
                {
                    float* to = updated + (row * n + k) * dim;
                    if (parts.Mixes)
                    {
                        Combine(to, xs, ws + parts.Mix + k, n, n, dim, add: false);
                    }
                    else
                    {
                        new ReadOnlySpan<float>(xs + (long)k * dim, dim).CopyTo(new Span<float>(to, dim));
                    }
                    Lanes.AddScaled(to, y + row * dim, ws[parts.From + k], dim);
                }
            }
        }
    }

    private readonly struct UpdateBackwardKernel(
        StreamParts parts,
        float* updated,
        float* x,
        float* y,
        float* w,
        float* dw,
        int width,
        float* dx,
        bool addX,
        float* dy,
        bool addY,
        int dim
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int n = parts.Streams;
            for (long row = start; row < end; row++)
            {
                float* d = updated + row * n * dim,
                    ws = w + row * width;
                if (dy != null)
                {
                    Combine(dy + row * dim, d, ws + parts.From, 1, n, dim, addY);
                }
                for (int j = 0; j < n; j++)
                {
                    long at = (row * n + j) * dim;
                    if (dw != null)
                    {
                        dw[row * width + parts.From + j] += Lanes.Dot(y + row * dim, d + (long)j * dim, dim);
                    }
                    if (dx != null)
                    {
                        Combine(dx + at, d, ws + parts.Mix + j * n, 1, n, dim, addX);
                    }
                    for (int k = 0; k < n && dw != null && parts.Mixes; k++)
                    {
                        dw[row * width + parts.Mix + j * n + k] += Lanes.Dot(x + at, d + (long)k * dim, dim);
                    }
                }
            }
        }
    }
}
