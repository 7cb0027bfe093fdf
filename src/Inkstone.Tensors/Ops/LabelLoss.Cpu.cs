using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>The two sweeps of <see cref="Ops.LabelLoss"/> over the logits. V: vocabulary, C: width, N: labels.</summary>
internal sealed unsafe class LabelLossRows : IDisposable
{
    /// <summary>Most bytes of logits that are kept from the first sweep to the second.</summary>
    private const long KeptBytes = 512L << 20;

    /// <summary>Bytes of logits in flight where they are not kept.</summary>
    private const long ChunkBytes = 64L << 20;

    private readonly Device _device;
    private readonly Tensor _x,
        _weight,
        _labels,
        _logits,
        _logSums;
    private readonly LabelStatistics _statistics;
    private readonly int _count,
        _width,
        _vocabulary,
        _chunk;
    private readonly float _softCap,
        _temperature;
    private readonly bool _kept;

    public LabelLossRows(Tensor x, Tensor weight, Tensor labels, LabelStatistics statistics, float softCap, float temperature, bool keep)
    {
        (_device, _x, _weight, _labels, _statistics, _softCap, _temperature) = (
            x.Device,
            x,
            weight,
            labels,
            statistics,
            softCap,
            temperature
        );
        (_count, _width, _vocabulary) = (x.Shape.Rows, x.Shape.Last, weight.Shape[0]);
        long row = sizeof(float) * (long)_vocabulary;
        _kept = keep && _count * row <= KeptBytes;
        _chunk = Math.Max(1, _kept ? _count : (int)Math.Min(_count, Math.Max(96, ChunkBytes / row / 12 * 12)));
        _logits = _device.Rent(new Shape(_chunk, _vocabulary));
        _logSums = _device.Rent(new Shape(Math.Max(1, _count)));
        statistics.Reset(_count);
    }

    public void Dispose()
    {
        _logits.Release();
        _logSums.Release();
    }

    /// <summary>Fills the statistics.</summary>
    public void Forward()
    {
        using Profile.Scope _ = _device.Measure("label_loss.forward", flops: 2.0 * _count * _vocabulary * _width);
        for (int from = 0; from < _count; from += _chunk)
        {
            int rows = Logits(from);
            _device.Run(new StatisticsKernel(this, from), rows, 4);
        }
    }

    /// <summary>dx and dW, both overwritten.</summary>
    public void Backward(Tensor? dx, Tensor? dw)
    {
        using Profile.Scope _ = _device.Measure("label_loss.backward", flops: (_kept ? 4.0 : 6.0) * _count * _vocabulary * _width);
        if (_count == 0)
        {
            dw?.Span.Clear();
            return;
        }
        for (int from = 0; from < _count; from += _chunk)
        {
            int rows = _kept ? _count : Logits(from);
            _device.Run(new GradientKernel(this, from), rows, 4);
            HeadProducts.Gradients(_x, _weight, from, rows, _logits, dx, dw);
        }
    }

    private int Logits(int from)
    {
        int rows = Math.Min(_chunk, _count - from);
        HeadProducts.Logits(_x, _weight, from, rows, _logits);
        _device.Run(new LogitKernel(_logits.F32, _vocabulary, _softCap, _temperature), rows, 4);
        return rows;
    }

