using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV3;

/// <summary>
/// Multi-head latent attention (arXiv:2405.04434, section 2.1): keys and values come from a low-rank latent, positions from a rotated part
/// of q and of one key
/// that all heads share. C: hidden size, R: rank of the latent, Dn, Dr, Dv: unrotated, rotated and value dimensions of a head.
/// </summary>
internal sealed class DeepseekV3Attention
{
    private readonly DeepseekV3Config _c;
    private readonly int _layer;
    private readonly RotaryTable? _rotary;
    private readonly Linear _q,
        _kvA,
        _kvB,
        _o;
    private readonly Linear? _qA;
    private readonly RmsNorm? _qNorm;
    private readonly RmsNorm _kvNorm;
    private readonly Indexer? _indexer;

    /// <summary>Builds the layer at <paramref name="s"/>; without a table nothing is rotated (Kimi Linear).</summary>
    public DeepseekV3Attention(DeepseekV3Config c, int layer, Scope s, RotaryTable? rotary)
    {
        (_c, _layer, _rotary) = (c, layer, rotary);
        int queries = c.NumAttentionHeads * c.QkHeadDim;
        if (c.QLoraRank is { } rank)
        {
            _qA = new Linear(s["q_a_proj"], c.HiddenSize, rank, c.AttentionBias);
            _qNorm = new RmsNorm(s["q_a_layernorm"], rank, 1e-6f);
            _q = new Linear(s["q_b_proj"], rank, queries);
        }
        else
        {
            _q = new Linear(s["q_proj"], c.HiddenSize, queries);
        }
        _kvA = new Linear(s["kv_a_proj_with_mqa"], c.HiddenSize, c.KvLoraRank + c.QkRopeHeadDim, c.AttentionBias);
        _kvNorm = new RmsNorm(s["kv_a_layernorm"], c.KvLoraRank, 1e-6f); // transformers' default, not rms_norm_eps
        _kvB = new Linear(s["kv_b_proj"], c.KvLoraRank, c.NumAttentionHeads * (c.QkNopeHeadDim + c.VHeadDim));
        _indexer = c.Index is { } index ? new Indexer(c, index, s["indexer"], rotary!) : null;
        _o = new Linear(s["o_proj"], c.NumAttentionHeads * c.VHeadDim, c.HiddenSize, c.AttentionBias);
    }

    /// <summary>Who chooses the keys that are seen, or null where all are.</summary>
    public Indexer? Indexer => _indexer;

    /// <summary>x: [B, T, C], normed; <paramref name="residual"/> is added to the result.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx, Tensor residual)
    {
        int heads = _c.NumAttentionHeads;
        Tensor qLatent = _qA is null ? x : _qNorm!.Forward(_qA.Forward(x)); // [B, T, Rq]
        Tensor q = _q.Forward(qLatent); // [B, T, H·(Dn + Dr)]
        IndexParts parts = _indexer?.Parts(x, qLatent, ctx) ?? default;
        q = _rotary is null ? q : ctx.Rope(q, heads, _rotary, _c.QkNopeHeadDim, _c.RopeInterleave);
        Tensor compressed = _kvA.Forward(x); // [B, T, R + Dr]
        Tensor latent = _kvNorm.Forward(Ops.HeadColumns(compressed, 1, 0, _c.KvLoraRank)); // [B, T, R]
        Tensor rotated = Ops.HeadColumns(compressed, 1, _c.KvLoraRank, _c.QkRopeHeadDim);
        rotated = _rotary is null ? rotated : ctx.Rope(rotated, 1, _rotary, interleaved: _c.RopeInterleave); // [B, T, Dr]
        if (ctx.Batch is { } batch)
        {
            batch.Cache.Layer<LatentCache>(_layer).Store(latent, rotated, batch.Rows, batch.Tables(_layer));
            return _o.Forward(_kvB.IsAdapted ? Expanded(q, parts, batch) : Absorbed(q, parts, batch), residual);
        }
        Tensor kv = _kvB.Forward(latent); // [B, S, H·(Dn + Dv)]
        Tensor k = Ops.JoinHeads(kv, heads, _c.QkNopeHeadDim, rotated); // [B, S, H·(Dn + Dr)]
        Tensor v = Ops.HeadColumns(kv, heads, _c.QkNopeHeadDim, _c.VHeadDim); // [B, S, H·Dv]
        if (_indexer?.Choose(parts, ctx) is { } chosen)
        {
            if (ctx.Choices is { } probe)
            {
                VisibleKeys visible = VisibleKeys.Causal(x.Device, x.Shape[0], x.Shape[1], ctx.DocumentStarts);
                probe.Look(_layer, q, k, chosen, visible, new AttentionSpec(heads, heads, _c.QkHeadDim, _c.SoftmaxScale));
                return _o.Forward(Ops.Attention(q, k, v, heads, heads, _c.SoftmaxScale, ctx.DocumentStarts), residual);
            }
            _indexer.Compare(parts, q, k, chosen);
            return _o.Forward(Ops.SelectedAttention(q, k, v, chosen, heads, heads, _c.VHeadDim, _c.SoftmaxScale), residual);
        }
        return _o.Forward(Ops.Attention(q, k, v, heads, heads, _c.SoftmaxScale, ctx.DocumentStarts), residual); // [B, T, C]
    }

