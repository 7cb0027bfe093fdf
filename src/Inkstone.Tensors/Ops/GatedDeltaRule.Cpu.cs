namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <c>Ops.GatedDeltaRule</c>. A task is a key head of one row with its group of value heads, from the first chunk to the
/// last;
/// all of it in float32, whatever the device multiplies in.
/// </summary>
internal static unsafe partial class GatedDeltaRuleKernels
{
    /// <summary>Up to this many tokens go one after the other when there is a state.</summary>
    public const int MostRecurrent = 8;

    public static void Forward(
        Device device,
        DeltaSizes sizes,
        Tensor qkv,
        Tensor logDecay,
        Tensor beta,
        Tensor? documentStarts,
        Tensor? states,
        Tensor o
    ) => Chunks(device, new DeltaInputs(sizes, qkv, logDecay, beta, documentStarts), null, states is null ? null : states.F32, o.F32);

    private static void Chunks(Device device, DeltaInputs inputs, float* state, float* states, float* o)
    {
        DeltaSizes sizes = inputs.Sizes;
        using Profile.Scope _ = device.Measure("gated_delta_rule.forward", flops: sizes.Flops);
        LocalPanels panels = new(MicroKernel.Float32(device.Isa));
        device.Run(new ForwardKernel(inputs, panels, state, states, o, device.Workers), sizes.Batch * sizes.KeyHeads, 1);
    }

    /// <summary>Sequences one after the other; neighbours of one token each, as in decoding, all at once.</summary>
    public static void Continue(DeltaSizes sizes, Tensor qkv, Tensor logDecay, Tensor beta, RaggedRows rows, Tensor state, Tensor o)
    {
        Device device = qkv.Device;
        int* starts = rows.Starts.I32,
            slots = rows.Slots.I32;
        int width = sizes.ValueHeads * sizes.ValueDim;
        long each = (long)sizes.ValueHeads * sizes.StateCount;
        for (int i = 0, next; i < rows.Count; i = next)
        {
            int first = starts[i],
                count = starts[i + 1] - first;
            next = i + 1;
            while (count == 1 && next < rows.Count && starts[next + 1] - starts[next] == 1)
            {
                next++;
            }
            ReadOnlySpan<int> trail = rows.TrailOf(i);
            DeltaInputs inputs = new(sizes with { Batch = next - i, Length = count }, qkv, logDecay, beta, null, first, continues: true);
            float* y = o.F32 + (long)first * width;
            if (count <= MostRecurrent || trail.Length > 0)
            {
                using Profile.Scope _ = device.Measure("gated_delta_rule.recurrent", bytes: 8.0 * each * (next - i));
                fixed (int* kept = trail)
                {
                    RecurrentKernel kernel = new(inputs, state.F32, slots + i, kept, trail.Length, y, device.Workers);
                    device.Run(kernel, (next - i) * sizes.ValueHeads, 1);
                }
            }
            else
            {
                Chunks(device, inputs, state.F32 + slots[i] * each, null, y);
            }
        }
    }

    /// <summary>Local buffers of the forward pass.</summary>
    private readonly struct ForwardBuffers
    {
        public readonly DeltaChunk Chunk;
        public readonly float* States,
            U,
            O;
        public readonly byte* LeftKT,
            Left,
            Right;
        public readonly int StateRows;

        public ForwardBuffers(DeltaSizes sizes, LocalPanels panels, ref LocalMemory memory)
        {
            Chunk = new DeltaChunk(sizes, panels, ref memory);
            StateRows = panels.PaddedRows(sizes.KeyDim);
            States = memory.Floats((long)sizes.Group * StateRows * Chunk.StrideV);
            U = memory.Floats(Chunk.Rows * Chunk.StrideV);
            O = memory.Floats(Chunk.Rows * Chunk.StrideV);
            LeftKT = memory.Bytes(panels.LeftBytes(DeltaChunk.Size, sizes.KeyDim));
            Left = memory.Bytes(panels.LeftBytes(DeltaChunk.Size, DeltaChunk.Size));
            Right = memory.Bytes(panels.RightBytes(sizes.ValueDim, Math.Max(DeltaChunk.Size, sizes.KeyDim)));
        }
    }

