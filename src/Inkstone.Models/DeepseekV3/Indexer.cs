using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>Sizes of a layer's indexer.</summary>
/// <param name="Heads">n</param>
/// <param name="HeadDim">Di</param>
/// <param name="TopK">keys that attention sees</param>
internal sealed record IndexerSpec(int Heads, int HeadDim, int TopK);

/// <summary>
/// Lightning indexer (DeepSeek-V3.2, arXiv:2512.02556, section 2.1): a few small heads score the keys, and attention sees the best of them.
/// Its inputs are detached: the likelihood of labels
/// teaches it nothing, only <see cref="Loss"/> does.
/// </summary>
internal sealed class Indexer(DeepseekV3Config c, IndexerSpec spec, Scope s, RotaryTable rotary)
{
    private const float Eps = 1e-6f;

    private readonly Linear _q = new(s["wq_b"], c.QLoraRank!.Value, spec.Heads * spec.HeadDim);
    private readonly Linear _k = new(s["wk"], c.HiddenSize, spec.HeadDim);
    private readonly Tensor _normWeight = s["k_norm"].Parameter("weight", new Shape(spec.HeadDim), Initial.Ones);
    private readonly Tensor _normBias = s["k_norm"].Parameter("bias", new Shape(spec.HeadDim), Initial.Zeros);
    private readonly Linear _weights = new(s["weights_proj"], c.HiddenSize, spec.Heads);

    /// <summary>How it is trained, set by the model.</summary>
    public IndexerTraining Training { get; set; }

    /// <summary>What the last recorded tokens lost, [1], or null.</summary>
    public Tensor? Loss { get; private set; }

    /// <summary>Scores of new tokens: queries, weights and keys. x: [B, T, C], normed; latent: [B, T, Rq], normed.</summary>
    public IndexParts Parts(Tensor x, Tensor latent, ForwardContext ctx)
    {
        (x, latent) = (Ops.Detach(x), Ops.Detach(latent));
        Tensor q = ctx.Rope(_q.Forward(latent), spec.Heads, rotary); // [B, T, n·Di], the first Dr of each turned by halves
        Tensor k = ctx.Rope(Ops.LayerNorm(_k.Forward(x), _normWeight, _normBias, Eps), 1, rotary); // [B, T, Di]
        return new IndexParts(q, k, _weights.Forward(x));
    }

    /// <summary>Rows of the tokens themselves that each sees, or null where it sees all.</summary>
    public Tensor? Choose(IndexParts parts, ForwardContext ctx)
    {
        (int batch, int length) = (parts.Q.Shape[0], parts.Q.Shape[1]);
        bool trained = Training != IndexerTraining.None && ctx.Positions.Device.Tape.Training,
            dense = trained && Training == IndexerTraining.Dense;
        return length <= spec.TopK && !trained
            ? null
            : Ops.SelectKeys(
                parts.Q,
                parts.Weights,
                parts.K,
                0,
                VisibleKeys.Causal(parts.Q.Device, batch, length, ctx.DocumentStarts),
                dense ? length : spec.TopK
            );
    }

    /// <summary>Rows of the cache that each new token sees; with <paramref name="loaded"/> rows of keys that lie one behind the
    /// other.</summary>
    public Tensor Choose(IndexParts parts, SequenceBatch batch, Tensor tables, LatentCache cache, Tensor? loaded) =>
        loaded is null
            ? Ops.SelectKeys(
                parts.Q,
                parts.Weights,
                cache.Latents,
                c.KvLoraRank + c.QkRopeHeadDim,
                VisibleKeys.Create(batch.Rows, tables),
                spec.TopK
            )
            : Ops.SelectKeys(parts.Q, parts.Weights, loaded, 0, VisibleKeys.Create(batch.Rows, null), spec.TopK);

    /// <summary>Compares with the attention's own probabilities while training.</summary>
    public void Compare(IndexParts parts, Tensor q, Tensor k, Tensor chosen)
    {
        Tape tape = q.Device.Tape;
        if (Training == IndexerTraining.None || !tape.Training)
        {
            return;
        }
        Loss = Ops.IndexerLoss(q, k, chosen, c.NumAttentionHeads, c.NumAttentionHeads, c.SoftmaxScale, parts.Q, parts.Weights, parts.K);
        tape.AddSideOutput(Loss);
    }
}

/// <summary>What an indexer makes of tokens: queries [B, T, n·Di], keys [B, T, Di] and weights of its heads [B, T, n].</summary>
internal readonly record struct IndexParts(Tensor Q, Tensor K, Tensor Weights);

/// <summary>What an indexer learns from.</summary>
internal enum IndexerTraining
{
    /// <summary>Nothing: its choice stays as it is.</summary>
    None,

    /// <summary>Attention over all visible keys: the warm-up.</summary>
    Dense,

    /// <summary>Attention over the keys that it chooses.</summary>
    Sparse,
}
