using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// Backward pass of the gated delta rule: from the last chunk to the first. What the forward pass made of a chunk is computed again from
/// the saved
/// state before it, so that memory stays that of the states.
/// </summary>
internal static unsafe partial class GatedDeltaRuleKernels
{
    public static void Backward(
        DeltaSizes sizes,
        Tensor qkv,
        Tensor logDecay,
        Tensor beta,
        Tensor? documentStarts,
        Tensor states,
        Tensor dO
    )
    {
        Device device = qkv.Device;
        using Profile.Scope _ = device.Measure("gated_delta_rule.backward", flops: 3 * sizes.Flops);
        LocalPanels panels = new(MicroKernel.Float32(device.Isa));
        bool addQkv = false,
            addDecay = false,
            addBeta = false;
        Tensor? dQkv = qkv.RequiresGrad ? qkv.AddGrad(out addQkv) : null;
        Tensor? dDecay = logDecay.RequiresGrad ? logDecay.AddGrad(out addDecay) : null;
        Tensor? dBeta = beta.RequiresGrad ? beta.AddGrad(out addBeta) : null;
        Targets targets = new(
            dQkv is null ? null : dQkv.F32,
            addQkv,
            dDecay is null ? null : dDecay.F32,
            addDecay,
            dBeta is null ? null : dBeta.F32,
            addBeta
        );
        device.Run(
            new BackwardKernel(
                new DeltaInputs(sizes, qkv, logDecay, beta, documentStarts),
                panels,
                states.F32,
                dO.F32,
                targets,
                device.Workers
            ),
            sizes.Batch * sizes.KeyHeads,
            1
        );
    }

    /// <summary>Gradients of the inputs; a null one is not wanted.</summary>
    private readonly struct Targets(float* qkv, bool addQkv, float* decay, bool addDecay, float* beta, bool addBeta)
    {
        public readonly float* Qkv = qkv,
            Decay = decay,
            Beta = beta;
        public readonly bool AddQkv = addQkv,
            AddDecay = addDecay,
            AddBeta = addBeta;
    }

    /// <summary>Local buffers of the backward pass; dX is the gradient by X.</summary>
    private readonly struct BackwardBuffers
    {
        public readonly DeltaChunk Chunk;
        public readonly float* DStates,
            DQ,
            DK,
            DKK,
            DQK; // per group of value heads
        public readonly float* W,
            U,
            DR,
            DO,
            X,
            DP,
            DA,
            State; // per value head
        public readonly float* DGamma,
            DBeta,
            DC,
            DE;
        public readonly byte* LeftQT,
            LeftKT,
            LeftO,
            Left,
            Right;
        public readonly int StateRows;

        public BackwardBuffers(DeltaSizes sizes, LocalPanels panels, ref LocalMemory memory)
        {
            const int Size = DeltaChunk.Size;
            Chunk = new DeltaChunk(sizes, panels, ref memory);
            StateRows = panels.PaddedRows(sizes.KeyDim);
            int rows = Chunk.Rows,
                wide = Math.Max(Math.Max(sizes.KeyDim, sizes.ValueDim), Size);
            DStates = memory.Floats((long)sizes.Group * StateRows * Chunk.StrideV);
            DQ = memory.Floats(rows * Chunk.StrideK);
            DK = memory.Floats(rows * Chunk.StrideK);
            DKK = memory.Floats(rows * Chunk.StrideC);
            DQK = memory.Floats(rows * Chunk.StrideC);
            W = memory.Floats(rows * Chunk.StrideV);
            U = memory.Floats(rows * Chunk.StrideV);
            DR = memory.Floats(rows * Chunk.StrideV);
            DO = memory.Floats(rows * Chunk.StrideV);
            X = memory.Floats(rows * Chunk.StrideK);
            DP = memory.Floats(rows * Chunk.StrideC);
            DA = memory.Floats(rows * Chunk.StrideC);
            State = memory.Floats(StateRows * Chunk.StrideV);
            DGamma = memory.Floats(Size);
            DBeta = memory.Floats(Size);
            DC = memory.Floats(Size);
            DE = memory.Floats(Size);
            LeftQT = memory.Bytes(panels.LeftBytes(Size, sizes.KeyDim));
            LeftKT = memory.Bytes(panels.LeftBytes(Size, sizes.KeyDim));
            LeftO = memory.Bytes(panels.LeftBytes(sizes.ValueDim, Size));
            Left = memory.Bytes(panels.LeftBytes(wide, Size));
            Right = memory.Bytes(panels.RightBytes(wide, wide));
        }
    }

