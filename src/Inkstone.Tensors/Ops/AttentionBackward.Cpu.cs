namespace Inkstone.Tensors;

/// <summary>
/// Backward pass of attention: one task per key-value head goes through all its query heads, so that dk and dv need no locks and one order
/// of sums.
/// </summary>
/// <remarks>
/// For a block of keys all blocks of queries that see it are visited, 32 keys at a time: S = Q · Kᵀ and dO · Vᵀ have queries as rows and
/// keys as lanes, so that pairs of
/// rows of P and dS are rows of B for dVᵀ += dOᵀ · P and dKᵀ += Qᵀ · dS; dS alone is transposed, for dQᵀ += Kᵀ · dSᵀ. A block's dKᵀ and dVᵀ
/// stay in the cache, dQᵀ of
/// the whole head lies in scratch memory, as do q and do, packed once in both directions.
/// </remarks>
internal static unsafe partial class AttentionKernels
{
    public static void Backward(AttentionSizes sizes, Tensor q, Tensor k, Tensor v, Tensor? documentStarts, Tensor o, Tensor lse, Tensor dO)
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("attention.backward", flops: sizes.BackwardFlops);
        bool addQ = false,
            addK = false,
            addV = false;
        Tensor? dq = q.RequiresGrad ? q.AddGrad(out addQ) : null;
        Tensor? dk = k.RequiresGrad ? k.AddGrad(out addK) : null;
        Tensor? dv = v.RequiresGrad ? v.AddGrad(out addV) : null;
        Strips strips = new(device.MatMulKernel);
        Gradients gradients = new(dq is null ? null : dq.F32, addQ, dk is null ? null : dk.F32, addK, dv is null ? null : dv.F32, addV);
        device.Run(
            new BackwardKernel(
                sizes,
                strips,
                new BackwardLayout(strips, sizes),
                q.F32,
                k.F32,
                v.F32,
                documentStarts is null ? null : documentStarts.I32,
                o.F32,
                lse.F32,
                dO.F32,
                gradients,
                device.Workers
            ),
            sizes.Batch * sizes.KeyValueHeads,
            sizes.Batch * sizes.KeyValueHeads / (8 * device.Workers.Count) // heads beside one another, as forward
        );
    }

    /// <summary>Gradient of each head's sink: −Σ over batch and queries of exp(sink − lse) · δ.</summary>
    public static void BackwardSinks(AttentionSizes sizes, Tensor sinks, Tensor o, Tensor lse, Tensor dO)
    {
        float* target = sinks.AddGrad(out bool accumulate).F32;
        sinks.Device.Run(new SinkKernel(sizes, sinks.F32, o.F32, lse.F32, dO.F32, target, accumulate), sizes.Heads, 1);
    }

    private readonly struct SinkKernel(AttentionSizes sizes, float* sinks, float* o, float* lse, float* dO, float* target, bool accumulate)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            nint stride = (nint)sizes.Heads * sizes.ValueDim;
            for (int h = start; h < end; h++)
            {
                double sum = 0;
                for (int batch = 0; batch < sizes.Batch; batch++)
                {
                    float* logarithms = lse + ((nint)batch * sizes.Heads + h) * sizes.Queries;
                    for (int t = 0; t < sizes.Queries; t++)
                    {
                        nint at = ((nint)batch * sizes.Queries + t) * stride + h * sizes.ValueDim;
                        sum += MathF.Exp(sinks[h] - logarithms[t] / Lanes.Log2E) * Lanes.Dot(dO + at, o + at, sizes.ValueDim);
                    }
                }
                target[h] = (accumulate ? target[h] : 0) - (float)sum;
            }
        }
    }

    /// <summary>Targets; a null one is not wanted.</summary>
    private readonly struct Gradients(float* dq, bool addQ, float* dk, bool addK, float* dv, bool addV)
    {
        public readonly float* Q = dq,
            K = dk,
            V = dv;
        public readonly bool AddQ = addQ,
            AddK = addK,
            AddV = addV;
    }

    /// <summary>Offsets of a task's buffers in its scratch memory.</summary>
    private readonly struct BackwardLayout
    {
        /// <summary>Bytes of one strip's buffers.</summary>
        public readonly long DStrip,
            VStrip,
            KeyRight,
            ValueRight,
            DScoreRight;

        /// <summary>Of one block of queries: Q [96, D], dO [96, Dv], Qᵀ [D, 96], dOᵀ [Dv, 96], dQᵀ of its strips, and its
        /// <see cref="QueryRows"/>.</summary>
        public readonly long OutputLeft,
            QueryTurned,
            OutputTurned,
            DQ,
            RowsOf,
            QueryBlock;

        /// <summary>Of one block of keys: strips of Kᵀ and Vᵀ, Kᵀ [D, 96] as A, strips of dKᵀ and dVᵀ.</summary>
        public readonly long Keys,
            Values,
            KeysTurned,
            DK,
            DV;

        /// <summary>Of a block of each.</summary>
        public readonly long Gathered,
            Scores,
            DScores,
            P,
            DS,
            DSTurned,
            Total;

        public BackwardLayout(Strips strips, AttentionSizes sizes)
        {
            (int d, int dv, int count) = (sizes.HeadDim, sizes.ValueDim, Block / Width);
            DStrip = Align(sizeof(float) * (long)strips.PaddedRows(d) * Width);
            VStrip = Align(sizeof(float) * (long)strips.PaddedRows(dv) * Width);
            (KeyRight, ValueRight, DScoreRight) = (
                Align(strips.RightBytes(d)),
                Align(strips.RightBytes(dv)),
                Align(strips.RightBytes(Block))
            );
            long at = 0;
            Take(ref at, strips.LeftBytes(Block, d));
            OutputLeft = Take(ref at, strips.LeftBytes(Block, dv));
            QueryTurned = Take(ref at, strips.LeftBytes(d, Block));
            OutputTurned = Take(ref at, strips.LeftBytes(dv, Block));
            DQ = Take(ref at, count * DStrip);
            RowsOf = Take(ref at, sizeof(QueryRows));
            QueryBlock = at;
            at *= (sizes.Queries + Block - 1) / Block;
            Keys = Take(ref at, count * KeyRight);
            Values = Take(ref at, count * ValueRight);
            KeysTurned = Take(ref at, strips.LeftBytes(d, Block));
            DK = Take(ref at, count * DStrip);
            DV = Take(ref at, count * VStrip);
            Gathered = Take(ref at, Math.Max(strips.GatheredBytes(d), strips.GatheredBytes(dv)));
            Scores = Take(ref at, sizeof(float) * Block * Width);
            DScores = Take(ref at, sizeof(float) * Block * Width);
            P = Take(ref at, DScoreRight);
            DS = Take(ref at, DScoreRight);
            DSTurned = Take(ref at, count * DScoreRight);
            Total = at;
        }

        private static long Take(ref long at, long bytes)
        {
            long start = at;
            at += Align(bytes);
            return start;
        }
    }

    private readonly struct BackwardKernel(
        AttentionSizes sizes,
        Strips strips,
        BackwardLayout layout,
        float* q,
        float* k,
        float* v,
        int* starts,
        float* o,
        float* lse,
        float* dO,
        Gradients gradients,
        Workers workers
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            byte* scratch = workers.Scratch(worker, layout.Total);
            strips.Begin();
            for (int item = start; item < end; item++)
            {
                (int batch, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                for (int h = kv * sizes.Group; h < (kv + 1) * sizes.Group; h++)
                {
                    Head(batch, kv, h, scratch);
                }
            }
            strips.End();
        }

        /// <summary>One query head; heads after a group's first add to dk and dv.</summary>
        private void Head(int batch, int kv, int h, byte* scratch)
        {
            for (int query = 0; query < sizes.Queries; query += Block)
            {
                PackQueries(batch, h, query, scratch + query / Block * layout.QueryBlock, scratch + layout.Gathered);
            }
            nint row = (nint)batch * sizes.Keys,
                strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim,
                strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
            for (int key = 0; key < sizes.Keys; key += Block)
            {
                int count = Math.Min(Block, sizes.Keys - key),
                    next = Math.Min(Block, sizes.Keys - key - count);
                nint atK = (row + key) * strideK + kv * sizes.HeadDim,
                    atV = (row + key) * strideV + kv * sizes.ValueDim;
                PackKeys(k + atK, strideK, v + atV, strideV, count, scratch);
                // While products run: what the next block reads, and where this one's gradients go.
                Strips.Prefetch(k + atK + Block * strideK, strideK, next, sizes.HeadDim);
                Strips.Prefetch(v + atV + Block * strideV, strideV, next, sizes.ValueDim);
                if (gradients.K != null)
                {
                    Strips.Prefetch(gradients.K + atK, strideK, count, sizes.HeadDim);
                }
                if (gradients.V != null)
                {
                    Strips.Prefetch(gradients.V + atV, strideV, count, sizes.ValueDim);
                }
                if (key == 0)
                {
                    (int nextBatch, int nextHead) = h + 1 < sizes.Heads ? (batch, h + 1) : (batch + 1, 0);
                    PrefetchQueries(nextBatch, nextHead, 0);
                }
                for (int query = key; query < sizes.Queries; query += Block)
                {
                    byte* block = scratch + query / Block * layout.QueryBlock;
                    if (((QueryRows*)(block + layout.RowsOf))->First[0] >= key + count)
                    {
                        break;
                    }
                    BlockPair(block, key, count, query, scratch);
                }
                for (int i = 0; i * Width < count; i++)
                {
                    int lanes = Math.Min(Width, count - i * Width);
                    if (gradients.K != null)
                    {
                        StripRows.StoreTransposed(
                            (float*)(scratch + layout.DK + i * layout.DStrip),
                            sizes.HeadDim,
                            lanes,
                            gradients.K + atK + i * Width * strideK,
                            strideK,
                            gradients.AddK || h % sizes.Group > 0
                        );
                    }
                    if (gradients.V != null)
                    {
                        StripRows.StoreTransposed(
                            (float*)(scratch + layout.DV + i * layout.VStrip),
                            sizes.ValueDim,
                            lanes,
                            gradients.V + atV + i * Width * strideV,
                            strideV,
                            gradients.AddV || h % sizes.Group > 0
                        );
                    }
                }
            }
            nint strideQ = (nint)sizes.Heads * sizes.HeadDim;
            for (int query = 0; query < sizes.Queries && gradients.Q != null; query += Width)
            {
                float* sums = (float*)(scratch + query / Block * layout.QueryBlock + layout.DQ + query % Block / Width * layout.DStrip);
                StripRows.StoreTransposed(
                    sums,
                    sizes.HeadDim,
                    Math.Min(Width, sizes.Queries - query),
                    gradients.Q + ((nint)batch * sizes.Queries + query) * strideQ + h * sizes.HeadDim,
                    strideQ,
                    gradients.AddQ
                );
            }
        }

        /// <summary>Q and dO as left operands in both directions, and what each row needs.</summary>
        private void PackQueries(int batch, int h, int query, byte* block, byte* gathered)
        {
            int count = Math.Min(Block, sizes.Queries - query);
            nint first = (nint)batch * sizes.Queries + query,
                strideQ = (nint)sizes.Heads * sizes.HeadDim,
                strideO = (nint)sizes.Heads * sizes.ValueDim;
            float* rowO = o + first * strideO + h * sizes.ValueDim,
                rowDO = dO + first * strideO + h * sizes.ValueDim;
            PrefetchQueries(batch, h, query + Block);
            strips.Gather(q + first * strideQ + h * sizes.HeadDim, strideQ, count, sizes.HeadDim, gathered);
            strips.LeftTokens(gathered, sizes.HeadDim, block);
            strips.LeftValues(gathered, sizes.HeadDim, block + layout.QueryTurned);
            strips.Gather(rowDO, strideO, count, sizes.ValueDim, gathered);
            strips.LeftTokens(gathered, sizes.ValueDim, block + layout.OutputLeft);
            strips.LeftValues(gathered, sizes.ValueDim, block + layout.OutputTurned);
            QueryRows* rows = (QueryRows*)(block + layout.RowsOf);
            rows->Begin(
                sizes,
                starts == null ? null : starts + first,
                query,
                count,
                lse + ((nint)batch * sizes.Heads + h) * sizes.Queries + query
            );
            for (int i = 0; i < count; i++)
            {
                rows->Delta[i] = Lanes.Dot(rowDO + i * strideO, rowO + i * strideO, sizes.ValueDim) * sizes.Scale;
            }
        }

        private void PrefetchQueries(int batch, int h, int query)
        {
            int count = Math.Min(Block, sizes.Queries - query);
            nint first = (nint)batch * sizes.Queries + query,
                strideQ = (nint)sizes.Heads * sizes.HeadDim,
                strideO = (nint)sizes.Heads * sizes.ValueDim,
                at = first * strideO + h * sizes.ValueDim;
            Strips.Prefetch(q + first * strideQ + h * sizes.HeadDim, strideQ, count, sizes.HeadDim);
            Strips.Prefetch(dO + at, strideO, count, sizes.ValueDim);
            Strips.Prefetch(o + at, strideO, count, sizes.ValueDim);
        }

        private void PackKeys(float* keys, nint strideK, float* values, nint strideV, int count, byte* scratch)
        {
            byte* gathered = scratch + layout.Gathered;
            strips.Gather(keys, strideK, count, sizes.HeadDim, gathered);
            strips.LeftValues(gathered, sizes.HeadDim, scratch + layout.KeysTurned);
            for (int i = 0; i < Block / Width; i++)
            {
                strips.RightTokens(gathered, i, sizes.HeadDim, scratch + layout.Keys + i * layout.KeyRight);
            }
            strips.Gather(values, strideV, count, sizes.ValueDim, gathered);
            for (int i = 0; i < Block / Width; i++)
            {
                strips.RightTokens(gathered, i, sizes.ValueDim, scratch + layout.Values + i * layout.ValueRight);
            }
        }

        /// <summary>A block of queries that see some of a block of keys.</summary>
        private void BlockPair(byte* block, int key, int count, int query, byte* scratch)
        {
            QueryRows* rows = (QueryRows*)(block + layout.RowsOf);
            float* scores = (float*)(scratch + layout.Scores),
                dScores = (float*)(scratch + layout.DScores);
            // Per strip of queries the keys whose dS it has.
            int* from = stackalloc int[Block / Width],
                to = stackalloc int[Block / Width];
            new Span<int>(from, Block / Width).Fill(Block);
            new Span<int>(to, Block / Width).Clear();
            for (int i = 0; i < Block / Width && (i * Width < count || !strips.Trims); i++)
            {
                (int begin, int end) = strips.Trims ? rows->Seeing(key + i * Width, query, strips.Rows) : (0, Block);
                if (begin >= end)
                {
                    continue;
                }
                strips.Multiply(
                    block,
                    begin,
                    end - begin,
                    scratch + layout.Keys + i * layout.KeyRight,
                    sizes.HeadDim,
                    0,
                    sizes.HeadDim,
                    scores,
                    accumulate: false
                );
                strips.Multiply(
                    block + layout.OutputLeft,
                    begin,
                    end - begin,
                    scratch + layout.Values + i * layout.ValueRight,
                    sizes.ValueDim,
                    0,
                    sizes.ValueDim,
                    dScores,
                    accumulate: false
                );
                if (sizes.SoftCap > 0)
                {
                    rows->SoftCap(scores, dScores, begin, end, sizes.Scale, sizes.SoftCap);
                }
                rows->Mask(scores, key + i * Width, query, begin, end);
                byte* p = scratch + layout.P,
                    ds = scratch + layout.DS;
                rows->Gradients(scores, dScores, begin, end, sizes.Scale, strips.Pairs ? (uint*)p : null, (uint*)ds);
                if (!strips.Pairs)
                {
                    p = strips.Right(scores, begin, end, p);
                    ds = strips.Right(dScores, begin, end, ds);
                }
                bool started = query > key;
                if (gradients.V != null)
                {
                    strips.Multiply(
                        block + layout.OutputTurned,
                        0,
                        sizes.ValueDim,
                        p,
                        Block,
                        begin,
                        end,
                        (float*)(scratch + layout.DV + i * layout.VStrip),
                        started
                    );
                }
                if (gradients.K != null)
                {
                    strips.Multiply(
                        block + layout.QueryTurned,
                        0,
                        sizes.HeadDim,
                        ds,
                        Block,
                        begin,
                        end,
                        (float*)(scratch + layout.DK + i * layout.DStrip),
                        started
                    );
                }
                if (gradients.Q == null)
                {
                    continue;
                }
                byte* source = strips.Pairs ? ds : (byte*)dScores;
                int groups = (end + Width - 1) / Width;
                StripRows.Clear(source, strips.Pairs, end, groups * Width);
                for (int g = strips.Trims ? Math.Max(0, key + i * Width - query) / Width : 0; g < groups; g++)
                {
                    StripRows.Transpose(
                        StripRows.Row(source, strips.Pairs, g * Width),
                        strips.Pairs,
                        StripRows.Row(scratch + layout.DSTurned + g * layout.DScoreRight, strips.Pairs, i * Width)
                    );
                    (from[g], to[g]) = (Math.Min(from[g], i * Width), (i + 1) * Width);
                }
            }
            for (int g = 0; g < Block / Width; g++)
            {
                if (from[g] < to[g])
                {
                    byte* turned = scratch + layout.DSTurned + g * layout.DScoreRight;
                    byte* right = strips.Pairs ? turned : strips.Right((float*)turned, from[g], to[g], scratch + layout.P);
                    strips.Multiply(
                        scratch + layout.KeysTurned,
                        0,
                        sizes.HeadDim,
                        right,
                        Block,
                        from[g],
                        to[g],
                        (float*)(block + layout.DQ + g * layout.DStrip),
                        rows->Started(g)
                    );
                }
            }
        }
    }
}
