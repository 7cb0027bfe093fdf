using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.CausalConv"/>: rows are shared out; a row is a sum of K rows, each weighed channel by channel.</summary>
internal static unsafe class CausalConvKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor weight, Tensor? documentStarts, Tensor? history, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("causal_conv.forward", bytes: 8.0 * x.Count);
        Tensor taps = Taps(weight);
        Rows rows = new(x, taps, documentStarts, history);
        x.Device.Run(new ForwardKernel(rows, y.F32), x.Shape.Rows, Grain);
        taps.Release();
        if (history is not null)
        {
            Remember(x, history);
        }
    }

    /// <summary>dy becomes dp on the way: it is nobody else's.</summary>
    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor? documentStarts)
    {
        Device device = x.Device;
        using Profile.Scope _ = device.Measure("causal_conv.backward", bytes: 28.0 * x.Count);
        Tensor taps = Taps(weight);
        Rows rows = new(x, taps, documentStarts, null);
        device.Run(new SlopeKernel(rows, dy.F32), x.Shape.Rows, Grain);
        if (x.RequiresGrad)
        {
            Tensor dx = x.AddGrad(out bool accumulate);
            device.Run(new InputKernel(rows, dy.F32, dx.F32, accumulate), x.Shape.Rows, Grain);
        }
        if (weight.RequiresGrad)
        {
            int k = weight.Shape.Last, channels = x.Shape.Last;
            Tensor sums = device.Rent(new Shape(k, channels));
            RowSum.Run(device, new WeightTerm(rows, dy.F32), x.Shape.Rows, k * channels, sums.F32, accumulate: false);
            float* dw = weight.AddGrad(out bool accumulate).F32, sum = sums.F32;
            for (int i = 0; i < k * channels; i++)
            {
                (int channel, int column) = Math.DivRem(i, k);
                dw[i] = (accumulate ? dw[i] : 0) + sum[(k - 1 - column) * channels + channel];
            }
            sums.Release();
        }
        taps.Release();
    }

    /// <summary>The weight by distance: row j weighs the token j before, and a row of zeros follows.</summary>
    private static Tensor Taps(Tensor weight)
    {
        int channels = weight.Shape[0], k = weight.Shape.Last;
        Tensor taps = weight.Device.Rent(new Shape(k + 1, channels));
        float* target = taps.F32;
        for (int j = 0; j < k; j++)
        {
            for (int c = 0; c < channels; c++)
            {
                target[j * channels + c] = Packing.Read(weight.Pointer + ((long)c * k + k - 1 - j) * weight.DType.Size(), weight.DType);
            }
        }
        new Span<float>(target + k * channels, channels).Clear();
        return taps;
    }

    /// <summary>Moves the last K − 1 inputs into the history.</summary>
    private static void Remember(Tensor x, Tensor history)
    {
        int length = x.Shape[1], width = x.Shape.Last, kept = (int)(history.Count / ((long)x.Shape[0] * width));
        for (int b = 0; b < x.Shape[0]; b++)
        {
            Span<float> past = history.Span.Slice(b * kept * width, kept * width);
            ReadOnlySpan<float> row = x.Span.Slice(b * length * width, length * width);
            int added = Math.Min(kept, length);
            past[(added * width)..].CopyTo(past);
            row[((length - added) * width)..].CopyTo(past[((kept - added) * width)..]);
        }
    }

    /// <summary>Which rows a row is made of.</summary>
    private readonly struct Rows(Tensor x, Tensor taps, Tensor? documentStarts, Tensor? history)
    {
        public readonly int Width = x.Shape.Last, Length = x.Shape[1], K = taps.Shape[0] - 1;
        public readonly float* Tap = taps.F32;
        private readonly float* _x = x.F32, _history = history is null ? null : history.F32;
        private readonly int* _starts = documentStarts is null ? null : documentStarts.I32;

        /// <summary>The input j tokens before; zeros where the document begins later.</summary>
        public float* Before(int row, int j)
        {
            int t = row % Length;
            return t - j >= (_starts == null ? 0 : _starts[row]) ? _x + (long)(row - j) * Width
                : _history != null ? _history + ((long)(row / Length) * (K - 1) + K - 1 + t - j) * Width
                : Tap + (long)K * Width;
        }

        /// <summary>Whether the token j after is in the row and its document has begun by now.</summary>
        public bool Reaches(int row, int j) => row % Length + j < Length && (_starts == null || _starts[row + j] <= row % Length);

        /// <summary>The rows that <see cref="Sum"/> weighs: those before a row.</summary>
        public void Before(int row, float** before)
        {
            for (int j = 0; j < K; j++)
            {
                before[j] = Before(row, j);
            }
        }

        /// <summary>Σ_j w_j ∘ rows_j, 16 channels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Sum<TVector>(TVector lanes, float** from, int channel) where TVector : struct, IRowVector
        {
            Vector512<float> sum = default;
            float* tap = Tap + channel;
            for (int j = 0; j < K; j++, tap += Width)
            {
                sum = Vector512.FusedMultiplyAdd(lanes.Load(from[j] + channel), lanes.Load(tap), sum);
            }
            return sum;
        }
    }

    private readonly struct ForwardKernel(Rows rows, float* y) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float** before = stackalloc float*[rows.K];
            for (int row = start; row < end; row++)
            {
                rows.Before(row, before);
                float* target = y + (long)row * rows.Width;
                int c = 0;
                for (; c <= rows.Width - 16; c += 16)
                {
                    Channels(default(WholeVector), before, target, c);
                }
                if (c < rows.Width)
                {
                    Channels(new LastVector(rows.Width - c), before, target, c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Channels<TVector>(TVector lanes, float** before, float* target, int c) where TVector : struct, IRowVector
        {
            Vector512<float> p = rows.Sum(lanes, before, c);
            lanes.Store(p * Lanes.Sigmoid(p), target + c);
        }
    }

    /// <summary>dy becomes dp.</summary>
    private readonly struct SlopeKernel(Rows rows, float* dy) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float** before = stackalloc float*[rows.K];
            for (int row = start; row < end; row++)
            {
                rows.Before(row, before);
                float* d = dy + (long)row * rows.Width;
                int c = 0;
                for (; c <= rows.Width - 16; c += 16)
                {
                    Channels(default(WholeVector), before, d, c);
                }
                if (c < rows.Width)
                {
                    Channels(new LastVector(rows.Width - c), before, d, c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Channels<TVector>(TVector lanes, float** before, float* d, int c) where TVector : struct, IRowVector
        {
            Vector512<float> p = rows.Sum(lanes, before, c), s = Lanes.Sigmoid(p);
            lanes.Store(lanes.Load(d + c) * s * (Vector512<float>.One + p * (Vector512<float>.One - s)), d + c);
        }
    }

    private readonly struct InputKernel(Rows rows, float* dp, float* dx, bool accumulate) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float** after = stackalloc float*[rows.K];
            for (int row = start; row < end; row++)
            {
                for (int j = 0; j < rows.K; j++)
                {
                    after[j] = rows.Reaches(row, j) ? dp + (long)(row + j) * rows.Width : rows.Tap + (long)rows.K * rows.Width;
                }
                float* target = dx + (long)row * rows.Width;
                int c = 0;
                for (; c <= rows.Width - 16; c += 16)
                {
                    Channels(default(WholeVector), after, target, c);
                }
                if (c < rows.Width)
                {
                    Channels(new LastVector(rows.Width - c), after, target, c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Channels<TVector>(TVector lanes, float** after, float* target, int c) where TVector : struct, IRowVector
        {
            Vector512<float> d = rows.Sum(lanes, after, c);
            lanes.Store(accumulate ? d + lanes.Load(target + c) : d, target + c);
        }
    }

    /// <summary>Adds dp_t ∘ x_(t−j) of one row, for every j, to a sum of [K, C].</summary>
    private readonly struct WeightTerm(Rows rows, float* dp) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            float* d = dp + (long)row * rows.Width;
            for (int j = 0; j < rows.K; j++, sum += rows.Width)
            {
                float* before = rows.Before(row, j);
                int c = 0;
                for (; c <= rows.Width - 16; c += 16)
                {
                    Vector512.FusedMultiplyAdd(Vector512.Load(d + c), Vector512.Load(before + c), Vector512.Load(sum + c)).Store(sum + c);
                }
                for (; c < rows.Width; c++)
                {
                    sum[c] += d[c] * before[c];
                }
            }
        }
    }
}
