using System.Buffers;
using Inkstone.Models.DeepseekV3;
using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>Sizes of a layer's indexer of blocks.</summary>
/// <param name="Heads">n, of queries; there is one key</param>
/// <param name="HeadDim">Di</param>
/// <param name="Budget">tokens of whole blocks that attention sees</param>
/// <param name="Block">r, tokens of a block</param>
internal sealed record BlockIndexSpec(int Heads, int HeadDim, int Budget, int Block)
{
    /// <summary>Blocks that attention sees.</summary>
    public int Blocks => Budget / Block;
}

/// <summary>
/// Chooses blocks of tokens that attention sees: a few small heads score the mean of each whole block's keys, and the best blocks are seen,
/// and always the tokens behind the last whole one. A block counts from
/// its last token on. Its input is detached: only <see cref="Loss"/> teaches it.
/// </summary>
/// <remarks><code>q_j = rope(rms((W·x)_j), t)        K_b = rope(rms(mean of raw keys of b), first token of b)        score_b = Σ_j
/// relu(q_j·K_b) / √(n·Di)</code></remarks>
internal sealed class BlockIndexer(Qwen3NextConfig c, BlockIndexSpec spec, int layer, Scope s, RotaryTable rotary) : IAttentionIndexer
{
    private readonly Linear _queriesAndKey = new(s["index_qk_proj"], c.HiddenSize, (spec.Heads + 1) * spec.HeadDim);
    private readonly RmsNorm _qNorm = new(s["q_layernorm"], spec.HeadDim, c.RmsNormEps, zeroCentred: true);
    private readonly RmsNorm _kNorm = new(s["k_layernorm"], spec.HeadDim, c.RmsNormEps, zeroCentred: true);

    /// <summary>How it is trained, set by the model.</summary>
    public IndexerTraining Training { get; set; }

    /// <summary>What the last recorded tokens lost, [1], or null.</summary>
    public Tensor? Loss { get; private set; }

    /// <inheritdoc/>
    public Tensor Attend(Tensor x, Tensor q, Tensor k, Tensor v, ForwardContext ctx)
    {
        int width = spec.Heads * spec.HeadDim;
        Tensor both = _queriesAndKey.Forward(Ops.Detach(x)); // [B, T, (n + 1)·Di]
        Tensor queries = ctx.Rope(_qNorm.Heads(Ops.HeadColumns(both, 1, 0, width)), spec.Heads, rotary); // [B, T, n·Di]
        Tensor raw = Ops.HeadColumns(both, 1, width, spec.HeadDim); // [B, T, Di]
        return ctx.Batch is { } batch ? Cached(queries, raw, q, k, v, batch, ctx) : Whole(queries, raw, q, k, v, ctx);
    }

    private Tensor Whole(Tensor queries, Tensor raw, Tensor q, Tensor k, Tensor v, ForwardContext ctx)
    {
        AttentionSpec a = c.Attention;
        (int batch, int length) = (q.Shape[0], q.Shape[1]);
        bool trained = Training != IndexerTraining.None && q.Device.Tape.Training;
        if (length / spec.Block <= spec.Blocks && !trained)
        {
            return ctx.Attend(layer, q, k, v, a);
        }
        Tensor keys = BlockKeys(Ops.BlockMeans(raw, spec.Block, ctx.DocumentStarts), ctx),
            weights = Ones(queries);
        Tensor chosen = Ops.SelectKeys(
            queries,
            weights,
            keys,
            0,
            VisibleKeys.Causal(q.Device, batch, length, ctx.DocumentStarts),
            trained && Training == IndexerTraining.Dense ? length : spec.Blocks,
            spec.Block
        );
        if (ctx.Choices is { } probe)
        {
            probe.Look(layer, q, k, chosen, VisibleKeys.Causal(q.Device, batch, length, ctx.DocumentStarts), a);
            return ctx.Attend(layer, q, k, v, a);
        }
        if (trained)
        {
            Loss = Ops.IndexerLoss(q, k, chosen, a.Heads, a.KeyValueHeads, a.Scale, queries, weights, keys, block: spec.Block);
            q.Device.Tape.AddSideOutput(Loss);
        }
        return Ops.SelectedAttention(q, k, v, chosen, a.Heads, a.KeyValueHeads, a.HeadDim, a.Scale);
    }

    /// <summary>Raw keys lie in the cache, one a token; when the last token of a block comes, the block's key takes its place.</summary>
    private Tensor Cached(Tensor queries, Tensor raw, Tensor q, Tensor k, Tensor v, SequenceBatch batch, ForwardContext ctx)
    {
        AttentionSpec a = c.Attention;
        IndexedCache cache = batch.Cache.Layer<IndexedCache>(layer);
        Tensor tables = batch.Tables(layer);
        Ops.StoreRows(k, cache.Keys, batch.Rows, tables);
        Ops.StoreRows(v, cache.Values, batch.Rows, tables);
        Ops.StoreRows(raw, cache.IndexKeys, batch.Rows, tables);
        Tensor keys = BlockKeys(Ops.BlockMeans(cache.IndexKeys, 0, spec.HeadDim, spec.Block, batch.Rows, tables), ctx);
        Ops.StoreRows(keys, cache.IndexKeys, batch.Rows, tables, every: spec.Block);
        Tensor chosen = Ops.SelectKeys(
            queries,
            Ones(queries),
            cache.IndexKeys,
            0,
            VisibleKeys.Create(batch.Rows, tables),
            spec.Blocks,
            spec.Block
        );
        return Ops.SelectedAttention(q, cache.Keys, cache.Values, chosen, a.Heads, a.KeyValueHeads, a.HeadDim, a.Scale);
    }

    /// <summary>Means normed and turned by the position of their blocks' first tokens.</summary>
    private Tensor BlockKeys(Tensor means, ForwardContext ctx)
    {
        int count = (int)ctx.Positions.Count;
        int[] host = ArrayPool<int>.Shared.Rent(count);
        Span<int> positions = host.AsSpan(0, count);
        ctx.Positions.CopyTo(positions);
        for (int i = 0; i < count; i++)
        {
            positions[i] = Math.Max(0, positions[i] - spec.Block + 1);
        }
        Tensor firsts = means.Device.Rent(ctx.Positions.Shape, positions);
        ArrayPool<int>.Shared.Return(host);
        return (ctx with { Positions = firsts }).Rope(_kNorm.Forward(means), 1, rotary);
    }

    private Tensor Ones(Tensor queries)
    {
        Tensor ones = queries.Device.Rent(queries.Shape.WithLast(spec.Heads));
        Ops.Fill(ones, 1);
        return ones;
    }
}
