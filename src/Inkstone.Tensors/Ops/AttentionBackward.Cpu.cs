using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Backward pass of attention: one task per key-value head goes through all its query heads, so that dk and dv need no locks and one order of sums.</summary>
internal static unsafe partial class AttentionKernels
{
    public static void Backward(AttentionSizes sizes, Tensor q, Tensor k, Tensor v, Tensor? documentStarts, Tensor o, Tensor lse, Tensor dO)
    {
        Device device = q.Device;
        using Profile.Scope _ = device.Measure("attention.backward", flops: 5 * sizes.ProductFlops);
        bool addQ = false, addK = false, addV = false;
        Tensor? dq = q.RequiresGrad ? q.AddGrad(out addQ) : null;
        Tensor? dk = k.RequiresGrad ? k.AddGrad(out addK) : null;
        Tensor? dv = v.RequiresGrad ? v.AddGrad(out addV) : null;
        LocalPanels panels = new(device.MatMulKernel);
        Gradients gradients = new(dq is null ? null : dq.F32, addQ, dk is null ? null : dk.F32, addK, dv is null ? null : dv.F32, addV);
        device.Run(new BackwardKernel(sizes, panels, new BackwardLayout(panels, sizes), q.F32, k.F32, v.F32,
            documentStarts is null ? null : documentStarts.I32, o.F32, lse.F32, dO.F32, gradients, device.Workers), sizes.Batch * sizes.KeyValueHeads, 1);
    }

    /// <summary>Targets; a null one is not wanted.</summary>
    private readonly struct Gradients(float* dq, bool addQ, float* dk, bool addK, float* dv, bool addV)
    {
        public readonly float* Q = dq, K = dk, V = dv;
        public readonly bool AddQ = addQ, AddK = addK, AddV = addV;
    }

    /// <summary>Offsets of a task's buffers in its scratch memory.</summary>
    private readonly struct BackwardLayout
    {
        public readonly int ColumnsD, ColumnsV, PaddedKeys;
        public readonly long KeyBytes, ValueBytes, KeyRightBytes, BlockBytes;
        public readonly long Keys, DK, DV, DQ, Scores, DScores, LeftQ, LeftO, RightQ, RightO, LeftP, Delta, Total;

        public BackwardLayout(LocalPanels panels, AttentionSizes sizes)
        {
            (ColumnsD, ColumnsV) = (panels.PaddedColumns(sizes.HeadDim), panels.PaddedColumns(sizes.ValueDim));
            PaddedKeys = (sizes.Keys + Block - 1) / Block * Block;
            KeyBytes = panels.RightBytes(Block, sizes.HeadDim);
            ValueBytes = panels.RightBytes(Block, sizes.ValueDim);
            KeyRightBytes = panels.RightBytes(sizes.HeadDim, Block);
            BlockBytes = Align(KeyBytes) + Align(ValueBytes) + Align(KeyRightBytes);
            long at = 0;
            Keys = Take(ref at, BlockBytes * (PaddedKeys / Block));
            DK = Take(ref at, sizeof(float) * (long)PaddedKeys * ColumnsD);
            DV = Take(ref at, sizeof(float) * (long)PaddedKeys * ColumnsV);
            DQ = Take(ref at, sizeof(float) * (long)Block * ColumnsD);
            Scores = Take(ref at, sizeof(float) * (long)Block * (Block + 16));
            DScores = Take(ref at, sizeof(float) * (long)Block * (Block + 16));
            LeftQ = Take(ref at, panels.LeftBytes(sizes.HeadDim));
            LeftO = Take(ref at, panels.LeftBytes(sizes.ValueDim));
            RightQ = Take(ref at, panels.RightBytes(sizes.HeadDim, Block));
            RightO = Take(ref at, panels.RightBytes(sizes.ValueDim, Block));
            LeftP = Take(ref at, panels.LeftBytes(Block));
            Delta = Take(ref at, sizeof(float) * Block);
            Total = at;
        }

        private static long Take(ref long at, long bytes)
        {
            long start = at;
            at += Align(bytes);
            return start;
        }
    }

