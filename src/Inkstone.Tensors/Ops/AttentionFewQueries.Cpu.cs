using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

internal static unsafe partial class AttentionKernels
{
    /// <summary>Decoding: a few queries against many keys, read in place; bound by memory. Rows of keys and values are read from there
    /// once, in order, for all heads of a task.</summary>
    private readonly struct FewQueriesKernel(
        AttentionSizes sizes,
        float* q,
        float* k,
        float* v,
        int* starts,
        float* sinks,
        float* o,
        float* lse,
        Workers workers
    ) : IRangeKernel
    {
        /// <summary>Keys whose scores are summed side by side; rows of values that the heads of a task read in turn, few enough to stay in
        /// the first cache.</summary>
        private const int Keys = 4,
            ValueRows = 64;

        /// <summary>Key-value heads of a task: neighbours of one batch entry, so that what a task reads of a row is long, and enough tasks
        /// for all threads.</summary>
        public static int Grain(AttentionSizes sizes, int threads) =>
            Math.Clamp(sizes.Batch * sizes.KeyValueHeads / (2 * threads), 1, sizes.KeyValueHeads);

        public void Run(int start, int end, int worker)
        {
            float* scores = (float*)
                workers.Scratch(
                    worker,
                    sizeof(float) * (Math.Min(end - start, sizes.KeyValueHeads) * sizes.Group * (long)ScoreStride(sizes))
                );
            for (int item = start, next; item < end; item = next)
            {
                (int batch, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                next = Math.Min(end, (batch + 1) * sizes.KeyValueHeads);
                for (int t = 0; t < sizes.Queries; t++)
                {
                    Query(batch, t, kv, kv + next - item, scores);
                }
            }
        }

        /// <summary>One query of the heads that belong to some key-value heads.</summary>
        private void Query(int batch, int t, int kvBegin, int kvEnd, float* scores)
        {
            nint row = (nint)batch * sizes.Queries + t,
                stride = ScoreStride(sizes);
            int headDim = sizes.HeadDim,
                valueDim = sizes.ValueDim,
                group = sizes.Group,
                begin = kvBegin * group,
                heads = (kvEnd - kvBegin) * group;
            int high = sizes.Keys - sizes.Queries + t + 1,
                low = sizes.FirstKey(starts == null ? 0 : starts[row], high - 1),
                count = high - low;
            float* query = q + (row * sizes.Heads + begin) * headDim,
                target = o + (row * sizes.Heads + begin) * valueDim;
            nint first = ((nint)batch * sizes.Keys + low) * sizes.KeyValueHeads + kvBegin,
                keyStride = (nint)sizes.KeyValueHeads * headDim,
                valueStride = (nint)sizes.KeyValueHeads * valueDim;
            for (int s = 0; s < count; s += Keys)
            {
                float* key = k + first * headDim + s * keyStride;
                for (int h = 0; h < heads; h++)
                {
                    FourScores(
                        query + h * headDim,
                        key + h / group * headDim,
                        keyStride,
                        Math.Min(Keys, count - s),
                        headDim,
                        sizes.Scale,
                        scores + h * stride + s
                    );
                }
            }
            for (int h = 0; h < heads; h++)
            {
                float* p = scores + h * stride;
                if (sizes.SoftCap > 0)
                {
                    Ops.SoftCapRow(p, count, sizes.SoftCap);
                }
                float max = Lanes.Max(p, count);
                max = sinks == null ? max : MathF.Max(max, sinks[begin + h]);
                float total = Lanes.ExpSum(p, p, max, count) + (sinks == null ? 0 : MathF.Exp(sinks[begin + h] - max));
                Lanes.Scale(p, p, 1 / total, count);
                lse[((nint)batch * sizes.Heads + begin + h) * sizes.Queries + t] = (max + MathF.Log(total)) * Lanes.Log2E;
            }
            new Span<float>(target, heads * valueDim).Clear();
            for (int s = 0; s < count; s += ValueRows)
            {
                float* value = v + first * valueDim + s * valueStride;
                for (int h = 0; h < heads; h++)
                {
                    AddValues(
                        target + h * valueDim,
                        value + h / group * valueDim,
                        valueStride,
                        scores + h * stride + s,
                        Math.Min(ValueRows, count - s),
                        valueDim
                    );
                }
            }
        }

        /// <summary>scale · q·k of 1 to 4 keys. Four numbers are always written, the last one again for keys that do not exist.</summary>
        private static void FourScores(float* query, float* key, nint stride, int keys, int headDim, float scale, float* scores)
        {
            float* k1 = keys > 1 ? key + stride : key,
                k2 = keys > 2 ? k1 + stride : k1,
                k3 = keys > 3 ? k2 + stride : k2;
            Vector512<float> a = default,
                b = default,
                c = default,
                d = default;
            int i = 0;
            for (; i <= headDim - 16; i += 16)
            {
                Vector512<float> x = Vector512.Load(query + i);
                a = Vector512.FusedMultiplyAdd(x, Vector512.Load(key + i), a);
                b = Vector512.FusedMultiplyAdd(x, Vector512.Load(k1 + i), b);
                c = Vector512.FusedMultiplyAdd(x, Vector512.Load(k2 + i), c);
                d = Vector512.FusedMultiplyAdd(x, Vector512.Load(k3 + i), d);
            }
            Vector128<float> sums = Transpose4.Sums(Lanes.Quarter(a), Lanes.Quarter(b), Lanes.Quarter(c), Lanes.Quarter(d));
            for (; i < headDim; i++)
            {
                sums += query[i] * Vector128.Create(key[i], k1[i], k2[i], k3[i]);
            }
            (sums * scale).Store(scores);
        }

        /// <summary>target += Σ p[row] · values[row]; the sums stay in registers.</summary>
        private static void AddValues(float* target, float* values, nint stride, float* p, int rows, int width)
        {
            int i = 0;
            for (; i <= width - 64; i += 64)
            {
                Vector512<float> a = Vector512.Load(target + i),
                    b = Vector512.Load(target + i + 16),
                    c = Vector512.Load(target + i + 32),
                    d = Vector512.Load(target + i + 48);
                float* v = values + i;
                for (int s = 0; s < rows; s++, v += stride)
                {
                    Vector512<float> weight = Vector512.Create(p[s]);
                    a = Vector512.FusedMultiplyAdd(weight, Vector512.Load(v), a);
                    b = Vector512.FusedMultiplyAdd(weight, Vector512.Load(v + 16), b);
                    c = Vector512.FusedMultiplyAdd(weight, Vector512.Load(v + 32), c);
                    d = Vector512.FusedMultiplyAdd(weight, Vector512.Load(v + 48), d);
                }
                a.Store(target + i);
                b.Store(target + i + 16);
                c.Store(target + i + 32);
                d.Store(target + i + 48);
            }
            for (int s = 0; s < rows && i < width; s++)
            {
                Lanes.AddScaled(target + i, values + i + s * stride, p[s], width - i);
            }
        }

        /// <summary>Heads' scores of one key must not share a cache set.</summary>
        private static nint ScoreStride(AttentionSizes sizes) => sizes.Keys + 16;
    }
}
