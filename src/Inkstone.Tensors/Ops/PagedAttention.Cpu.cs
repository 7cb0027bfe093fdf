using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <see cref="Ops.PagedAttention"/>. A task has up to 16 rows: some tokens of a sequence, each with the heads of one
/// key-value head. Keys lie as
/// blocks [D, 16], so sixteen scores are a vector and nothing is summed across lanes; a product of a query and a key adds its D terms in
/// order, a result its keys in order.
/// </summary>
internal static unsafe class PagedAttentionKernels
{
    private const int Block = RaggedRows.BlockTokens,
        MostRows = 16,
        Four = 4;

    public static void Forward(
        PagedSizes sizes,
        Tensor q,
        Tensor? keys,
        Tensor values,
        RaggedRows rows,
        Tensor tables,
        Tensor? sinks,
        Tensor o
    )
    {
        Device device = q.Device;
        int heads = Math.Min(sizes.Group, MostRows),
            parts = (sizes.Group + heads - 1) / heads,
            tokens = Math.Max(1, MostRows / heads);
        int* starts = rows.Starts.I32,
            past = rows.Past.I32;
        Tensor tiles = device.Rent(new Shape(rows.Count + 1), DType.Int32);
        int longest = 0;
        double pairs = 0;
        tiles.I32[0] = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            int count = starts[i + 1] - starts[i];
            tiles.I32[i + 1] = tiles.I32[i] + (count + tokens - 1) / tokens;
            longest = Math.Max(longest, (int)Math.Min(past[i] + count, (long)sizes.Window + tokens + Block));
            pairs += count * (past[i] + 0.5 * (count + 1));
        }
        using Profile.Scope _ = device.Measure("paged_attention", flops: 2 * pairs * sizes.Heads * (sizes.HeadDim + sizes.ValueDim));
        Kernel kernel = new(
            sizes,
            q.F32,
            keys is null ? null : keys.F32,
            values.F32,
            starts,
            past,
            tables.I32,
            tables.Shape[1],
            tiles.I32,
            sinks is null ? null : sinks.F32,
            o.F32,
            heads,
            parts,
            tokens,
            (longest + 2 * Block) / Block * Block + Block,
            values.Shape.Last,
            device.Workers
        );
        device.Run(kernel, tiles.I32[rows.Count] * sizes.KeyValueHeads * parts, 1);
        tiles.Release();
    }

    private readonly struct Kernel(
        PagedSizes sizes,
        float* q,
        float* keys,
        float* values,
        int* starts,
        int* past,
        int* tables,
        int tableWidth,
        int* tiles,
        float* sinks,
        float* o,
        int heads,
        int parts,
        int tokens,
        int scoreStride,
        int valueStride,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long panel = keys == null ? (long)sizes.HeadDim * Block * Four : 0;
            float* scratch = (float*)workers.Scratch(worker, sizeof(float) * ((long)MostRows * scoreStride + panel + MostRows));
            for (int item = start; item < end; item++)
            {
                (int tile, int head) = Math.DivRem(item, sizes.KeyValueHeads * parts);
                (int kv, int part) = Math.DivRem(head, parts);
                int sequence = 0;
                while (tiles[sequence + 1] <= tile)
                {
                    sequence++;
                }
                int first = (tile - tiles[sequence]) * tokens,
                    count = Math.Min(tokens, starts[sequence + 1] - starts[sequence] - first);
                int from = part * heads,
                    of = Math.Min(heads, sizes.Group - from);
                Tile(sequence, first, count, kv, kv * sizes.Group + from, of, scratch);
            }
        }

        /// <summary>Tokens [first, first + count) of a sequence, heads [head, head + of), which share the key-value head kv.</summary>
        private void Tile(int sequence, int first, int count, int kv, int head, int of, float* scores)
        {
            float* inverse = scores + (long)MostRows * scoreStride,
                panel = inverse + MostRows;
            int position = past[sequence] + first,
                low = sizes.FirstKey(position),
                high = position + count,
                rows = count * of;
            int* table = tables + (long)sequence * tableWidth;
            int block = low / Block,
                blocks = (high + Block - 1) / Block - block,
                origin = block * Block;
            float** queries = stackalloc float*[MostRows + Four];
            float** results = stackalloc float*[MostRows + Four];
            for (int r = 0; r < rows; r++)
            {
                (int t, int h) = Math.DivRem(r, of);
                long row = starts[sequence] + first + t;
                queries[r] = q + (row * sizes.Heads + head + h) * sizes.HeadDim;
                results[r] = o + (row * sizes.Heads + head + h) * sizes.ValueDim;
            }
            for (int r = rows; r < rows + Four; r++)
            {
                queries[r] = queries[rows - 1];
                results[r] = results[rows - 1];
            }
            Scores(table, block, blocks, kv, queries, rows, scores, panel);
            for (int r = 0; r < rows; r++)
            {
                int p = position + r / of;
                inverse[r] = Softmax(
                    scores + (long)r * scoreStride,
                    sizes.FirstKey(p) - origin,
                    p + 1 - origin,
                    blocks,
                    sinks == null ? float.NegativeInfinity : sinks[head + r % of]
                );
            }
            for (int r = 0; r < rows; r += Four)
            {
                Values(table, low, high, origin, kv, scores + (long)r * scoreStride, Math.Min(Four, rows - r), results + r, inverse + r);
            }
        }

        /// <summary>scores[r][key] = scale · q_r · key for all keys of some blocks, four blocks at a time.</summary>
        private void Scores(int* table, int block, int blocks, int kv, float** queries, int rows, float* scores, float* packed)
        {
            float** panels = stackalloc float*[Four];
            for (int b = 0; b < blocks; b += Four)
            {
                int vectors = Math.Min(Four, blocks - b);
                for (int i = 0; i < Four; i++)
                {
                    long at = table[block + b + Math.Min(i, vectors - 1)];
                    panels[i] =
                        keys != null ? keys + (at * sizes.KeyValueHeads + kv) * sizes.HeadDim * Block
                        : i < vectors ? Pack(values + at * Block * valueStride, packed + (long)i * sizes.HeadDim * Block)
                        : panels[i - 1];
                }
                for (int r = 0; r < rows; r += Four)
                {
                    if (rows - r == 1)
                    {
                        OneRow(queries[r], panels, sizes.HeadDim, sizes.Scale, scores + (long)r * scoreStride + b * Block, vectors);
                    }
                    else
                    {
                        FourRows(
                            queries + r,
                            panels,
                            sizes.HeadDim,
                            sizes.Scale,
                            scores + (long)r * scoreStride + b * Block,
                            scoreStride,
                            Math.Min(Four, rows - r),
                            vectors
                        );
                    }
                }
            }
        }

        /// <summary>Sixteen rows of latents as [D, 16].</summary>
        private float* Pack(float* rows, float* target)
        {
            int d = 0;
            for (; d <= sizes.HeadDim - 4; d += 4)
            {
                for (int i = 0; i < Block; i += 4)
                {
                    Transpose4.Run(rows + (long)i * valueStride + d, valueStride, target + (long)d * Block + i, Block);
                }
            }
            for (; d < sizes.HeadDim; d++)
            {
                for (int i = 0; i < Block; i++)
                {
                    target[(long)d * Block + i] = rows[(long)i * valueStride + d];
                }
            }
            return target;
        }

        /// <summary>Turns the scores of keys [low, high) into e^(s − max) and all others into 0; returns 1 / Σ.</summary>
        private float Softmax(float* scores, int low, int high, int blocks, float sink)
        {
            Vector512<float> largest = Vector512.Create(float.NegativeInfinity),
                lanes = Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            if (sizes.SoftCap > 0)
            {
                Ops.SoftCapRow(scores + low, high - low, sizes.SoftCap);
            }
            int begin = low / Block * Block,
                end = (high + Block - 1) / Block * Block;
            new Span<float>(scores, begin).Clear();
            new Span<float>(scores + end, blocks * Block - end).Clear();
            for (int i = begin; i < end; i += Block)
            {
                Vector512<float> place = lanes + Vector512.Create((float)i);
                Vector512<float> seen =
                    Vector512.GreaterThanOrEqual(place, Vector512.Create((float)low))
                    & Vector512.LessThan(place, Vector512.Create((float)high));
                Vector512<float> s = Vector512.ConditionalSelect(
                    seen,
                    Vector512.Load(scores + i),
                    Vector512.Create(float.NegativeInfinity)
                );
                s.Store(scores + i);
                largest = Vector512.Max(largest, s);
            }
            float max = MathF.Max(Lanes.Max((float*)&largest, Block), sink);
            Vector512<float> sum = default,
                shift = Vector512.Create(max);
            for (int i = begin; i < end; i += Block)
            {
                Vector512<float> s = Vector512.Load(scores + i);
                Vector512<float> e = Vector512.ConditionalSelect(
                    Vector512.Equals(s, Vector512.Create(float.NegativeInfinity)),
                    Vector512<float>.Zero,
                    Lanes.Exp(s - shift)
                );
                e.Store(scores + i);
                sum += e;
            }
            return 1 / (Vector512.Sum(sum) + (float.IsNegativeInfinity(sink) ? 0 : MathF.Exp(sink - max)));
        }

        /// <summary>result_r = Σ p_r[key] · value[key] / Σ p_r, up to four rows at a time, 64 columns at a time.</summary>
        private void Values(int* table, int low, int high, int origin, int kv, float* p, int rows, float** results, float* inverse)
        {
            float* p1 = rows > 1 ? p + scoreStride : p,
                p2 = rows > 2 ? p1 + scoreStride : p1,
                p3 = rows > 3 ? p2 + scoreStride : p2;
            int column = 0,
                width = sizes.ValueDim;
            float* store = values + (long)kv * width;
            for (; column <= width - 64; column += 64)
            {
                Vector512<float> a0 = default,
                    a1 = default,
                    a2 = default,
                    a3 = default,
                    b0 = default,
                    b1 = default,
                    b2 = default,
                    b3 = default;
                Vector512<float> c0 = default,
                    c1 = default,
                    c2 = default,
                    c3 = default,
                    d0 = default,
                    d1 = default,
                    d2 = default,
                    d3 = default;
                for (int key = low, stop; key < high; key = stop)
                {
                    stop = Math.Min(high, (key / Block + 1) * Block);
                    float* v = store + ((long)table[key / Block] * Block + key % Block) * valueStride + column;
                    for (int i = key - origin; i < stop - origin; i++, v += valueStride)
                    {
                        Vector512<float> v0 = Vector512.Load(v),
                            v1 = Vector512.Load(v + 16),
                            v2 = Vector512.Load(v + 32),
                            v3 = Vector512.Load(v + 48),
                            w = Vector512.Create(p[i]);
                        a0 = Vector512.FusedMultiplyAdd(w, v0, a0);
                        a1 = Vector512.FusedMultiplyAdd(w, v1, a1);
                        a2 = Vector512.FusedMultiplyAdd(w, v2, a2);
                        a3 = Vector512.FusedMultiplyAdd(w, v3, a3);
                        w = Vector512.Create(p1[i]);
                        b0 = Vector512.FusedMultiplyAdd(w, v0, b0);
                        b1 = Vector512.FusedMultiplyAdd(w, v1, b1);
                        b2 = Vector512.FusedMultiplyAdd(w, v2, b2);
                        b3 = Vector512.FusedMultiplyAdd(w, v3, b3);
                        w = Vector512.Create(p2[i]);
                        c0 = Vector512.FusedMultiplyAdd(w, v0, c0);
                        c1 = Vector512.FusedMultiplyAdd(w, v1, c1);
                        c2 = Vector512.FusedMultiplyAdd(w, v2, c2);
                        c3 = Vector512.FusedMultiplyAdd(w, v3, c3);
                        w = Vector512.Create(p3[i]);
                        d0 = Vector512.FusedMultiplyAdd(w, v0, d0);
                        d1 = Vector512.FusedMultiplyAdd(w, v1, d1);
                        d2 = Vector512.FusedMultiplyAdd(w, v2, d2);
                        d3 = Vector512.FusedMultiplyAdd(w, v3, d3);
                    }
                }
                Store(results[0] + column, a0, a1, a2, a3, inverse[0]);
                if (rows > 1)
                {
                    Store(results[1] + column, b0, b1, b2, b3, inverse[1]);
                }
                if (rows > 2)
                {
                    Store(results[2] + column, c0, c1, c2, c3, inverse[2]);
                }
                if (rows > 3)
                {
                    Store(results[3] + column, d0, d1, d2, d3, inverse[3]);
                }
            }
            for (int r = 0; r < rows && column < width; r++)
            {
                Rest(table, low, high, origin, store, p + (long)r * scoreStride, results[r], inverse[r], column);
            }
        }

        /// <summary>Columns that no vector of 64 reaches, 16 at a time.</summary>
        private void Rest(int* table, int low, int high, int origin, float* store, float* p, float* result, float inverse, int column)
        {
            for (; column < sizes.ValueDim; column += 16)
            {
                int count = Math.Min(16, sizes.ValueDim - column);
                Vector512<float> sum = default;
                for (int key = low; key < high; key++)
                {
                    float* v = store + ((long)table[key / Block] * Block + key % Block) * valueStride + column;
                    sum = Vector512.FusedMultiplyAdd(
                        Vector512.Create(p[key - origin]),
                        count == 16 ? Vector512.Load(v) : Lanes.LoadPart(v, count),
                        sum
                    );
                }
                if (count == 16)
                {
                    (sum * inverse).Store(result + column);
                }
                else
                {
                    Lanes.StorePart(sum * inverse, result + column, count);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float scale)
    {
        (a * scale).Store(target);
        (b * scale).Store(target + 16);
        (c * scale).Store(target + 32);
        (d * scale).Store(target + 48);
    }

    /// <summary>One query and 64 keys.</summary>
    private static void OneRow(float* query, float** panels, int dim, float scale, float* scores, int vectors)
    {
        float* k0 = panels[0],
            k1 = panels[1],
            k2 = panels[2],
            k3 = panels[3];
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            a3 = default;
        for (int d = 0; d < dim; d++, k0 += Block, k1 += Block, k2 += Block, k3 += Block)
        {
            Vector512<float> x = Vector512.Create(query[d]);
            a0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(k0), a0);
            a1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(k1), a1);
            a2 = Vector512.FusedMultiplyAdd(x, Vector512.Load(k2), a2);
            a3 = Vector512.FusedMultiplyAdd(x, Vector512.Load(k3), a3);
        }
        StoreScores(scores, a0, a1, a2, a3, scale, vectors);
    }

    /// <summary>Up to four queries (missing ones repeat the last) and 64 keys.</summary>
    private static void FourRows(float** queries, float** panels, int dim, float scale, float* scores, nint stride, int rows, int vectors)
    {
        float* x0 = queries[0],
            x1 = queries[1],
            x2 = queries[2],
            x3 = queries[3],
            k0 = panels[0],
            k1 = panels[1],
            k2 = panels[2],
            k3 = panels[3];
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            a3 = default,
            b0 = default,
            b1 = default,
            b2 = default,
            b3 = default;
        Vector512<float> c0 = default,
            c1 = default,
            c2 = default,
            c3 = default,
            d0 = default,
            d1 = default,
            d2 = default,
            d3 = default;
        for (int d = 0; d < dim; d++, k0 += Block, k1 += Block, k2 += Block, k3 += Block)
        {
            Vector512<float> v0 = Vector512.Load(k0),
                v1 = Vector512.Load(k1),
                v2 = Vector512.Load(k2),
                v3 = Vector512.Load(k3),
                x = Vector512.Create(x0[d]);
            a0 = Vector512.FusedMultiplyAdd(x, v0, a0);
            a1 = Vector512.FusedMultiplyAdd(x, v1, a1);
            a2 = Vector512.FusedMultiplyAdd(x, v2, a2);
            a3 = Vector512.FusedMultiplyAdd(x, v3, a3);
            x = Vector512.Create(x1[d]);
            b0 = Vector512.FusedMultiplyAdd(x, v0, b0);
            b1 = Vector512.FusedMultiplyAdd(x, v1, b1);
            b2 = Vector512.FusedMultiplyAdd(x, v2, b2);
            b3 = Vector512.FusedMultiplyAdd(x, v3, b3);
            x = Vector512.Create(x2[d]);
            c0 = Vector512.FusedMultiplyAdd(x, v0, c0);
            c1 = Vector512.FusedMultiplyAdd(x, v1, c1);
            c2 = Vector512.FusedMultiplyAdd(x, v2, c2);
            c3 = Vector512.FusedMultiplyAdd(x, v3, c3);
            x = Vector512.Create(x3[d]);
            d0 = Vector512.FusedMultiplyAdd(x, v0, d0);
            d1 = Vector512.FusedMultiplyAdd(x, v1, d1);
            d2 = Vector512.FusedMultiplyAdd(x, v2, d2);
            d3 = Vector512.FusedMultiplyAdd(x, v3, d3);
        }
        StoreScores(scores, a0, a1, a2, a3, scale, vectors);
        if (rows > 1)
        {
            StoreScores(scores + stride, b0, b1, b2, b3, scale, vectors);
        }
        if (rows > 2)
        {
            StoreScores(scores + 2 * stride, c0, c1, c2, c3, scale, vectors);
        }
        if (rows > 3)
        {
            StoreScores(scores + 3 * stride, d0, d1, d2, d3, scale, vectors);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScores(
        float* scores,
        Vector512<float> a,
        Vector512<float> b,
        Vector512<float> c,
        Vector512<float> d,
        float scale,
        int vectors
    )
    {
        (a * scale).Store(scores);
        if (vectors > 1)
        {
            (b * scale).Store(scores + Block);
        }
        if (vectors > 2)
        {
            (c * scale).Store(scores + 2 * Block);
        }
        if (vectors > 3)
        {
            (d * scale).Store(scores + 3 * Block);
        }
    }
}