    private readonly struct BackwardKernel(
        DeltaInputs inputs,
        LocalPanels panels,
        float* states,
        float* dO,
        Targets targets,
        Workers workers
    ) : IRangeKernel
    {
        private const int Size = DeltaChunk.Size;

        private DeltaSizes Sizes => inputs.Sizes;

        public void Run(int start, int end, int worker)
        {
            LocalMemory measure = new(null);
            _ = new BackwardBuffers(Sizes, panels, ref measure);
            byte* scratch = workers.Scratch(worker, measure.Used + Packing.SlackBytes);
            panels.Begin();
            for (int item = start; item < end; item++)
            {
                new Span<byte>(scratch, (int)measure.Used).Clear();
                LocalMemory memory = new(scratch);
                BackwardBuffers local = new(Sizes, panels, ref memory);
                (int batch, int keyHead) = Math.DivRem(item, Sizes.KeyHeads);
                for (int chunk = Sizes.Chunks - 1; chunk >= 0; chunk--)
                {
                    KeyHead(batch, chunk, keyHead, local);
                }
            }
            panels.End();
        }

        /// <summary>One chunk of one key head: its value heads add to dq̂, dk̂ and to the gradients of the products k̂k̂ᵀ and
        /// q̂k̂ᵀ.</summary>
        private void KeyHead(int batch, int chunkIndex, int keyHead, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int token = chunkIndex * Size,
                count = Math.Min(Size, Sizes.Length - token),
                dim = Sizes.KeyDim,
                strideK = chunk.StrideK,
                strideC = chunk.StrideC;
            chunk.LoadKeys(inputs, batch, token, keyHead, count);
            panels.Left(MatrixView.Rows(chunk.Q, strideK).T, local.StateRows, Size, local.LeftQT);
            panels.Left(MatrixView.Rows(chunk.K, strideK).T, local.StateRows, Size, local.LeftKT);
            DeltaChunk.Clear(local.DQ, strideK, 0, dim);
            DeltaChunk.Clear(local.DK, strideK, 0, dim);
            DeltaChunk.Clear(local.DKK, strideC, 0, Size);
            DeltaChunk.Clear(local.DQK, strideC, 0, Size);
            for (int g = 0; g < Sizes.Group; g++)
            {
                ValueHead(batch, chunkIndex, keyHead * Sizes.Group + g, count, local.DStates + g * local.StateRows * chunk.StrideV, local);
            }
            if (targets.Qkv == null)
            {
                return;
            }
            // dq̂ += dQK k̂        dk̂ += dQKᵀ q̂ + (dKK + dKKᵀ) k̂
            panels.Right(MatrixView.Rows(chunk.K, strideK), dim, Size, local.Right);
            MatrixView dQK = MatrixView.Rows(local.DQK, strideC),
                dKK = MatrixView.Rows(local.DKK, strideC);
            AddProduct(dQK, dim, local.DQ, strideK, local);
            AddProduct(dKK, dim, local.DK, strideK, local);
            AddProduct(dKK.T, dim, local.DK, strideK, local);
            panels.Right(MatrixView.Rows(chunk.Q, strideK), dim, Size, local.Right);
            AddProduct(dQK.T, dim, local.DK, strideK, local);
            float scale = 1 / MathF.Sqrt(dim);
            for (int i = 0; i < count; i++)
            {
                float* dq = targets.Qkv + inputs.QueryAt(batch, token + i, keyHead);
                NormBackward(local.DQ + i * strideK, chunk.Q + i * strideK, chunk.NormQ[i], scale, dq, dim);
                NormBackward(local.DK + i * strideK, chunk.K + i * strideK, chunk.NormK[i], 1, dq + inputs.KeyOffset, dim);
            }
        }

        /// <summary>target += x · right, for x of [64, 64] and the packed right operand.</summary>
        private void AddProduct(MatrixView x, int columns, float* target, int stride, in BackwardBuffers local)
        {
            panels.Left(x, local.Chunk.Rows, Size, local.Left);
            panels.Multiply(local.Left, Size, local.Right, columns, Size, target, stride, accumulate: true);
        }

        /// <summary>ŷ = s · r · x with r = 1/‖x‖: dx = s · r · (dŷ − n (n·dŷ)), n = ŷ / s. dŷ is spent.</summary>
        private void NormBackward(float* dy, float* y, float norm, float scale, float* dx, int width)
        {
            float along = Lanes.Dot(dy, y, width) / (scale * scale);
            Lanes.AddScaled(dy, y, -along, width);
            if (targets.AddQkv)
            {
                Lanes.AddScaled(dx, dy, scale * norm, width);
            }
            else
            {
                Lanes.Scale(dx, dy, scale * norm, width);
            }
        }

        /// <summary>One chunk of one value head; dState comes as the gradient by the state behind the chunk and leaves as the one by the
        /// state before it.</summary>
        private void ValueHead(int batch, int chunkIndex, int head, int count, float* dState, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int token = chunkIndex * Size,
                dim = Sizes.KeyDim,
                width = Sizes.ValueDim,
                strideV = chunk.StrideV;
            chunk.LoadGates(inputs, batch, token, head, count);
            Copy(
                states + (((long)batch * Sizes.ValueHeads + head) * Sizes.Chunks + chunkIndex) * Sizes.StateCount,
                width,
                local.State,
                strideV,
                dim,
                width
            );
            Copy(
                dO + (((long)batch * Sizes.Length + token) * Sizes.ValueHeads + head) * width,
                (nint)Sizes.ValueHeads * width,
                local.DO,
                strideV,
                count,
                width
            );
            DeltaChunk.Clear(local.DO, strideV, count, width);

            // Again: W = K̂S, (I + A) U = β∘(V − c∘W).
            Product(chunk.LeftK, dim, MatrixView.Rows(local.State, strideV), width, local.W, strideV, local.Right);
            for (int i = 0; i < Size; i++)
            {
                float* u = local.U + i * strideV;
                new ReadOnlySpan<float>(local.W + i * strideV, width).CopyTo(new Span<float>(u, width));
                RightSide(u, i < count ? inputs.Qkv + inputs.ValueAt(batch, token + i, head) : null, chunk.C[i], chunk.Beta[i], width);
            }
            chunk.Solve(local.U);

            // dU = e∘K̂ dS + Pᵀ dO, then dR.
            Product(chunk.LeftK, dim, MatrixView.Rows(dState, strideV), width, local.DR, strideV, local.Right);
            for (int i = 0; i < Size; i++)
            {
                float* dr = local.DR + i * strideV;
                local.DE[i] = Lanes.Dot(local.U + i * strideV, dr, width); // k̂ᵀ dS u
                Lanes.Scale(dr, dr, chunk.E[i], width);
            }
            panels.Right(MatrixView.Rows(local.DO, strideV), width, Size, local.Right);
            AddProduct(MatrixView.Rows(chunk.P, chunk.StrideC).T, width, local.DR, strideV, local);
            chunk.SolveTransposed(local.DR);

            panels.Left(MatrixView.Rows(local.DO, strideV), chunk.Rows, width, local.LeftO);
            panels.Left(MatrixView.Rows(local.DR, strideV), chunk.Rows, width, local.Left);
            Scores(local);
            Keys(dState, local);
            float dCarry = StateBefore(dState, local);
            Decays(count, dCarry, local);
            Write(batch, token, head, count, local);
        }

        /// <summary>target = left · right, where left is packed and [64, k].</summary>
        private void Product(byte* left, int k, MatrixView right, int columns, float* target, int stride, byte* packed)
        {
            panels.Right(right, columns, k, packed);
            panels.Multiply(left, Size, packed, columns, k, target, stride, accumulate: false);
        }

        /// <summary>dP = dO Uᵀ and dA = −dR Uᵀ, and what follows for k̂k̂ᵀ, q̂k̂ᵀ, β and the differences of γ.</summary>
        private void Scores(in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int width = Sizes.ValueDim,
                stride = chunk.StrideC;
            panels.Right(MatrixView.Rows(local.U, chunk.StrideV).T, Size, width, local.Right);
            panels.Multiply(local.LeftO, Size, local.Right, Size, width, local.DP, stride, accumulate: false);
            panels.Multiply(local.Left, Size, local.Right, Size, width, local.DA, stride, accumulate: false);
            new Span<float>(local.DGamma, Size).Clear();
            for (int i = 0; i < Size; i++)
            {
                Vector512<float> beta = Vector512.Create(chunk.Beta[i]),
                    sum = default,
                    sumBeta = default;
                Vector512<int> at = Vector512.Create(i),
                    lane = Vector512<int>.Indices;
                for (int j = 0; j <= i; j += 16, lane += Vector512.Create(16))
                {
                    int o = i * stride + j;
                    Vector512<float> d = Vector512.Load(chunk.D + o),
                        dP = Vector512.Load(local.DP + o);
                    // γ_i − γ_i does not depend on γ: left out, or its rounding would drown the rest where decay is strong.
                    Vector512<float> below = Vector512.ConditionalSelect(Vector512.LessThan(lane, at).AsSingle(), d, Vector512<float>.Zero);
                    Vector512<float> dA = -Vector512.Load(local.DA + o) * below,
                        byBeta = dA * Vector512.Load(chunk.KK + o);
                    (Vector512.Load(local.DKK + o) + beta * dA).Store(local.DKK + o);
                    (Vector512.Load(local.DQK + o) + dP * d).Store(local.DQK + o);
                    Vector512<float> byDifference = dP * below * Vector512.Load(chunk.QK + o) + beta * byBeta;
                    sum += byDifference;
                    sumBeta += byBeta;
                    (Vector512.Load(local.DGamma + j) - byDifference).Store(local.DGamma + j);
                }
                local.DGamma[i] += Vector512.Sum(sum);
                local.DBeta[i] = Vector512.Sum(sumBeta);
            }
        }

        /// <summary>What reaches queries and keys through the states before and behind the chunk: c∘dO Sᵀ, −βc∘dR Sᵀ, e∘U dSᵀ; and dc by
        /// the queries.</summary>
        private void Keys(float* dState, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int dim = Sizes.KeyDim,
                width = Sizes.ValueDim,
                strideV = chunk.StrideV,
                strideK = chunk.StrideK;
            panels.Right(MatrixView.Rows(local.State, strideV).T, dim, width, local.Right);
            panels.Multiply(local.LeftO, Size, local.Right, dim, width, local.X, strideK, accumulate: false);
            for (int i = 0; i < Size; i++)
            {
                local.DC[i] = Lanes.Dot(chunk.Q + i * strideK, local.X + i * strideK, dim);
                Lanes.AddScaled(local.DQ + i * strideK, local.X + i * strideK, chunk.C[i], dim);
            }
            panels.Multiply(local.Left, Size, local.Right, dim, width, local.X, strideK, accumulate: false);
            for (int i = 0; i < Size; i++)
            {
                Lanes.AddScaled(local.DK + i * strideK, local.X + i * strideK, -chunk.Beta[i] * chunk.C[i], dim);
            }
            panels.Left(MatrixView.Rows(local.U, strideV), chunk.Rows, width, local.Left);
            Product(local.Left, width, MatrixView.Rows(dState, strideV).T, dim, local.X, strideK, local.Right);
            for (int i = 0; i < Size; i++)
            {
                Lanes.AddScaled(local.DK + i * strideK, local.X + i * strideK, chunk.E[i], dim);
            }
        }

        /// <summary>dS becomes c_C dS + Q̂ᵀ(c∘dO) − K̂ᵀ(βc∘dR). Returns the gradient by c_C.</summary>
        private float StateBefore(float* dState, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int dim = Sizes.KeyDim,
                width = Sizes.ValueDim,
                stride = chunk.StrideV;
            float dCarry = 0;
            for (int i = 0; i < dim; i++)
            {
                float* row = dState + i * stride;
                dCarry += Lanes.Dot(row, local.State + i * stride, width);
                Lanes.Scale(row, row, chunk.Carry, width);
            }
            for (int i = 0; i < Size; i++)
            {
                float* dr = local.DR + i * stride,
                    w = local.W + i * stride,
                    dO = local.DO + i * stride;
                float along = Lanes.Dot(dr, w, width);
                local.DC[i] -= chunk.Beta[i] * along;
                local.DBeta[i] -= chunk.C[i] * along;
                Lanes.Scale(w, dr, -chunk.Beta[i] * chunk.C[i], width);
                Lanes.Scale(dO, dO, chunk.C[i], width);
            }
            panels.Right(MatrixView.Rows(local.DO, stride), width, Size, local.Right);
            panels.Multiply(local.LeftQT, dim, local.Right, width, Size, dState, stride, accumulate: true);
            panels.Right(MatrixView.Rows(local.W, stride), width, Size, local.Right);
            panels.Multiply(local.LeftKT, dim, local.Right, width, Size, dState, stride, accumulate: true);
            return dCarry;
        }

        /// <summary>dγ by c, e and the carry; then dg, the sum of dγ from each token to the chunk's end.</summary>
        private static void Decays(int count, float dCarry, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            float end = dCarry * chunk.Carry;
            for (int i = 0; i < count; i++)
            {
                float outward = i < count - 1 ? local.DE[i] * chunk.E[i] : 0; // e of the last token is 1, whatever γ
                local.DGamma[i] += local.DC[i] * chunk.C[i] - outward;
                end += outward;
            }
            double sum = end;
            for (int i = count - 1; i >= 0; i--)
            {
                sum += local.DGamma[i];
                local.DGamma[i] = (float)sum;
            }
        }

        private void Write(int batch, int token, int head, int count, in BackwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            for (int i = 0; i < count; i++)
            {
                long gate = inputs.GateAt(batch, token + i, head),
                    value = inputs.ValueAt(batch, token + i, head);
                float* dr = local.DR + i * chunk.StrideV;
                if (targets.Decay != null)
                {
                    targets.Decay[gate] = local.DGamma[i] + (targets.AddDecay ? targets.Decay[gate] : 0);
                }
                if (targets.Beta != null)
                {
                    float dBeta = local.DBeta[i] + Lanes.Dot(dr, inputs.Qkv + value, Sizes.ValueDim);
                    targets.Beta[gate] = dBeta + (targets.AddBeta ? targets.Beta[gate] : 0);
                }
                if (targets.Qkv == null)
                {
                    continue;
                }
                if (targets.AddQkv)
                {
                    Lanes.AddScaled(targets.Qkv + value, dr, chunk.Beta[i], Sizes.ValueDim);
                }
                else
                {
                    Lanes.Scale(targets.Qkv + value, dr, chunk.Beta[i], Sizes.ValueDim);
                }
            }
        }
    }
}
