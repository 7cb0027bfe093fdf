using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>
/// CPU kernels of <c>Ops.ChannelDeltaRule</c>: a head's state stays in the cache of one core while its tokens go by. Every column of a
/// state is computed by itself, so 16 of them are a vector.
/// </summary>
internal static unsafe partial class ChannelDeltaRuleKernels
{
    public static void Forward(ChannelDeltaSizes sizes, ChannelDeltaInputs inputs, Tensor? documentStarts, Tensor? states, Tensor o)
    {
        Device device = o.Device;
        using Profile.Scope _ = device.Measure("channel_delta_rule.forward", flops: sizes.Flops);
        device.Run(
            new ForwardKernel(new Heads(sizes, inputs, documentStarts), states is null ? null : states.F32, o.F32, device.Workers),
            sizes.Batch * sizes.Heads,
            1
        );
    }

    /// <summary>Sequences from and into their states.</summary>
    public static void Continue(ChannelDeltaSizes sizes, ChannelDeltaInputs inputs, RaggedRows rows, Tensor state, Tensor o)
    {
        Device device = o.Device;
        using Profile.Scope _ = device.Measure("channel_delta_rule.continued", flops: sizes.Flops);
        device.Run(new ContinueKernel(new Heads(sizes, inputs, null), rows, state.F32, o.F32, device.Workers), rows.Count * sizes.Heads, 1);
    }

    /// <summary>What tokens bring to a head.</summary>
    private readonly struct Heads(ChannelDeltaSizes sizes, ChannelDeltaInputs inputs, Tensor? documentStarts)
    {
        public readonly ChannelDeltaSizes Sizes = sizes;
        private readonly float* _q = inputs.Q.F32,
            _k = inputs.K.F32,
            _v = inputs.V.F32,
            _g = inputs.LogDecay.F32,
            _beta = inputs.Beta.F32;
        private readonly int* _starts = documentStarts is null ? null : documentStarts.I32;

        public long KeyAt(int row, int head) => ((long)row * Sizes.Heads + head) * Sizes.KeyDim;

        public long ValueAt(int row, int head) => ((long)row * Sizes.Heads + head) * Sizes.ValueDim;

        public float* Value(int row, int head) => _v + ValueAt(row, head);

        public float* Query(int row, int head) => _q + KeyAt(row, head);

        public float* Key(int row, int head) => _k + KeyAt(row, head);

        public float Beta(int row, int head) => _beta[(long)row * Sizes.Heads + head];

        /// <summary>Whether the token is the first of its document.</summary>
        public bool Begins(int row) => _starts != null && _starts[row] == row % Sizes.Length;

        /// <summary>q̂, k̂ and e^g of a token.</summary>
        public void Load(int row, int head, in Token t)
        {
            Norm(t.Q, Query(row, head), 1 / MathF.Sqrt(Sizes.KeyDim));
            Norm(t.K, Key(row, head), 1);
            float* g = _g + KeyAt(row, head);
            int i = 0;
            for (; i <= Sizes.KeyDim - 16; i += 16)
            {
                Lanes.Exp(Vector512.Load(g + i)).Store(t.Decay + i);
            }
            if (i < Sizes.KeyDim)
            {
                Lanes.StorePart(Lanes.Exp(Lanes.LoadPart(g + i, Sizes.KeyDim - i)), t.Decay + i, Sizes.KeyDim - i);
            }
        }

        private void Norm(float* target, float* source, float scale) =>
            Lanes.Scale(target, source, scale / MathF.Sqrt(Lanes.Dot(source, source, Sizes.KeyDim) + 1e-6f), Sizes.KeyDim);
    }

    /// <summary>q̂, k̂ and e^g of a token, [D] each.</summary>
    private readonly struct Token(float* memory, int dim)
    {
        public readonly float* Q = memory,
            K = memory + dim,
            Decay = memory + 2 * dim;
    }

