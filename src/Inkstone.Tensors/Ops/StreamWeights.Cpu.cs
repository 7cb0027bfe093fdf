using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.StreamWeights"/>. Sixteen tokens are the lanes of a vector; <see cref="Sinkhorn"/> has what is
/// done to one matrix of each.</summary>
internal static unsafe class StreamWeightsKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor weight, Tensor bias, Tensor scale, StreamRule rule, Tensor y, Tensor m, Tensor rstd)
    {
        int rows = x.Shape.Rows,
            inputs = x.Shape.Last,
            width = weight.Shape[0];
        using Profile.Scope _ = x.Device.Measure("stream_weights.forward", flops: 2.0 * rows * inputs * (width + 1));
        MatMul.Run(x.Device, MatrixView.Of(x), MatrixView.Of(weight).T, rows, width, inputs, m.F32, width, exact: true);
        x.Device.Run(new NormKernel(x.F32, m.F32, rstd.F32, inputs, width, rule.NormEps), rows, Grain);
        x.Device.Run(new ForwardKernel(new Lines(m.F32, bias.F32, scale.F32, rule, width), y.F32, rows, x.Device.Workers), Groups(rows), 1);
    }

    /// <summary><paramref name="dy"/> becomes the gradient of what <paramref name="weight"/> gives.</summary>
    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor scale, StreamRule rule, Tensor m, Tensor rstd)
    {
        Device device = x.Device;
        int rows = x.Shape.Rows,
            inputs = x.Shape.Last,
            width = weight.Shape[0];
        using Profile.Scope _ = device.Measure("stream_weights.backward", flops: 4.0 * rows * inputs * (width + 1));
        device.Run(new BackwardKernel(new Lines(m.F32, bias.F32, scale.F32, rule, width), dy.F32, rows, device.Workers), Groups(rows), 1);
        if (bias.RequiresGrad)
        {
            float* db = bias.AddGrad(out bool accumulate).F32;
            RowSum.Run(device, new RowValues(dy.F32, width), rows, width, db, accumulate);
        }
        if (scale.RequiresGrad)
        {
            float* ds = scale.AddGrad(out bool accumulate).F32;
            RowSum.Run(device, new ScaleTerm(dy.F32, m.F32, rule.Streams, width), rows, (int)scale.Count, ds, accumulate);
        }
        bool add = false;
        Tensor? dx = x.RequiresGrad ? x.AddGrad(out add) : null;
        device.Run(
            new InputKernel(dy.F32, m.F32, rstd.F32, scale.F32, x.F32, dx is null ? null : dx.F32, add, inputs, width, rule.Streams),
            rows,
            Grain
        );
        if (dx is not null)
        {
            MatMul.Run(device, MatrixView.Of(dy), MatrixView.Of(weight), rows, inputs, width, dx.F32, inputs, dx.F32, inputs, exact: true);
        }
        if (weight.RequiresGrad)
        {
            float* dw = weight.AddGrad(out bool accumulate).F32;
            MatMul.Run(
                device,
                MatrixView.Of(dy).T,
                MatrixView.Of(x),
                width,
                inputs,
                rows,
                dw,
                inputs,
                accumulate ? dw : null,
                inputs,
                exact: true
            );
        }
    }

    private static int Groups(int rows) => (rows + Sinkhorn.Lanes - 1) / Sinkhorn.Lanes;

    /// <summary>Which of the scales belongs to a column: those of pre, post and the matrix.</summary>
    private static int Part(int column, int streams) => Math.Min(2, column / streams);

    private readonly struct NormKernel(float* x, float* m, float* rstd, int inputs, int width, float eps) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* xr = x + (long)row * inputs;
                float r = rstd[row] = 1f / MathF.Sqrt(Lanes.Dot(xr, xr, inputs) / inputs + eps);
                Lanes.Scale(m + (long)row * width, m + (long)row * width, r, width);
            }
        }
    }

    /// <summary>Logits of sixteen tokens, one vector for each column.</summary>
    private readonly struct Lines(float* m, float* bias, float* scale, StreamRule rule, int width)
    {
        public readonly StreamRule Rule = rule;
        public readonly int Width = width;

        public bool Mixes => Width > Rule.Streams;

        /// <summary>Takes rows [first, first + count) into lanes; idle lanes repeat the first row.</summary>
        public void Logits(int first, int count, Vector512<float>* to)
        {
            for (int c = 0; c < Width; c++)
            {
                float* lanes = (float*)(to + c);
                for (int i = 0; i < Sinkhorn.Lanes; i++)
                {
                    lanes[i] = m[(long)(first + (i < count ? i : 0)) * Width + c];
                }
                to[c] = to[c] * Vector512.Create(scale[Part(c, Rule.Streams)]) + Vector512.Create(bias[c]);
            }
        }

        public void Load(float* rows, int first, int count, Vector512<float>* to)
        {
            for (int c = 0; c < Width; c++)
            {
                to[c] = default;
                for (int i = 0; i < count; i++)
                {
                    ((float*)(to + c))[i] = rows[(long)(first + i) * Width + c];
                }
            }
        }

        public void Store(Vector512<float>* from, float* rows, int first, int count)
        {
            for (int c = 0; c < Width; c++)
            {
                for (int i = 0; i < count; i++)
                {
                    rows[(long)(first + i) * Width + c] = ((float*)(from + c))[i];
                }
            }
        }
    }

    private readonly struct ForwardKernel(Lines lines, float* y, int rows, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int n = lines.Rule.Streams;
            Vector512<float>* l = (Vector512<float>*)workers.Scratch(worker, sizeof(Vector512<float>) * (long)lines.Width);
            for (int group = start; group < end; group++)
            {
                int first = group * Sinkhorn.Lanes,
                    count = Math.Min(Sinkhorn.Lanes, rows - first);
                lines.Logits(first, count, l);
                for (int i = 0; i < n; i++)
                {
                    l[i] = Lanes.Sigmoid(l[i]) + Vector512.Create(lines.Rule.Eps);
                }
                for (int i = n; i < 2 * n && lines.Mixes; i++)
                {
                    Vector512<float> s = Lanes.Sigmoid(l[i]);
                    l[i] = s + s;
                }
                if (lines.Mixes)
                {
                    Sinkhorn.Forward(l + 2 * n, lines.Rule, null);
                }
                lines.Store(l, y, first, count);
            }
        }
    }

    private readonly struct BackwardKernel(Lines lines, float* dy, int rows, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int n = lines.Rule.Streams;
            Vector512<float>* l = (Vector512<float>*)
                workers.Scratch(worker, sizeof(Vector512<float>) * (2L * lines.Width + Sinkhorn.Saved(lines.Rule)));
            Vector512<float>* d = l + lines.Width,
                saved = d + lines.Width;
            for (int group = start; group < end; group++)
            {
                int first = group * Sinkhorn.Lanes,
                    count = Math.Min(Sinkhorn.Lanes, rows - first);
                lines.Logits(first, count, l);
                lines.Load(dy, first, count, d);
                for (int i = 0; i < (lines.Mixes ? 2 * n : n); i++)
                {
                    Vector512<float> s = Lanes.Sigmoid(l[i]),
                        slope = s * (Vector512<float>.One - s);
                    d[i] *= i < n ? slope : slope + slope;
                }
                if (lines.Mixes)
                {
                    Sinkhorn.Forward(l + 2 * n, lines.Rule, saved);
                    Sinkhorn.Backward(d + 2 * n, lines.Rule, saved);
                }
                lines.Store(d, dy, first, count);
            }
        }
    }

    private readonly struct ScaleTerm(float* dl, float* m, int streams, int width) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            for (int c = 0; c < width; c++)
            {
                sum[Part(c, streams)] += dl[(long)row * width + c] * m[(long)row * width + c];
            }
        }
    }

    /// <summary>dl becomes r · dm, and dx takes what comes by way of the norm.</summary>
    private readonly struct InputKernel(
        float* dl,
        float* m,
        float* rstd,
        float* scale,
        float* x,
        float* dx,
        bool add,
        int inputs,
        int width,
        int streams
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* d = dl + (long)row * width;
                float along = 0,
                    r = rstd[row];
                for (int c = 0; c < width; c++)
                {
                    d[c] *= scale[Part(c, streams)];
                    along += d[c] * m[(long)row * width + c];
                    d[c] *= r;
                }
                float* xr = x + (long)row * inputs,
                    to = dx + (long)row * inputs;
                float by = -along * r * r / inputs;
                if (dx != null && add)
                {
                    Lanes.AddScaled(to, xr, by, inputs);
                }
                else if (dx != null)
                {
                    Lanes.Scale(to, xr, by, inputs);
                }
            }
        }
    }
}