    private readonly struct BackwardKernel(AttentionSizes sizes, LocalPanels panels, BackwardLayout layout, float* q, float* k, float* v,
        int* starts, float* o, float* lse, float* dO, Gradients gradients, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            byte* scratch = workers.Scratch(worker, layout.Total + Packing.SlackBytes);
            panels.Begin();
            for (int item = start; item < end; item++)
            {
                (int batch, int kv) = Math.DivRem(item, sizes.KeyValueHeads);
                PackKeys(batch, kv, scratch);
                new Span<float>(scratch + layout.DK, layout.PaddedKeys * layout.ColumnsD).Clear();
                new Span<float>(scratch + layout.DV, layout.PaddedKeys * layout.ColumnsV).Clear();
                for (int h = kv * sizes.Group; h < (kv + 1) * sizes.Group; h++)
                {
                    for (int query = 0; query < sizes.Queries; query += Block)
                    {
                        Queries(batch, h, query, scratch);
                    }
                }
                nint row = (nint)batch * sizes.Keys, strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim, strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
                if (gradients.K != null)
                {
                    AddOut((float*)(scratch + layout.DK), layout.ColumnsD, sizes.Keys, sizes.HeadDim, gradients.K + row * strideK + kv * sizes.HeadDim, strideK, gradients.AddK);
                }
                if (gradients.V != null)
                {
                    AddOut((float*)(scratch + layout.DV), layout.ColumnsV, sizes.Keys, sizes.ValueDim, gradients.V + row * strideV + kv * sizes.ValueDim, strideV, gradients.AddV);
                }
            }
            panels.End();
        }

        /// <summary>Kᵀ and Vᵀ as right operands of the scores and of do·vᵀ, K as right operand of dq, block by block.</summary>
        private void PackKeys(int batch, int kv, byte* scratch)
        {
            nint strideK = (nint)sizes.KeyValueHeads * sizes.HeadDim, strideV = (nint)sizes.KeyValueHeads * sizes.ValueDim;
            for (int key = 0; key < sizes.Keys; key += Block)
            {
                int count = Math.Min(Block, sizes.Keys - key);
                nint row = (nint)batch * sizes.Keys + key;
                MatrixView keys = MatrixView.Rows(k + row * strideK + kv * sizes.HeadDim, strideK), values = MatrixView.Rows(v + row * strideV + kv * sizes.ValueDim, strideV);
                byte* target = scratch + layout.Keys + key / Block * layout.BlockBytes;
                panels.Right(keys.T, count, sizes.HeadDim, target);
                panels.Right(values.T, count, sizes.ValueDim, target + Align(layout.KeyBytes));
                panels.Right(keys, sizes.HeadDim, count, target + Align(layout.KeyBytes) + Align(layout.ValueBytes));
            }
        }

