using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>
/// Chooses the entries that attention sees: DeepSeek-V3.2's lightning indexer (arXiv:2512.02556, section 2.1), whose keys come from a
/// compressor of their own. Its inputs are detached: the likelihood of
/// labels teaches it nothing, only <see cref="Loss"/> does.
/// </summary>
internal sealed class EntryIndexer(Scope s, DeepseekV4Config c)
{
    private readonly Linear _q = new(s["wq_b"], c.QLoraRank, c.Index.Heads * c.Index.HeadDim);
    private readonly Linear _weights = new(s["weights_proj"], c.HiddenSize, c.Index.Heads);
    private readonly Compressor _compressor = new(s["compressor"], c, c.Index.HeadDim, c.SparseRate, overlaps: true);

    /// <summary>How it is trained, set by the model.</summary>
    public IndexerTraining Training { get; set; }

    /// <summary>What the last recorded tokens lost, [1], or null.</summary>
    public Tensor? Loss { get; private set; }

    /// <summary>Whether it is trained in the step that runs.</summary>
    public bool IsTrained => Training != IndexerTraining.None && _q.Weight.Device.Tape.Training;

    /// <summary>Queries, keys of entries and weights of its heads. x: [B, T, C], normed; latent: [B, T, Rq], normed.</summary>
    public IndexParts Parts(Tensor x, Tensor latent, ForwardContext ctx, TokenGroups groups, Tensor? ring, RaggedRows rows)
    {
        (x, latent) = (Ops.Detach(x), Ops.Detach(latent));
        Tensor q = Ops.Rope(
            _q.Forward(latent),
            c.Index.Heads,
            ctx.Positions,
            c.Compress,
            c.Index.HeadDim - c.Compress.RotaryDim,
            interleaved: true
        ); // [B, T, n·Di]
        return new IndexParts(q, _compressor.Entries(x, groups, ring, rows), _weights.Forward(x));
    }

    /// <summary>Rows of entries that each token sees, int32 [B·T, K]; keys lie in <paramref name="keys"/> from column
    /// <paramref name="from"/> on.</summary>
    public Tensor Choose(IndexParts parts, Tensor keys, int from, VisibleKeys visible)
    {
        int longest = visible.Longest,
            most = IsTrained && Training == IndexerTraining.Dense ? longest : c.Index.TopK;
        return longest <= most ? visible.Last(most) : Ops.SelectKeys(parts.Q, parts.Weights, keys, from, visible, most);
    }

    /// <summary>Compares with the attention's own probabilities while training.</summary>
    public void Compare(IndexParts parts, Tensor q, Tensor entries, Tensor chosen, Tensor logSum, float scale)
    {
        if (IsTrained)
        {
            Loss = Ops.IndexerLoss(q, entries, chosen, c.Heads, 1, scale, parts.Q, parts.Weights, parts.K, logSum);
            q.Device.Tape.AddSideOutput(Loss);
        }
    }
}
