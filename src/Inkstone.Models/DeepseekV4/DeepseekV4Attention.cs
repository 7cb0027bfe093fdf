using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.DeepseekV4;

/// <summary>
/// Attention of H heads to one key of D numbers that all share and that is its own value: to the tokens of a window and to entries that
/// stand for groups of earlier tokens. What is summed up was turned by
/// the places of the keys, so it is turned back by the query's. C: hidden size, R: rank of the queries' latent.
/// </summary>
internal sealed class DeepseekV4Attention
{
    private readonly DeepseekV4Config _c;
    private readonly int _layer,
        _entryLayer,
        _from;
    private readonly RotaryTable _rotary;
    private readonly Linear _qA,
        _qB,
        _kv,
        _oB;
    private readonly RmsNorm _qNorm,
        _kvNorm;
    private readonly UnitNorm _headNorm;
    private readonly Tensor _oA,
        _sinks;
    private readonly Compressor? _compressor;
    private readonly float _scale;

    /// <summary>Builds the layer at <paramref name="s"/>; a cache has its window at <paramref name="layer"/> and its entries at
    /// <paramref name="entryLayer"/>.</summary>
    public DeepseekV4Attention(DeepseekV4Config c, LayerKind kind, int layer, int entryLayer, Scope s)
    {
        (_c, _layer, _entryLayer, _scale) = (c, layer, entryLayer, 1 / MathF.Sqrt(c.HeadDim));
        _rotary = kind == LayerKind.Sliding ? c.Main : c.Compress;
        _from = c.HeadDim - _rotary.RotaryDim;
        _qA = new Linear(s["wq_a"], c.HiddenSize, c.QLoraRank);
        _qNorm = new RmsNorm(s["q_norm"], c.QLoraRank, c.RmsNormEps);
        _qB = new Linear(s["wq_b"], c.QLoraRank, c.Heads * c.HeadDim);
        _headNorm = new UnitNorm(s.Device, c.HeadDim, c.RmsNormEps);
        _kv = new Linear(s["wkv"], c.HiddenSize, c.HeadDim);
        _kvNorm = new RmsNorm(s["kv_norm"], c.HeadDim, c.RmsNormEps);
        _sinks = s.Parameter("attn_sink", new Shape(c.Heads), Initial.Zeros);
        _oA = s["wo_a"].Parameter("weight", new Shape(c.OGroups * c.OLoraRank, c.Heads * c.HeadDim / c.OGroups), Initial.Normal);
        _oB = new Linear(s["wo_b"], c.OGroups * c.OLoraRank, c.HiddenSize);
        _compressor =
            kind == LayerKind.Sliding
                ? null
                : new Compressor(s["compressor"], c, c.HeadDim, c.RateOf(kind), overlaps: kind == LayerKind.Sparse);
        Indexer = kind == LayerKind.Sparse ? new EntryIndexer(s["indexer"], c) : null;
        Entries =
            kind == LayerKind.Sliding
                ? null
                : new EntrySpec(
                    c.RateOf(kind),
                    kind == LayerKind.Sparse ? [c.HeadDim, c.Index.HeadDim] : [c.HeadDim],
                    kind == LayerKind.Sparse ? 2 : 1
                );
    }

    /// <summary>Who chooses entries, or null where all are seen.</summary>
    public EntryIndexer? Indexer { get; }

    /// <summary>What is kept of a window.</summary>
    public SharedKeySpec Window => new(_c.HeadDim, _c.SlidingWindow);

    /// <summary>What is kept of entries, or null.</summary>
    public EntrySpec? Entries { get; }

    /// <summary>x: [B, T, C], normed.</summary>
    public Tensor Forward(Tensor x, ForwardContext ctx)
    {
        Tensor latent = _qNorm.Forward(_qA.Forward(x)); // [B, T, R]
        Tensor q = ctx.Rope(_headNorm.Heads(_qB.Forward(latent)), _c.Heads, _rotary, _from, interleaved: true); // [B, T, H·D]
        Tensor key = ctx.Rope(_kvNorm.Forward(_kv.Forward(x)), 1, _rotary, _from, interleaved: true); // [B, T, D]
        VisibleKeys window;
        if (ctx.Batch is { } batch)
        {
            Tensor store = batch.Cache.Layer<SharedKeyCache>(_layer).Keys;
            Ops.StoreRows(key, store, batch.Rows, batch.Tables(_layer));
            (key, window) = (store, VisibleKeys.Create(batch.Rows, batch.Tables(_layer)));
        }
        else
        {
            window = VisibleKeys.Causal(x.Device, x.Shape[0], x.Shape[1], ctx.DocumentStarts);
        }
        Tensor near = window.Last(_c.SlidingWindow);
        Tensor o = _compressor is null
            ? Ops.SharedKeyAttention(q, key, near, null, null, _c.Heads, _scale, _sinks, out _)
            : WithEntries(x, latent, q, key, near, ctx);
        o = ctx.Rope(o, _c.Heads, _rotary, _from, interleaved: true, back: true);
        return _oB.Forward(Ops.BlockLinear(o, _oA, _c.OGroups)); // [B, T, C]
    }

    private Tensor WithEntries(Tensor x, Tensor latent, Tensor q, Tensor key, Tensor near, ForwardContext ctx)
    {
        int rate = Entries!.Rate;
        EntryCache? cache = ctx.Batch?.Cache.Layer<EntryCache>(_entryLayer);
        RaggedRows rows = ctx.Batch?.Rows ?? default;
        TokenGroups groups = ctx.Batch is { } batch
            ? TokenGroups.Create(rows, batch.Tables(_entryLayer), Entries.BlockEntries, rate)
            : TokenGroups.Create(ctx.Positions, rate);
        Tensor entries = _compressor!.Entries(x, groups, cache?.RingOf(0), rows); // [B, E, D]
        IndexParts parts = Indexer?.Parts(x, latent, ctx, groups, cache?.RingOf(1), rows) ?? default;
        Tensor keys = parts.K;
        if (cache is not null)
        {
            Ops.StoreEntries(entries, cache.Entries, groups);
            if (Indexer is not null)
            {
                Ops.StoreEntries(parts.K, cache.Entries, groups, _c.HeadDim);
            }
            (entries, keys) = (cache.Entries, cache.Entries);
        }
        Tensor far = Indexer?.Choose(parts, keys, cache is null ? 0 : _c.HeadDim, groups.Visible) ?? groups.Visible.Last(int.MaxValue);
        Tensor seen = ctx.Choices is null || Indexer is null ? far : groups.Visible.Last(int.MaxValue);
        Tensor o = Ops.SharedKeyAttention(q, key, near, entries, seen, _c.Heads, _scale, _sinks, out Tensor logSum);
        if (Indexer is not null)
        {
            ctx.Choices?.Look(_layer, q, entries, far, groups.Visible, new AttentionSpec(_c.Heads, 1, _c.HeadDim, _scale), logSum);
        }
        Indexer?.Compare(parts, q, entries, far, logSum, _scale);
        return o;
    }
}
