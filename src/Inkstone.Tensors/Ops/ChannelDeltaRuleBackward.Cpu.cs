using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>The backward pass: chunks from the last to the first; within one, the states of its tokens are computed again from the one that
/// was kept.</summary>
internal static unsafe partial class ChannelDeltaRuleKernels
{
    public static void Backward(ChannelDeltaSizes sizes, ChannelDeltaInputs inputs, Tensor? documentStarts, Tensor states, Tensor dO)
    {
        Device device = dO.Device;
        using Profile.Scope _ = device.Measure("channel_delta_rule.backward", flops: 3 * sizes.Flops);
        Targets targets = new(
            Target.Create(inputs.Q),
            Target.Create(inputs.K),
            Target.Create(inputs.V),
            Target.Create(inputs.LogDecay),
            Target.Create(inputs.Beta)
        );
        device.Run(
            new BackwardKernel(new Heads(sizes, inputs, documentStarts), states.F32, dO.F32, targets, device.Workers),
            sizes.Batch * sizes.Heads,
            1
        );
    }

    /// <summary>A gradient to be written or added to; nothing where none is wanted.</summary>
    private readonly struct Target(float* at, bool accumulate)
    {
        public static Target Create(Tensor x)
        {
            bool accumulate = false;
            return x.RequiresGrad ? new Target(x.AddGrad(out accumulate).F32, accumulate) : default;
        }

        public void Store(long offset, float* values, int count)
        {
            if (at == null)
            {
                return;
            }
            if (accumulate)
            {
                Lanes.Add(at + offset, values, count);
            }
            else
            {
                new ReadOnlySpan<float>(values, count).CopyTo(new Span<float>(at + offset, count));
            }
        }
    }

    private readonly record struct Targets(Target Q, Target K, Target V, Target LogDecay, Target Beta);

    /// <summary>Local buffers: of each token of a chunk S', βu, u and what it brings; dS, and the gradients of one token.</summary>
    private readonly struct Buffers
    {
        public readonly float* State,
            States,
            W,
            U,
            Tokens,
            DState,
            DW,
            DR,
            DQ,
            DK,
            DG;

        public Buffers(ChannelDeltaSizes n, ref LocalMemory memory)
        {
            const int Chunk = ChannelDeltaSizes.Chunk;
            State = memory.Floats(n.StateCount);
            States = memory.Floats((long)Chunk * n.StateCount);
            DState = memory.Floats(n.StateCount);
            W = memory.Floats((long)Chunk * n.ValueDim);
            U = memory.Floats((long)Chunk * n.ValueDim);
            Tokens = memory.Floats(3L * Chunk * n.KeyDim);
            DW = memory.Floats(n.ValueDim);
            DR = memory.Floats(n.ValueDim);
            DQ = memory.Floats(n.KeyDim);
            DK = memory.Floats(n.KeyDim);
            DG = memory.Floats(n.KeyDim);
        }

        public Token Token(int t, int dim) => new(Tokens + 3L * t * dim, dim);
    }

    private readonly struct BackwardKernel(Heads heads, float* states, float* dO, Targets targets, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            ChannelDeltaSizes n = heads.Sizes;
            LocalMemory measure = new(null);
            _ = new Buffers(n, ref measure);
            LocalMemory memory = new(workers.Scratch(worker, measure.Used + Packing.SlackBytes));
            Buffers local = new(n, ref memory);
            for (int item = start; item < end; item++)
            {
                (int batch, int head) = Math.DivRem(item, n.Heads);
                new Span<float>(local.DState, n.StateCount).Clear();
                for (int chunk = n.Chunks - 1; chunk >= 0; chunk--)
                {
                    int first = chunk * ChannelDeltaSizes.Chunk,
                        count = Math.Min(ChannelDeltaSizes.Chunk, n.Length - first),
                        row = batch * n.Length + first;
                    new ReadOnlySpan<float>(states + ((long)item * n.Chunks + chunk) * n.StateCount, n.StateCount).CopyTo(
                        new Span<float>(local.State, n.StateCount)
                    );
                    for (int t = 0; t < count; t++)
                    {
                        Again(row + t, head, t, local);
                    }
                    for (int t = count - 1; t >= 0; t--)
                    {
                        Back(row + t, head, t, local);
                    }
                }
            }
        }

