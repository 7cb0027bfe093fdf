namespace Inkstone.Tensors;

public static partial class Ops
{
    /// <summary>
    /// Causal grouped-query attention (arXiv:2305.13245) in tiles with online softmax, so that no T × T matrix exists (FlashAttention-2,
    /// arXiv:2307.08691).
    /// </summary>
    /// <remarks><code>
    /// forward   s = scale · q kᵀ    p = softmax(s) over keys at or before the query and in its document    o = p v    lse = logsumexp(s)
    /// backward  p = exp(s − lse)    δ = Σ do∘o    ds = p ∘ (do vᵀ − δ) · scale    dq = ds k    dk = dsᵀ q    dv = pᵀ do
    /// soft cap  s = cap · tanh(scale · q kᵀ / cap), so that ds is also multiplied by 1 − (s / cap)²
    /// sinks     one more score of each head, in maximum and sum of the softmax, whose value is nothing (arXiv:2309.17453): dsink = −Σ_t
    /// exp(sink − lse) · δ
    /// </code></remarks>
    /// <param name="q">[B, T, H·D]</param>
    /// <param name="k">[B, S, Hkv·D]; query t stands at position S − T + t, so S exceeds T when decoding on a cache</param>
    /// <param name="v">[B, S, Hkv·Dv]</param>
    /// <param name="heads">H</param>
    /// <param name="keyValueHeads">Hkv, a divisor of H</param>
    /// <param name="scale">usually 1 / √D</param>
    /// <param name="documentStarts">int32 [B, T]: index in the row of the first token of each token's document; null when rows are one
    /// document (needs S = T)</param>
    /// <param name="window">how many keys a query sees at most, itself included; null: all</param>
    /// <param name="softCap">bound of scores; 0: none</param>
    /// <param name="sinks">[H]; null: none</param>
    /// <returns>[B, T, H·Dv]</returns>
    public static Tensor Attention(
        Tensor q,
        Tensor k,
        Tensor v,
        int heads,
        int keyValueHeads,
        float scale,
        Tensor? documentStarts = null,
        int? window = null,
        float softCap = 0,
        Tensor? sinks = null
    )
    {
        AttentionSizes sizes = AttentionSizes.Infer(q, k, v, heads, keyValueHeads, scale, window ?? int.MaxValue) with
        {
            SoftCap = softCap,
        };
        if (sinks is not null)
        {
            Check.Count(sinks, heads);
        }
        if (documentStarts is not null)
        {
            Check.Count(documentStarts, (long)sizes.Batch * sizes.Queries);
            if (sizes.Keys != sizes.Queries)
            {
                throw new ArgumentException("document starts need as many keys as queries", nameof(documentStarts));
            }
        }
        Device device = q.Device;
        bool wanted = device.Tape.Recording && (q.RequiresGrad || k.RequiresGrad || v.RequiresGrad || sinks is { RequiresGrad: true });
        if (wanted && sizes.Keys != sizes.Queries)
        {
            throw new ArgumentException("attention on a cache has no backward pass", nameof(k));
        }
        Tensor o = device.Rent(new Shape(sizes.Batch, sizes.Queries, heads * sizes.ValueDim));
        Tensor lse = device.Rent(new Shape(sizes.Batch, heads, sizes.Queries));
        AttentionKernels.Forward(sizes, q, k, v, documentStarts, sinks, o, lse);
        if (wanted)
        {
            device.Tape.Record<AttentionNode>(o).Set(sizes, q, k, v, documentStarts, sinks, o, lse);
        }
        else
        {
            lse.Release();
        }
        return o;
    }

    private sealed class AttentionNode : Node
    {
        private AttentionSizes _sizes;
        private Tensor _q = null!,
            _k = null!,
            _v = null!,
            _o = null!,
            _lse = null!;
        private Tensor? _documentStarts,
            _sinks;

        public void Set(AttentionSizes sizes, Tensor q, Tensor k, Tensor v, Tensor? documentStarts, Tensor? sinks, Tensor o, Tensor lse) =>
            (_sizes, _q, _k, _v, _documentStarts, _sinks, _o, _lse) = (sizes, q, k, v, documentStarts, sinks, o, lse);

        internal override void Backward()
        {
            AttentionKernels.Backward(_sizes, _q, _k, _v, _documentStarts, _o, _lse, OutputGrad);
            if (_sinks is { RequiresGrad: true })
            {
                AttentionKernels.BackwardSinks(_sizes, _sinks, _o, _lse, OutputGrad);
            }
        }

        internal override void Release() => _lse.Release();
    }
}

/// <summary>Sizes of one attention call. Group: query heads that share a key-value head.</summary>
internal readonly record struct AttentionSizes(
    int Batch,
    int Queries,
    int Keys,
    int Heads,
    int KeyValueHeads,
    int HeadDim,
    int ValueDim,
    float Scale,
    int Window
)
{
    /// <summary>Bound of scores; 0: none.</summary>
    public float SoftCap { get; init; }

    public int Group => Heads / KeyValueHeads;

    /// <summary>First key that the query at <paramref name="position"/> of a document begun at <paramref name="documentStart"/>
    /// sees.</summary>
    public int FirstKey(int documentStart, int position) => Math.Max(documentStart, position - Window + 1);

    /// <summary>Multiply-adds of q kᵀ and p v over the causal pairs, counted as two operations.</summary>
    public double ForwardFlops => PairFlops * (HeadDim + ValueDim);

    /// <summary>The same of q kᵀ again, ds k and dsᵀ q, do vᵀ and pᵀ do.</summary>
    public double BackwardFlops => PairFlops * (3.0 * HeadDim + 2.0 * ValueDim);

    private double PairFlops => 2.0 * Batch * Heads * ((double)Queries * (Keys - Queries) + 0.5 * Queries * (Queries + 1.0));

    public static AttentionSizes Infer(Tensor q, Tensor k, Tensor v, int heads, int keyValueHeads, float scale, int window)
    {
        if (q.Shape.Rank != 3 || k.Shape.Rank != 3 || v.Shape.Rank != 3)
        {
            throw new ArgumentException($"attention takes [B, T, H·D], got q {q.Shape}, k {k.Shape}, v {v.Shape}", nameof(q));
        }
        AttentionSizes sizes = new(
            q.Shape[0],
            q.Shape[1],
            k.Shape[1],
            heads,
            keyValueHeads,
            q.Shape.Last / heads,
            v.Shape.Last / keyValueHeads,
            scale,
            window
        );
        return
            heads % keyValueHeads == 0
            && sizes.HeadDim * heads == q.Shape.Last
            && sizes.HeadDim * keyValueHeads == k.Shape.Last
            && sizes.ValueDim * keyValueHeads == v.Shape.Last
            && k.Shape[0] == sizes.Batch
            && v.Shape[0] == sizes.Batch
            && v.Shape[1] == sizes.Keys
            && sizes.Keys >= sizes.Queries
            && window > 0
            ? sizes
            : throw new ArgumentException(
                $"attention with {heads} heads on {keyValueHeads} does not fit q {q.Shape}, k {k.Shape}, v {v.Shape}",
                nameof(heads)
            );
    }
}
