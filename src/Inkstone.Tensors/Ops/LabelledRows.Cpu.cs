using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// The rows of x that have a label, and the passes over their logits that <see cref="Ops.LinearCrossEntropy"/> and
/// <see cref="Ops.LogProbs"/> share.
/// V: vocabulary, C: width, n: labelled rows.
/// </summary>
internal readonly unsafe ref struct LabelledRows : IDisposable
{
    /// <summary>Bytes of logits in flight: as many as the weight has, within these. The weight goes through memory once for each chunk, so
    /// a large one wants many rows.</summary>
    private const long LeastBytes = 24 << 20,
        MostBytes = 256 << 20;

    private readonly Device _device;
    private readonly Tensor _x,
        _labels,
        _index;
    private readonly int _count,
        _width,
        _vocabulary,
        _chunk;
    private readonly float _softCap;

    public LabelledRows(Tensor x, Tensor labels, int vocabulary, float softCap)
    {
        _softCap = softCap;
        _device = x.Device;
        _x = x;
        _labels = labels;
        _width = x.Shape.Last;
        _vocabulary = vocabulary;
        _index = _device.Rent(new Shape(Math.Max(1, x.Shape.Rows)), DType.Int32);
        int* all = labels.I32,
            index = _index.I32;
        for (int row = 0; row < x.Shape.Rows; row++)
        {
            if (all[row] == Ops.IgnoreLabel)
            {
                continue;
            }
            if ((uint)all[row] >= (uint)vocabulary)
            {
                throw new ArgumentException($"label {all[row]} of row {row} is outside the vocabulary of {vocabulary}", nameof(labels));
            }
            index[_count++] = row;
        }
        long rows = Math.Max(Math.Clamp((long)vocabulary * _width * sizeof(float), LeastBytes, MostBytes) / sizeof(float) / vocabulary, 96);
        _chunk = (int)Math.Min(rows / 12 * 12, Math.Max(_count, 1));
    }

    /// <summary>Σ log p(label); with gradients wanted, dx and dW of −scale · Σ log p(label), both overwritten.</summary>
    public double Forward(Tensor weight, float scale, Tensor? dx, Tensor? dw)
    {
        Tensor logProbs = _device.Rent(new Shape(Math.Max(_count, 1)));
        Pass(weight, logProbs.F32, null, scale, dx, dw);
        double sum = 0;
        for (int i = 0; i < _count; i++)
        {
            sum += logProbs.F32[i];
        }
        logProbs.Release();
        return sum;
    }

    /// <summary>y[row] = log p(label), 0 for rows without one.</summary>
    public void LogProbs(Tensor weight, Tensor y)
    {
        Tensor logProbs = _device.Rent(new Shape(Math.Max(_count, 1)));
        Pass(weight, logProbs.F32, null, 0, null, null);
        y.Span.Clear();
        for (int i = 0; i < _count; i++)
        {
            y.F32[_index.I32[i]] = logProbs.F32[i];
        }
        logProbs.Release();
    }

    /// <summary>dx and dW of Σ dy · log p(label), both overwritten.</summary>
    public void Backward(Tensor weight, Tensor dy, Tensor? dx, Tensor? dw) => Pass(weight, null, dy.F32, -1, dx, dw);

    public void Dispose() => _index.Release();

    /// <summary>One sweep over the chunks. The gradient of row i is scale · (rowScales ?? 1)[row] · (softmax − onehot).</summary>
    private void Pass(Tensor weight, float* logProbs, float* rowScales, float scale, Tensor? dx, Tensor? dw)
    {
        bool gradient = dx is not null || dw is not null;
        int products = 1 + (dx is null ? 0 : 1) + (dw is null ? 0 : 1);
        using Profile.Scope _ = _device.Measure("linear_cross_entropy", flops: 2.0 * products * _count * _vocabulary * _width);
        bool gathered = _count < _x.Shape.Rows;
        if (gathered)
        {
            dx?.Span.Clear();
        }
        if (_count == 0)
        {
            dw?.Span.Clear();
            return;
        }
        Tensor logits = _device.Rent(new Shape(_chunk, _vocabulary));
        Tensor? compact = gathered ? _device.Rent(new Shape(_chunk, _width)) : null;
        // Products round dz to their type anyway; rounded where it lies, half as many bytes are read, and as they are.
        bool narrow = gradient && _device.MatMulKernel.ElementType == DType.BFloat16;
        MatrixView gradients = narrow
            ? new(logits.Pointer, DType.BFloat16, 2 * (nint)_vocabulary, 1)
            : MatrixView.Rows(logits.F32, _vocabulary);
        for (int from = 0; from < _count; from += _chunk)
        {
            int rows = Math.Min(_chunk, _count - from);
            float* x = gathered ? Gather(compact!, from, rows) : _x.F32 + (long)from * _width;
            float* z = logits.F32;
            MatMul.Run(_device, MatrixView.Rows(x, _width), MatrixView.Of(weight).T, rows, _vocabulary, _width, z, _vocabulary);
            _device.Run(
                new RowKernel(
                    z,
                    _vocabulary,
                    _labels.I32,
                    _index.I32 + from,
                    logProbs == null ? null : logProbs + from,
                    rowScales,
                    scale,
                    gradient,
                    narrow,
                    _softCap,
                    _device.Workers
                ),
                rows,
                4
            );
            if (dw is not null)
            {
                float* target = dw.F32;
                MatMul.Run(
                    _device,
                    gradients.T,
                    MatrixView.Rows(x, _width),
                    _vocabulary,
                    _width,
                    rows,
                    target,
                    _width,
                    from > 0 ? target : null,
                    _width
                );
            }
            if (dx is not null)
            {
                float* target = gathered ? compact!.F32 : dx.F32 + (long)from * _width;
                MatMul.Run(_device, gradients, MatrixView.Of(weight), rows, _width, _vocabulary, target, _width);
                if (gathered)
                {
                    Scatter(compact!, from, rows, dx);
                }
            }
        }
        logits.Release();
        compact?.Release();
    }

    private float* Gather(Tensor compact, int from, int rows)
    {
        for (int i = 0; i < rows; i++)
        {
            new Span<float>(_x.F32 + (long)_index.I32[from + i] * _width, _width).CopyTo(
                new Span<float>(compact.F32 + (long)i * _width, _width)
            );
        }
        return compact.F32;
    }

    private void Scatter(Tensor compact, int from, int rows, Tensor dx)
    {
        for (int i = 0; i < rows; i++)
        {
            new Span<float>(compact.F32 + (long)i * _width, _width).CopyTo(
                new Span<float>(dx.F32 + (long)_index.I32[from + i] * _width, _width)
            );
        }
    }

    /// <summary>Turns a row of logits into its log-probability and, where wanted, into its gradient.</summary>
    private readonly struct RowKernel(
        float* logits,
        int vocabulary,
        int* labels,
        int* index,
        float* logProbs,
        float* rowScales,
        float scale,
        bool gradient,
        bool narrow,
        float softCap,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* capped = softCap > 0 ? (float*)workers.Scratch(worker, sizeof(float) * (long)vocabulary) : null;
            for (int i = start; i < end; i++)
            {
                float* z = logits + (long)i * vocabulary;
                int row = index[i],
                    label = labels[row];
                if (capped != null)
                {
                    Ops.SoftCapRow(z, vocabulary, softCap);
                    new ReadOnlySpan<float>(z, vocabulary).CopyTo(new Span<float>(capped, vocabulary));
                }
                float max = Lanes.Max(z, vocabulary),
                    target = z[label];
                float sum = Lanes.ExpSum(z, z, max, vocabulary);
                if (logProbs != null)
                {
                    logProbs[i] = target - max - MathF.Log(sum);
                }
                if (gradient)
                {
                    float factor = rowScales == null ? scale : scale * rowScales[row];
                    Lanes.Scale(z, z, factor / sum, vocabulary);
                    z[label] -= factor;
                    for (int j = 0; capped != null && j < vocabulary; j++)
                    {
                        float t = capped[j] / softCap;
                        z[j] *= 1 - t * t;
                    }
                    if (narrow)
                    {
                        BFloat16Bits.FromFloats(z, (ushort*)z, vocabulary);
                    }
                }
            }
        }
    }
}