        private void Queries(int batch, int h, int query, byte* scratch)
        {
            int rows = Math.Min(Block, sizes.Queries - query);
            nint first = (nint)batch * sizes.Queries + query, strideQ = (nint)sizes.Heads * sizes.HeadDim, strideO = (nint)sizes.Heads * sizes.ValueDim;
            float* rowQ = q + first * strideQ + h * sizes.HeadDim, rowO = o + first * strideO + h * sizes.ValueDim, rowDO = dO + first * strideO + h * sizes.ValueDim;
            float* delta = (float*)(scratch + layout.Delta), scores = (float*)(scratch + layout.Scores), dScores = (float*)(scratch + layout.DScores);
            float* dq = (float*)(scratch + layout.DQ), dk = (float*)(scratch + layout.DK), dv = (float*)(scratch + layout.DV);
            for (int i = 0; i < rows; i++)
            {
                delta[i] = Lanes.Dot(rowDO + i * strideO, rowO + i * strideO, sizes.ValueDim);
            }
            panels.Left(MatrixView.Rows(rowQ, strideQ), rows, sizes.HeadDim, local: false, scratch + layout.LeftQ);
            panels.Left(MatrixView.Rows(rowDO, strideO), rows, sizes.ValueDim, local: false, scratch + layout.LeftO);
            panels.Right(MatrixView.Rows(rowQ, strideQ), sizes.HeadDim, rows, scratch + layout.RightQ);
            panels.Right(MatrixView.Rows(rowDO, strideO), sizes.ValueDim, rows, scratch + layout.RightO);
            new Span<float>(dq, Block * layout.ColumnsD).Clear();

            int* rowStarts = starts == null ? null : starts + first;
            float* rowLse = lse + ((nint)batch * sizes.Heads + h) * sizes.Queries + query;
            for (int key = sizes.FirstKey(rowStarts == null ? 0 : rowStarts[0], query) / Block * Block; key < query + rows; key += Block)
            {
                int count = Math.Min(Block, sizes.Keys - key);
                byte* packed = scratch + layout.Keys + key / Block * layout.BlockBytes;
                panels.Multiply(scratch + layout.LeftQ, rows, packed, count, sizes.HeadDim, scores, Block, accumulate: false);
                panels.Multiply(scratch + layout.LeftO, rows, packed + Align(layout.KeyBytes), count, sizes.ValueDim, dScores, Block, accumulate: false);
                for (int i = 0; i < rows; i++)
                {
                    int low = Math.Max(0, sizes.FirstKey(rowStarts == null ? 0 : rowStarts[i], query + i) - key), high = Math.Min(count, query + i + 1 - key);
                    ProbabilityRow(scores + i * Block, dScores + i * Block, low, high, count, rowLse[i], delta[i]);
                }
                if (gradients.V != null)
                {
                    panels.Left(MatrixView.Rows(scores, Block).T, count, rows, local: true, scratch + layout.LeftP);
                    panels.Multiply(scratch + layout.LeftP, count, scratch + layout.RightO, sizes.ValueDim, rows, dv + key * layout.ColumnsV, layout.ColumnsV, accumulate: true);
                }
                if (gradients.K != null)
                {
                    panels.Left(MatrixView.Rows(dScores, Block).T, count, rows, local: true, scratch + layout.LeftP);
                    panels.Multiply(scratch + layout.LeftP, count, scratch + layout.RightQ, sizes.HeadDim, rows, dk + key * layout.ColumnsD, layout.ColumnsD, accumulate: true);
                }
                if (gradients.Q != null)
                {
                    panels.Left(MatrixView.Rows(dScores, Block), rows, count, local: true, scratch + layout.LeftP);
                    panels.Multiply(scratch + layout.LeftP, rows, packed + Align(layout.KeyBytes) + Align(layout.ValueBytes), sizes.HeadDim, count, dq, layout.ColumnsD, accumulate: true);
                }
            }
            if (gradients.Q != null)
            {
                AddOut(dq, layout.ColumnsD, rows, sizes.HeadDim, gradients.Q + first * strideQ + h * sizes.HeadDim, strideQ, gradients.AddQ);
            }
        }

        /// <summary>s becomes p = exp(scale · s − lse) on [low, high) and 0 elsewhere; ds becomes p ∘ (ds − δ) · scale.</summary>
        private void ProbabilityRow(float* s, float* ds, int low, int high, int count, float lse, float delta)
        {
            int end = (count + 15) / 16 * 16;
            if (high <= low)
            {
                new Span<float>(s, end).Clear();
                new Span<float>(ds, end).Clear();
                return;
            }
            new Span<float>(s, low).Fill(float.NegativeInfinity);
            new Span<float>(s + high, end - high).Fill(float.NegativeInfinity);
            Vector512<float> scale = Vector512.Create(sizes.Scale), shift = Vector512.Create(lse), d = Vector512.Create(delta);
            for (int j = 0; j < end; j += 16)
            {
                Vector512<float> p = Lanes.Exp(Vector512.Load(s + j) * scale - shift);
                p.Store(s + j);
                (p * (Vector512.Load(ds + j) - d) * scale).Store(ds + j);
            }
        }

        private static void AddOut(float* source, int stride, int rows, int width, float* target, nint strideTarget, bool accumulate)
        {
            for (int i = 0; i < rows; i++)
            {
                if (accumulate)
                {
                    Lanes.Add(target + i * strideTarget, source + (nint)i * stride, width);
                }
                else
                {
                    new Span<float>(source + (nint)i * stride, width).CopyTo(new Span<float>(target + i * strideTarget, width));
                }
            }
        }
    }
}