    /// <summary>S, [D, Dv], takes in a token; o may be null.</summary>
    private static void Step(in Token t, float* s, float* v, float beta, float* o, int dim, int width)
    {
        int c = 0;
        for (; c <= width - 16; c += 16)
        {
            Columns(default(WholeVector), t, s + c, v + c, beta, o + c, dim, width);
        }
        if (c < width)
        {
            Columns(new LastVector(width - c), t, s + c, v + c, beta, o + c, dim, width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns<TVector>(TVector lanes, in Token t, float* s, float* v, float beta, float* o, int dim, int width)
        where TVector : struct, IRowVector
    {
        Vector512<float> held = default,
            y = default;
        float* row = s;
        for (int i = 0; i < dim; i++, row += width)
        {
            Vector512<float> decayed = lanes.Load(row) * t.Decay[i];
            lanes.Store(decayed, row);
            held = Vector512.FusedMultiplyAdd(decayed, Vector512.Create(t.K[i]), held);
        }
        Vector512<float> w = (lanes.Load(v) - held) * beta;
        row = s;
        for (int i = 0; i < dim; i++, row += width)
        {
            Vector512<float> next = Vector512.FusedMultiplyAdd(w, Vector512.Create(t.K[i]), lanes.Load(row));
            lanes.Store(next, row);
            y = Vector512.FusedMultiplyAdd(next, Vector512.Create(t.Q[i]), y);
        }
        lanes.Store(y, o);
    }

    private readonly struct ForwardKernel(Heads heads, float* states, float* o, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            ChannelDeltaSizes n = heads.Sizes;
            float* s = (float*)workers.Scratch(worker, sizeof(float) * (n.StateCount + 3L * n.KeyDim) + Packing.SlackBytes);
            Token token = new(s + n.StateCount, n.KeyDim);
            for (int item = start; item < end; item++)
            {
                (int batch, int head) = Math.DivRem(item, n.Heads);
                new Span<float>(s, n.StateCount).Clear();
                for (int t = 0; t < n.Length; t++)
                {
                    int row = batch * n.Length + t;
                    if (heads.Begins(row))
                    {
                        new Span<float>(s, n.StateCount).Clear();
                    }
                    if (states != null && t % ChannelDeltaSizes.Chunk == 0)
                    {
                        new ReadOnlySpan<float>(s, n.StateCount).CopyTo(
                            new Span<float>(states + ((long)item * n.Chunks + t / ChannelDeltaSizes.Chunk) * n.StateCount, n.StateCount)
                        );
                    }
                    heads.Load(row, head, token);
                    Step(token, s, heads.Value(row, head), heads.Beta(row, head), o + heads.ValueAt(row, head), n.KeyDim, n.ValueDim);
                }
            }
        }
    }

    private readonly struct ContinueKernel(Heads heads, RaggedRows rows, float* state, float* o, Workers workers) : IRangeKernel
    {
        public void Run(int first, int last, int worker)
        {
            ChannelDeltaSizes n = heads.Sizes;
            Token token = new((float*)workers.Scratch(worker, sizeof(float) * 3L * n.KeyDim + Packing.SlackBytes), n.KeyDim);
            for (int item = first; item < last; item++)
            {
                (int sequence, int head) = Math.DivRem(item, n.Heads);
                int end = rows.Starts.I32[sequence + 1];
                ReadOnlySpan<int> trail = rows.TrailOf(sequence);
                float* s = state + ((long)rows.Slots.I32[sequence] * n.Heads + head) * n.StateCount;
                for (int row = rows.Starts.I32[sequence]; row < end; row++)
                {
                    if (row >= end - trail.Length)
                    {
                        float* next = state + ((long)trail[row - end + trail.Length] * n.Heads + head) * n.StateCount;
                        new ReadOnlySpan<float>(s, n.StateCount).CopyTo(new Span<float>(next, n.StateCount));
                        s = next;
                    }
                    heads.Load(row, head, token);
                    Step(token, s, heads.Value(row, head), heads.Beta(row, head), o + heads.ValueAt(row, head), n.KeyDim, n.ValueDim);
                }
            }
        }
    }
}