        /// <summary>S', u and βu of a token, and the state behind it.</summary>
        private void Again(int row, int head, int t, in Buffers local)
        {
            ChannelDeltaSizes n = heads.Sizes;
            int width = n.ValueDim;
            Token token = local.Token(t, n.KeyDim);
            heads.Load(row, head, token);
            if (heads.Begins(row))
            {
                new Span<float>(local.State, n.StateCount).Clear();
            }
            float* decayed = local.States + (long)t * n.StateCount,
                u = local.U + t * width,
                w = local.W + t * width;
            new Span<float>(w, width).Clear();
            for (int i = 0; i < n.KeyDim; i++)
            {
                Lanes.Scale(decayed + i * width, local.State + i * width, token.Decay[i], width);
                Lanes.AddScaled(w, decayed + i * width, token.K[i], width);
            }
            new ReadOnlySpan<float>(heads.Value(row, head), width).CopyTo(new Span<float>(u, width));
            Lanes.AddScaled(u, w, -1, width);
            Lanes.Scale(w, u, heads.Beta(row, head), width);
            for (int i = 0; i < n.KeyDim; i++)
            {
                new ReadOnlySpan<float>(decayed + i * width, width).CopyTo(new Span<float>(local.State + i * width, width));
                Lanes.AddScaled(local.State + i * width, w, token.K[i], width);
            }
        }

        private void Back(int row, int head, int t, in Buffers local)
        {
            ChannelDeltaSizes n = heads.Sizes;
            int width = n.ValueDim,
                dim = n.KeyDim;
            Token token = local.Token(t, dim);
            float* decayed = local.States + (long)t * n.StateCount,
                u = local.U + t * width,
                w = local.W + t * width,
                dy = dO + heads.ValueAt(row, head);
            float beta = heads.Beta(row, head),
                along = Lanes.Dot(w, dy, width);
            new Span<float>(local.DW, width).Clear();
            for (int i = 0; i < dim; i++)
            {
                float* d = local.DState + i * width;
                Lanes.AddScaled(d, dy, token.Q[i], width);
                Lanes.AddScaled(local.DW, d, token.K[i], width);
                local.DQ[i] = Lanes.Dot(decayed + i * width, dy, width) + token.K[i] * along;
            }
            float dBeta = Lanes.Dot(local.DW, u, width);
            Lanes.Scale(local.DW, local.DW, beta, width); // dv
            Lanes.Scale(local.DR, local.DW, -1, width);
            for (int i = 0; i < dim; i++)
            {
                float* d = local.DState + i * width,
                    s = decayed + i * width;
                local.DK[i] = Lanes.Dot(d, w, width) + Lanes.Dot(s, local.DR, width);
                Lanes.AddScaled(d, local.DR, token.K[i], width);
                local.DG[i] = Lanes.Dot(d, s, width);
                Lanes.Scale(d, d, token.Decay[i], width);
            }
            Unnorm(local.DQ, heads.Query(row, head), 1 / MathF.Sqrt(dim), dim);
            Unnorm(local.DK, heads.Key(row, head), 1, dim);
            targets.Q.Store(heads.KeyAt(row, head), local.DQ, dim);
            targets.K.Store(heads.KeyAt(row, head), local.DK, dim);
            targets.V.Store(heads.ValueAt(row, head), local.DW, width);
            targets.LogDecay.Store(heads.KeyAt(row, head), local.DG, dim);
            targets.Beta.Store((long)row * n.Heads + head, &dBeta, 1);
            if (heads.Begins(row))
            {
                new Span<float>(local.DState, n.StateCount).Clear();
            }
        }

        /// <summary>The gradient of x from that of x̂ = scale · x / √(Σx² + 1e-6), in place.</summary>
        private static void Unnorm(float* d, float* x, float scale, int dim)
        {
            float square = Lanes.Dot(x, x, dim) + 1e-6f,
                factor = scale / MathF.Sqrt(square),
                along = Lanes.Dot(d, x, dim) / square;
            Lanes.Scale(d, d, factor, dim);
            Lanes.AddScaled(d, x, -factor * along, dim);
        }
    }
}