    /// <summary>Attention to cached latents as one key-value head.</summary>
    private Tensor Absorbed(Tensor q, IndexParts parts, SequenceBatch batch)
    {
        Tensor query = Ops.AbsorbKeys(q, _kvB.Weight, _c.NumAttentionHeads, _c.QkNopeHeadDim); // [1, ΣT, H·(R + Dr)]
        Tensor sums = Chosen(parts, batch, loaded: null) is { } chosen
            ? Ops.SelectedAttention(
                query,
                batch.Cache.Layer<LatentCache>(_layer).Latents,
                batch.Cache.Layer<LatentCache>(_layer).Latents,
                chosen,
                _c.NumAttentionHeads,
                1,
                _c.KvLoraRank,
                _c.SoftmaxScale
            )
            : Ops.PagedLatentAttention(
                query,
                batch.Cache.Layer<LatentCache>(_layer).Latents,
                _c.KvLoraRank,
                batch.Rows,
                batch.Tables(_layer),
                _c.NumAttentionHeads,
                _c.SoftmaxScale
            );
        return Ops.ExpandValues(sums, _kvB.Weight, _c.NumAttentionHeads, _c.QkNopeHeadDim); // [1, ΣT, H·R] → [1, ΣT, H·Dv]
    }

    /// <summary>The plain way, with keys and values of all cached tokens made anew: <c>kv_b_proj</c> wears an adapter and is no single
    /// matrix.</summary>
    private Tensor Expanded(Tensor q, IndexParts parts, SequenceBatch batch)
    {
        int heads = _c.NumAttentionHeads;
        Tensor latents = batch.Cache.Layer<LatentCache>(_layer).Latents,
            tables = batch.Tables(_layer);
        Tensor kv = _kvB.Forward(Ops.LoadRows(latents, batch.Rows, tables, 0, _c.KvLoraRank), batch.Starts, batch.HeldStarts); // [1, ΣS, H·(Dn + Dv)]
        Tensor k = Ops.JoinHeads(kv, heads, _c.QkNopeHeadDim, Ops.LoadRows(latents, batch.Rows, tables, _c.KvLoraRank, _c.QkRopeHeadDim));
        Tensor v = Ops.HeadColumns(kv, heads, _c.QkNopeHeadDim, _c.VHeadDim);
        return Chosen(parts, batch, latents) is { } chosen
            ? Ops.SelectedAttention(q, k, v, chosen, heads, heads, _c.VHeadDim, _c.SoftmaxScale)
            : batch.AttendTo(q, k, v, heads, _c.SoftmaxScale);
    }

    /// <summary>What new tokens see, by the indexer, whose keys are stored first: rows of the cache, or of all that was loaded from
    /// it.</summary>
    private Tensor? Chosen(IndexParts parts, SequenceBatch batch, Tensor? loaded)
    {
        if (_indexer is null)
        {
            return null;
        }
        LatentCache cache = batch.Cache.Layer<LatentCache>(_layer);
        cache.StoreIndex(parts.K, batch.Rows, batch.Tables(_layer));
        loaded = loaded is null
            ? null
            : Ops.LoadRows(loaded, batch.Rows, batch.Tables(_layer), _c.KvLoraRank + _c.QkRopeHeadDim, _c.Index!.HeadDim);
        return _indexer.Choose(parts, batch, batch.Tables(_layer), cache, loaded);
    }
}