    private readonly struct ForwardKernel(DeltaInputs inputs, LocalPanels panels, float* state, float* states, float* o, Workers workers)
        : IRangeKernel
    {
        private DeltaSizes Sizes => inputs.Sizes;

        public void Run(int start, int end, int worker)
        {
            LocalMemory measure = new(null);
            _ = new ForwardBuffers(Sizes, panels, ref measure);
            byte* scratch = workers.Scratch(worker, measure.Used + Packing.SlackBytes);
            panels.Begin();
            for (int item = start; item < end; item++)
            {
                // Padding is computed with too: what another op left there may be slow to compute with.
                new Span<byte>(scratch, (int)measure.Used).Clear();
                LocalMemory memory = new(scratch);
                ForwardBuffers local = new(Sizes, panels, ref memory);
                (int batch, int keyHead) = Math.DivRem(item, Sizes.KeyHeads);
                Head(batch, keyHead, local);
            }
            panels.End();
        }

        private void Head(int batch, int keyHead, in ForwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int dim = Sizes.KeyDim,
                group = Sizes.Group,
                stateStride = local.StateRows * chunk.StrideV;
            for (int g = 0; g < group && state != null; g++)
            {
                Copy(
                    state + ((long)batch * Sizes.ValueHeads + keyHead * group + g) * Sizes.StateCount,
                    Sizes.ValueDim,
                    local.States + g * stateStride,
                    chunk.StrideV,
                    dim,
                    Sizes.ValueDim
                );
            }
            for (int token = 0; token < Sizes.Length; token += DeltaChunk.Size)
            {
                int count = Math.Min(DeltaChunk.Size, Sizes.Length - token);
                chunk.LoadKeys(inputs, batch, token, keyHead, count);
                panels.Left(MatrixView.Rows(chunk.K, chunk.StrideK).T, local.StateRows, DeltaChunk.Size, local.LeftKT);
                for (int g = 0; g < group; g++)
                {
                    int head = keyHead * group + g;
                    float* s = local.States + g * stateStride;
                    if (states != null)
                    {
                        Copy(
                            s,
                            chunk.StrideV,
                            states + (((long)batch * Sizes.ValueHeads + head) * Sizes.Chunks + token / DeltaChunk.Size) * Sizes.StateCount,
                            Sizes.ValueDim,
                            dim,
                            Sizes.ValueDim
                        );
                    }
                    Chunk(batch, token, head, count, s, local);
                }
            }
            for (int g = 0; g < group && state != null; g++)
            {
                Copy(
                    local.States + g * stateStride,
                    chunk.StrideV,
                    state + ((long)batch * Sizes.ValueHeads + keyHead * group + g) * Sizes.StateCount,
                    Sizes.ValueDim,
                    dim,
                    Sizes.ValueDim
                );
            }
        }

        private void Chunk(int batch, int token, int head, int count, float* s, in ForwardBuffers local)
        {
            DeltaChunk chunk = local.Chunk;
            int dim = Sizes.KeyDim,
                width = Sizes.ValueDim,
                stride = chunk.StrideV;
            chunk.LoadGates(inputs, batch, token, head, count);
            panels.Right(MatrixView.Rows(s, stride), width, dim, local.Right);
            panels.Multiply(chunk.LeftK, DeltaChunk.Size, local.Right, width, dim, local.U, stride, accumulate: false); // K̂S
            panels.Multiply(chunk.LeftQ, DeltaChunk.Size, local.Right, width, dim, local.O, stride, accumulate: false); // Q̂S
            for (int i = 0; i < DeltaChunk.Size; i++)
            {
                RightSide(
                    local.U + i * stride,
                    i < count ? inputs.Qkv + inputs.ValueAt(batch, token + i, head) : null,
                    chunk.C[i],
                    chunk.Beta[i],
                    width
                );
                Lanes.Scale(local.O + i * stride, local.O + i * stride, chunk.C[i], width);
            }
            chunk.Solve(local.U);
            panels.Right(MatrixView.Rows(local.U, stride), width, DeltaChunk.Size, local.Right);
            panels.Left(MatrixView.Rows(chunk.P, chunk.StrideC), chunk.Rows, DeltaChunk.Size, local.Left);
            panels.Multiply(local.Left, DeltaChunk.Size, local.Right, width, DeltaChunk.Size, local.O, stride, accumulate: true);
            for (int i = 0; i < count; i++)
            {
                new ReadOnlySpan<float>(local.O + i * stride, width).CopyTo(
                    new Span<float>(o + (((long)batch * Sizes.Length + token + i) * Sizes.ValueHeads + head) * width, width)
                );
            }
            if (token + DeltaChunk.Size >= Sizes.Length && state == null)
            {
                return; // nobody reads the last state
            }
            for (int i = 0; i < DeltaChunk.Size; i++)
            {
                Lanes.Scale(local.U + i * stride, local.U + i * stride, chunk.E[i], width);
            }
            for (int i = 0; i < dim; i++)
            {
                Lanes.Scale(s + i * stride, s + i * stride, chunk.Carry, width);
            }
            panels.Right(MatrixView.Rows(local.U, stride), width, DeltaChunk.Size, local.Right);
            panels.Multiply(local.LeftKT, dim, local.Right, width, DeltaChunk.Size, s, stride, accumulate: true);
        }
    }