    /// <summary>Logits as they count: capped, over the temperature.</summary>
    private readonly struct LogitKernel(float* logits, int vocabulary, float softCap, float temperature) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int i = start; i < end && (softCap > 0 || temperature != 1); i++)
            {
                float* z = logits + (long)i * vocabulary;
                if (softCap > 0)
                {
                    Ops.SoftCapRow(z, vocabulary, softCap);
                }
                if (temperature != 1)
                {
                    Lanes.Scale(z, z, 1 / temperature, vocabulary);
                }
            }
        }
    }

    private readonly struct StatisticsKernel(LabelLossRows owner, int from) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int vocabulary = owner._vocabulary;
            LabelStatistics to = owner._statistics;
            for (int i = start; i < end; i++)
            {
                float* z = owner._logits.F32 + (long)i * vocabulary;
                float max = Lanes.Max(z, vocabulary),
                    label = z[owner._labels.I32[from + i]];
                LogitSums s = LogitSums.Measure(z, max, vocabulary);
                double log = Math.Log(s.Exp);
                int at = from + i;
                owner._logSums.F32[at] = (float)(max + log);
                to.LogProbStore[at] = (double)label - max - log;
                to.EntropyStore[at] = log - s.ExpTimes / s.Exp;
                to.LogSquareStore[at] = Math.Log(s.Square) - 2 * log;
                to.MeanStore[at] = s.Plain / vocabulary;
                to.TopStore[at] = label >= max ? 1 : 0;
            }
        }
    }

    /// <summary>Turns a row of logits into its gradient: with l = log p, p · (−g − h (l + H)) / T, and g / T more at the label.</summary>
    private readonly struct GradientKernel(LabelLossRows owner, int from) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int vocabulary = owner._vocabulary;
            for (int i = start; i < end; i++)
            {
                int at = from + i;
                float* z = owner._logits.F32 + (long)i * vocabulary;
                double g = owner._statistics.LogProbGradientStore[at],
                    h = owner._statistics.EntropyGradientStore[at],
                    entropy = owner._statistics.EntropyStore[at];
                float t = 1 / owner._temperature,
                    logSum = owner._logSums.F32[at];
                int label = owner._labels.I32[at];
                float capped = z[label] * owner._temperature;
                Row(
                    z,
                    vocabulary,
                    logSum,
                    (float)(-g - h * entropy) * t,
                    (float)-h * t,
                    owner._softCap > 0 ? owner._temperature / owner._softCap : 0
                );
                float slope = owner._softCap > 0 ? 1 - capped / owner._softCap * (capped / owner._softCap) : 1;
                z[label] += (float)g * t * slope;
            }
        }

        /// <summary>z = e^l · (constant + slope · l) · (1 − (cap · z)²), l = z − logSum.</summary>
        private static void Row(float* z, int n, float logSum, float constant, float slope, float cap)
        {
            int i = 0;
            for (; i <= n - 16; i += 16)
            {
                Gradient(Vector512.Load(z + i), logSum, constant, slope, cap).Store(z + i);
            }
            Lanes.StorePart(Gradient(Lanes.LoadPart(z + i, n - i), logSum, constant, slope, cap), z + i, n - i);
        }

        private static Vector512<float> Gradient(Vector512<float> z, float logSum, float constant, float slope, float cap)
        {
            Vector512<float> l = z - Vector512.Create(logSum),
                c = z * cap;
            return Lanes.Exp(l)
                * Vector512.FusedMultiplyAdd(l, Vector512.Create(slope), Vector512.Create(constant))
                * (Vector512<float>.One - c * c);
        }
    }
}

/// <summary>Sums over a row of logits z with largest m: Σ e^(z−m), Σ (z−m) e^(z−m), Σ e^(2(z−m)), Σ z. Runs of 256 in float32, their sums
/// in double.</summary>
internal readonly unsafe record struct LogitSums(double Exp, double ExpTimes, double Square, double Plain)
{
    private const int Run = 256;

    public static LogitSums Measure(float* z, float max, int n)
    {
        double exp = 0,
            times = 0,
            square = 0,
            plain = 0;
        Vector512<float> m = Vector512.Create(max);
        for (int from = 0; from < n; from += Run)
        {
            Vector512<float> e = default,
                t = default,
                q = default,
                p = default;
            int end = Math.Min(n, from + Run),
                i = from;
            for (; i <= end - 16; i += 16)
            {
                Vector512<float> v = Vector512.Load(z + i),
                    d = v - m,
                    x = Lanes.Exp(d);
                (e, t, q, p) = (e + x, Vector512.FusedMultiplyAdd(d, x, t), Vector512.FusedMultiplyAdd(x, x, q), p + v);
            }
            exp += Vector512.Sum(e);
            times += Vector512.Sum(t);
            square += Vector512.Sum(q);
            plain += Vector512.Sum(p);
            for (; i < end; i++)
            {
                float d = z[i] - max,
                    x = Lanes.Exp(Vector512.CreateScalar(d)).ToScalar();
                exp += x;
                times += (double)d * x;
                square += (double)x * x;
                plain += z[i];
            }
        }
        return new LogitSums(exp, times, square, plain);
    }
}
