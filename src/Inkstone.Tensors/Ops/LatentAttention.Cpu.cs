namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.AbsorbKeys"/> and <see cref="Ops.ExpandValues"/>: a task is one head of all tokens, so its
/// weights stay in the cache.</summary>
internal static unsafe class LatentAttentionKernels
{
    public static void AbsorbKeys(Tensor q, Tensor weight, int heads, int keyDim, Tensor y)
    {
        using Profile.Scope _ = q.Device.Measure("absorb_keys", flops: 2.0 * q.Shape.Rows * heads * keyDim * weight.Shape.Last);
        Sizes sizes = new(q.Shape.Rows, heads, keyDim, weight.Shape[0] / heads, weight.Shape.Last, q.Shape.Last / heads);
        q.Device.Run(new AbsorbKernel(sizes, q.F32, MatrixView.Of(weight), y.F32, q.Device.Workers), heads, 1);
    }

    public static void ExpandValues(Tensor x, Tensor weight, int heads, int keyDim, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("expand_values", flops: 2.0 * x.Shape.Rows * weight.Count);
        Sizes sizes = new(x.Shape.Rows, heads, keyDim, weight.Shape[0] / heads, weight.Shape.Last, x.Shape.Last / heads);
        x.Device.Run(new ExpandKernel(sizes, x.F32, MatrixView.Of(weight), y.F32, x.Device.Workers), heads, 1);
    }

    /// <summary>Row: weight rows of a head, Dn + Dv. Width: of a head of the input.</summary>
    private readonly record struct Sizes(int Tokens, int Heads, int KeyDim, int Row, int Rank, int Width);

    /// <summary>A row of the weight as floats, in place or widened into scratch memory.</summary>
    private static float* WeightRow(MatrixView weight, int row, int rank, float* scratch)
    {
        MatrixView from = weight.From(row, 0);
        if (from.Type == DType.Float32)
        {
            return (float*)from.Pointer;
        }
        RowDecoder.Decode(from, rank, scratch);
        return scratch;
    }

    private readonly struct AbsorbKernel(Sizes s, float* q, MatrixView weight, float* y, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* scratch = (float*)workers.Scratch(worker, sizeof(float) * s.Rank);
            int rotated = s.Width - s.KeyDim,
                width = s.Rank + rotated;
            for (int head = start; head < end; head++)
            {
                for (int t = 0; t < s.Tokens; t++)
                {
                    float* from = q + ((long)t * s.Heads + head) * s.Width,
                        to = y + ((long)t * s.Heads + head) * width;
                    new Span<float>(to, s.Rank).Clear();
                    new ReadOnlySpan<float>(from + s.KeyDim, rotated).CopyTo(new Span<float>(to + s.Rank, rotated));
                }
                for (int d = 0; d < s.KeyDim; d++)
                {
                    float* row = WeightRow(weight, head * s.Row + d, s.Rank, scratch);
                    for (int t = 0; t < s.Tokens; t++)
                    {
                        Lanes.AddScaled(y + ((long)t * s.Heads + head) * width, row, q[((long)t * s.Heads + head) * s.Width + d], s.Rank);
                    }
                }
            }
        }
    }

    private readonly struct ExpandKernel(Sizes s, float* x, MatrixView weight, float* y, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* scratch = (float*)workers.Scratch(worker, sizeof(float) * s.Rank);
            int valueDim = s.Row - s.KeyDim;
            for (int head = start; head < end; head++)
            {
                for (int d = 0; d < valueDim; d++)
                {
                    float* row = WeightRow(weight, head * s.Row + s.KeyDim + d, s.Rank, scratch);
                    for (int t = 0; t < s.Tokens; t++)
                    {
                        y[((long)t * s.Heads + head) * valueDim + d] = Lanes.Dot(x + ((long)t * s.Heads + head) * s.Width, row, s.Rank);
                    }
                }
            }
        }
    }
}