    /// <summary>x = β · (v − c · x); v is null behind the last token.</summary>
    private static void RightSide(float* x, float* v, float c, float beta, int width)
    {
        if (v == null)
        {
            new Span<float>(x, width).Clear();
            return;
        }
        Lanes.Scale(x, x, -beta * c, width);
        Lanes.AddScaled(x, v, beta, width);
    }

    private static void Copy(float* source, nint sourceStride, float* target, nint targetStride, int rows, int width)
    {
        for (int i = 0; i < rows; i++)
        {
            new ReadOnlySpan<float>(source + i * sourceStride, width).CopyTo(new Span<float>(target + i * targetStride, width));
        }
    }

    /// <summary>Tokens one after the other, from and into the states at <paramref name="slots"/>; those behind the last tokens of a single
    /// sequence go to the slots of its <paramref name="trail"/>.</summary>
    private readonly struct RecurrentKernel(
        DeltaInputs inputs,
        float* state,
        int* slots,
        int* trail,
        int trailing,
        float* o,
        Workers workers
    ) : IRangeKernel
    {
        private DeltaSizes Sizes => inputs.Sizes;

        public void Run(int start, int end, int worker)
        {
            float* u = (float*)workers.Scratch(worker, sizeof(float) * (Sizes.ValueDim + 2L * Sizes.KeyDim)),
                q = u + Sizes.ValueDim,
                k = q + Sizes.KeyDim;
            for (int item = start; item < end; item++)
            {
                (int batch, int head) = Math.DivRem(item, Sizes.ValueHeads);
                float* s = StateAt(slots[batch], head);
                for (int token = 0; token < Sizes.Length; token++)
                {
                    if (token >= Sizes.Length - trailing)
                    {
                        float* next = StateAt(trail[token - Sizes.Length + trailing], head);
                        new ReadOnlySpan<float>(s, Sizes.StateCount).CopyTo(new Span<float>(next, Sizes.StateCount));
                        s = next;
                    }
                    float* from = inputs.Qkv + inputs.QueryAt(batch, token, head / Sizes.Group);
                    Norm(q, from, 1 / MathF.Sqrt(Sizes.KeyDim));
                    Norm(k, from + inputs.KeyOffset, 1);
                    Token(batch, token, head, q, k, u, s);
                }
            }
        }

        private float* StateAt(int slot, int head) => state + ((long)slot * Sizes.ValueHeads + head) * Sizes.StateCount;

        private void Norm(float* target, float* source, float scale) =>
            Lanes.Scale(target, source, scale / MathF.Sqrt(Lanes.Dot(source, source, Sizes.KeyDim) + 1e-6f), Sizes.KeyDim);

        private void Token(int batch, int token, int head, float* q, float* k, float* u, float* s)
        {
            int dim = Sizes.KeyDim,
                width = Sizes.ValueDim;
            float decay = MathF.Exp(inputs.LogDecay(batch, token, head)),
                beta = inputs.Beta(batch, token, head);
            float* y = o + (((long)batch * Sizes.Length + token) * Sizes.ValueHeads + head) * width;
            new Span<float>(u, width).Clear();
            for (int i = 0; i < dim; i++)
            {
                Lanes.AddScaled(u, s + i * width, k[i], width);
            }
            RightSide(u, inputs.Qkv + inputs.ValueAt(batch, token, head), decay, beta, width);
            new Span<float>(y, width).Clear();
            for (int i = 0; i < dim; i++)
            {
                float* row = s + i * width;
                Lanes.Scale(row, row, decay, width);
                Lanes.AddScaled(row, u, k[i], width);
                Lanes.AddScaled(y, row, q[i], width);
            }
        }
    }
}
