using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <c>Ops.CausalConv</c>: rows are shared out; a row is a sum of K rows, each weighed channel by channel.</summary>
internal static unsafe class CausalConvKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor weight, Tensor? documentStarts, Tensor? bias, bool silu, int dilation, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("causal_conv.forward", bytes: 8.0 * x.Count);
        Tensor taps = Taps(weight, bias);
        x.Device.Run(new ForwardKernel(new Rows(x, taps, dilation, documentStarts), y.F32, silu), x.Shape.Rows, Grain);
        taps.Release();
    }

    /// <summary>Sequences that go on from their histories, which are replaced.</summary>
    public static void Continue(Tensor x, Tensor weight, RaggedRows rows, Tensor history, Tensor? bias, bool silu, int dilation, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("causal_conv.forward", bytes: 8.0 * x.Count);
        Tensor taps = Taps(weight, bias),
            starts = x.Device.Rent(new Shape(x.Shape.Rows), DType.Int32),
            slots = x.Device.Rent(new Shape(x.Shape.Rows), DType.Int32);
        for (int i = 0; i < rows.Count; i++)
        {
            int first = rows.Starts.I32[i],
                count = rows.Starts.I32[i + 1] - first;
            new Span<int>(starts.I32 + first, count).Fill(first);
            new Span<int>(slots.I32 + first, count).Fill(rows.Slots.I32[i]);
        }
        x.Device.Run(new ForwardKernel(new Rows(x, taps, dilation, starts, history, slots), y.F32, silu), x.Shape.Rows, Grain);
        for (int i = 0; i < rows.Count; i++)
        {
            ReadOnlySpan<int> trail = rows.TrailOf(i);
            int first = rows.Starts.I32[i],
                kept = dilation * (weight.Shape.Last - 1),
                slot = rows.Slots.I32[i];
            Remember(x, first, rows.Starts.I32[i + 1] - trail.Length - first, history, slot, kept);
            for (int j = 0; j < trail.Length; j++)
            {
                history.CopyPart(slot, trail[j]);
                slot = trail[j];
                Remember(x, rows.Starts.I32[i + 1] - trail.Length + j, 1, history, slot, kept);
            }
        }
        taps.Release();
        starts.Release();
        slots.Release();
    }

    /// <summary>dy becomes dp on the way: it is nobody else's.</summary>
    public static void Backward(Tensor dy, Tensor x, Tensor weight, Tensor? documentStarts, Tensor? bias, bool silu, int dilation)
    {
        Device device = x.Device;
        using Profile.Scope _ = device.Measure("causal_conv.backward", bytes: 28.0 * x.Count);
        Tensor taps = Taps(weight, bias);
        Rows rows = new(x, taps, dilation, documentStarts);
        if (silu)
        {
            device.Run(new SlopeKernel(rows, dy.F32), x.Shape.Rows, Grain);
        }
        if (bias is { RequiresGrad: true })
        {
            Tensor db = bias.AddGrad(out bool accumulate);
            RowSum.Run(device, new RowValues(dy.F32, x.Shape.Last), x.Shape.Rows, x.Shape.Last, db.F32, accumulate);
        }
        if (x.RequiresGrad)
        {
            Tensor dx = x.AddGrad(out bool accumulate);
            device.Run(new InputKernel(rows, dy.F32, dx.F32, accumulate), x.Shape.Rows, Grain);
        }
        if (weight.RequiresGrad)
        {
            int k = weight.Shape.Last,
                channels = x.Shape.Last;
            Tensor sums = device.Rent(new Shape(k, channels));
            RowSum.Run(device, new WeightTerm(rows, dy.F32), x.Shape.Rows, k * channels, sums.F32, accumulate: false);
            float* dw = weight.AddGrad(out bool accumulate).F32,
                sum = sums.F32;
            for (int i = 0; i < k * channels; i++)
            {
                (int channel, int column) = Math.DivRem(i, k);
                dw[i] = (accumulate ? dw[i] : 0) + sum[(k - 1 - column) * channels + channel];
            }
            sums.Release();
        }
        taps.Release();
    }

    /// <summary>The weight by distance: row j weighs the token j before, and a row of zeros and the bias follow.</summary>
    private static Tensor Taps(Tensor weight, Tensor? bias)
    {
        int channels = weight.Shape[0],
            k = weight.Shape.Last;
        Tensor taps = weight.Device.Rent(new Shape(k + 2, channels));
        float* target = taps.F32;
        for (int j = 0; j < k; j++)
        {
            for (int c = 0; c < channels; c++)
            {
                target[j * channels + c] = Packing.Read(weight.Pointer + ((long)c * k + k - 1 - j) * weight.DType.Size(), weight.DType);
            }
        }
        new Span<float>(target + k * channels, 2 * channels).Clear();
        if (bias is not null)
        {
            new ReadOnlySpan<float>(bias.F32, channels).CopyTo(new Span<float>(target + (k + 1) * channels, channels));
        }
        return taps;
    }

    /// <summary>Moves the last inputs of a sequence into its history.</summary>
    private static void Remember(Tensor x, int first, int count, Tensor history, int slot, int kept)
    {
        int width = x.Shape.Last,
            added = Math.Min(kept, count);
        Span<float> past = new(history.F32 + (long)slot * kept * width, kept * width);
        past[(added * width)..].CopyTo(past);
        new ReadOnlySpan<float>(x.F32 + (long)(first + count - added) * width, added * width).CopyTo(past[((kept - added) * width)..]);
    }

    /// <summary>Which rows a row is made of.</summary>
    private readonly struct Rows(Tensor x, Tensor taps, int dilation, Tensor? documentStarts, Tensor? history = null, Tensor? slots = null)
    {
        public readonly int Width = x.Shape.Last,
            Length = x.Shape[1],
            K = taps.Shape[0] - 2;
        public readonly float* Tap = taps.F32;
        private readonly float* _x = x.F32,
            _history = history is null ? null : history.F32;
        private readonly int* _starts = documentStarts is null ? null : documentStarts.I32,
            _slots = slots is null ? null : slots.I32;

        /// <summary>The input d·j tokens before; where the document begins later what its history holds, or zeros.</summary>
        public float* Before(int row, int j)
        {
            int t = row % Length,
                back = dilation * j,
                kept = dilation * (K - 1);
            return t - back >= (_starts == null ? 0 : _starts[row]) ? _x + (long)(row - back) * Width
                : _history != null ? _history + ((long)_slots[row] * kept + kept + t - _starts[row] - back) * Width
                : Tap + (long)K * Width;
        }

        /// <summary>The token d·j after where it is in the row and its document has begun by now, else −1.</summary>
        public int After(int row, int j)
        {
            int ahead = dilation * j;
            return row % Length + ahead < Length && (_starts == null || _starts[row + ahead] <= row % Length) ? row + ahead : -1;
        }

        /// <summary>The rows that <see cref="Sum"/> weighs: those before a row.</summary>
        public void Before(int row, float** before)
        {
            for (int j = 0; j < K; j++)
            {
                before[j] = Before(row, j);
            }
        }

        /// <summary>b + Σ_j w_j ∘ rows_j, 16 channels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Value<TVector>(TVector lanes, float** from, int channel)
            where TVector : struct, IRowVector => Sum(lanes, from, channel) + lanes.Load(Tap + (K + 1) * (long)Width + channel);

        /// <summary>Σ_j w_j ∘ rows_j, 16 channels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Sum<TVector>(TVector lanes, float** from, int channel)
            where TVector : struct, IRowVector
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

    private readonly struct ForwardKernel(Rows rows, float* y, bool silu) : IRangeKernel
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
        private void Channels<TVector>(TVector lanes, float** before, float* target, int c)
            where TVector : struct, IRowVector
        {
            Vector512<float> p = rows.Value(lanes, before, c);
            lanes.Store(silu ? p * Lanes.Sigmoid(p) : p, target + c);
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
        private void Channels<TVector>(TVector lanes, float** before, float* d, int c)
            where TVector : struct, IRowVector
        {
            Vector512<float> p = rows.Value(lanes, before, c),
                s = Lanes.Sigmoid(p);
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
                    after[j] = rows.After(row, j) is >= 0 and int at ? dp + (long)at * rows.Width : rows.Tap + (long)rows.K * rows.Width;
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
        private void Channels<TVector>(TVector lanes, float** after, float* target, int c)
            where TVector : struct, IRowVector
        {
            Vector512<float> d = rows.Sum(lanes, after, c);
            lanes.Store(accumulate ? d + lanes.Load(target + c) : d, target + c);
        }
    }

    /// <summary>Adds dp_t ∘ x_(t−d·j) of one row, for every j, to a sum of [K, C].</summary>
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
