using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>The sweep of <see cref="Ops.LogitDivergence"/> over the logits of student and teacher. V: vocabulary, C: width, N:
/// rows.</summary>
internal sealed unsafe class LogitDivergenceRows(
    Tensor x,
    Tensor weight,
    float softCap,
    Tensor teacherX,
    Tensor teacherWeight,
    float teacherSoftCap,
    float beta,
    float temperature
)
{
    private const long ChunkBytes = 48L << 20;

    private readonly Device _device = x.Device;
    private readonly int _vocabulary = weight.Shape[0];
    private Tensor _sums = null!;

    /// <summary>Σ D and Σ entropy; with gradients wanted, dx and dW of scale · Σ D, both overwritten.</summary>
    public (double Divergence, double Entropy) Run(float scale, Tensor? dx, Tensor? dw)
    {
        int count = x.Shape.Rows,
            width = x.Shape.Last;
        using Profile.Scope _ = _device.Measure(
            "logit_divergence",
            flops: (double)count * _vocabulary * ((dx is null && dw is null ? 2.0 : 6.0) * width + 2.0 * teacherX.Shape.Last)
        );
        int chunk = (int)Math.Clamp(ChunkBytes / sizeof(float) / _vocabulary / 12 * 12, 96, Math.Max(count, 96));
        Tensor logits = _device.Rent(new Shape(chunk, _vocabulary)),
            teacher = _device.Rent(new Shape(chunk, _vocabulary));
        _sums = _device.Rent(new Shape(2, Math.Max(count, 1)));
        if (count == 0)
        {
            dw?.Span.Clear();
        }
        for (int from = 0; from < count; from += chunk)
        {
            int rows = Math.Min(chunk, count - from);
            HeadProducts.Logits(x, weight, from, rows, logits);
            HeadProducts.Logits(teacherX, teacherWeight, from, rows, teacher);
            _device.Run(new RowKernel(this, logits.F32, teacher.F32, from, scale, dx is not null || dw is not null), rows, 4);
            HeadProducts.Gradients(x, weight, from, rows, logits, dx, dw);
        }
        double divergence = 0,
            entropy = 0;
        for (int i = 0; i < count; i++)
        {
            (divergence, entropy) = (divergence + _sums.F32[i], entropy + _sums.F32[count + i]);
        }
        logits.Release();
        teacher.Release();
        _sums.Release();
        return (divergence, entropy);
    }

    private readonly struct RowKernel(LogitDivergenceRows owner, float* logits, float* teacherLogits, int from, float scale, bool gradient)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int n = owner._vocabulary,
                count = owner.SumCount;
            for (int i = start; i < end; i++)
            {
                float* z = logits + (long)i * n,
                    t = teacherLogits + (long)i * n;
                float* capped = null;
                if (owner.SoftCap > 0)
                {
                    Ops.SoftCapRow(z, n, owner.SoftCap);
                    capped = (float*)owner.Workers.Scratch(worker, sizeof(float) * (long)n);
                    new ReadOnlySpan<float>(z, n).CopyTo(new Span<float>(capped, n));
                }
                if (owner.TeacherSoftCap > 0)
                {
                    Ops.SoftCapRow(t, n, owner.TeacherSoftCap);
                }
                (double divergence, double entropy) = Row(z, t, n);
                owner.Sum(from + i, divergence);
                owner.Sum(count + from + i, entropy);
                for (int j = 0; capped != null && j < n; j++)
                {
                    float c = capped[j] / owner.SoftCap;
                    z[j] *= 1 - c * c;
                }
            }
        }

        private (double Divergence, double Entropy) Row(float* z, float* t, int n)
        {
            float inverse = 1 / owner.Temperature;
            LogSoftmax(z, n, inverse);
            LogSoftmax(t, n, inverse);
            double divergence = 0,
                entropy = 0,
                mean = 0; // mean: Σ p g
            float beta = owner.Beta;
            for (int j = 0; j < n; j += 16)
            {
                int part = Math.Min(16, n - j);
                Vector512<float> ls = Lanes.LoadPart(z + j, part),
                    lt = Lanes.LoadPart(t + j, part);
                Vector512<float> ps = Lanes.Exp(ls),
                    pt = Lanes.Exp(lt),
                    g = Slope(ls, lt, ps, pt, beta, out Vector512<float> d);
                if (part < 16)
                {
                    Vector512<float> inside = Vector512.LessThan(Vector512<float>.Indices, Vector512.Create((float)part));
                    (ps, d) = (ps & inside, d & inside);
                }
                divergence += Vector512.Sum(d);
                entropy -= Vector512.Sum(ps * ls);
                mean += Vector512.Sum(ps * g);
            }
            if (gradient)
            {
                Vector512<float> shift = Vector512.Create((float)mean),
                    factor = Vector512.Create(scale * inverse);
                for (int j = 0; j < n; j += 16)
                {
                    int part = Math.Min(16, n - j);
                    Vector512<float> ls = Lanes.LoadPart(z + j, part),
                        lt = Lanes.LoadPart(t + j, part),
                        ps = Lanes.Exp(ls),
                        pt = Lanes.Exp(lt);
                    Vector512<float> dz = beta == 0 ? ps - pt : ps * (Slope(ls, lt, ps, pt, beta, out _) - shift);
                    Lanes.StorePart(dz * factor, z + j, part);
                }
            }
            return (divergence, entropy);
        }

        /// <summary>g = ∂D/∂p where that is not −q / p, and the summands of D.</summary>
        private static Vector512<float> Slope(
            Vector512<float> ls,
            Vector512<float> lt,
            Vector512<float> ps,
            Vector512<float> pt,
            float beta,
            out Vector512<float> d
        )
        {
            if (beta == 0)
            {
                d = pt * (lt - ls);
                return Vector512<float>.Zero;
            }
            if (beta == 1)
            {
                d = ps * (ls - lt);
                return ls - lt;
            }
            // Where both are 0 the logarithm of their mean is −∞, and nothing counts.
            Vector512<float> lm = Vector512.Max(Vector512.Log(pt * beta + ps * (1 - beta)), Vector512.Create(-1e4f));
            d = pt * (lt - lm) * beta + ps * (ls - lm) * (1 - beta);
            return (ls - lm) * (1 - beta);
        }

        private static void LogSoftmax(float* z, int n, float inverse)
        {
            if (inverse != 1)
            {
                Lanes.Scale(z, z, inverse, n);
            }
            float max = Lanes.Max(z, n),
                log = (float)(max + Math.Log(LogitSums.Measure(z, max, n).Exp));
            for (int i = 0; i < n; i += 16)
            {
                int part = Math.Min(16, n - i);
                Lanes.StorePart(Lanes.LoadPart(z + i, part) - Vector512.Create(log), z + i, part);
            }
        }
    }

    private Workers Workers => _device.Workers;

    private float SoftCap => softCap;

    private float TeacherSoftCap => teacherSoftCap;

    private float Temperature => temperature;

    private float Beta => beta;

    private int SumCount => x.Shape.Rows;

    private void Sum(int at, double value) => _sums.F32[at] = (float)value;
}
