using System.Buffers;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Everything a forward pass needs beside the tokens.</summary>
/// <param name="Positions">int32 [B, T]: each token's place in its document</param>
/// <param name="DocumentStarts">int32 [B, T]: index within the row of the first token of each token's document; null when a row is one
/// document</param>
/// <param name="Batch">the sequences that the tokens belong to and what a cache holds of them, [1, ΣT]; null where all tokens are
/// here</param>
public readonly record struct ForwardContext(Tensor Positions, Tensor? DocumentStarts = null, SequenceBatch? Batch = null)
{
    /// <summary>int32 [B, T]: 1 for tokens, 0 for padding, which no expert is asked for and no balance loss counts; null when there is
    /// none.</summary>
    public Tensor? AttentionMask { get; init; }

    /// <summary>int32 [B, T]: the tokens themselves, for layers that look at more of them than their vectors.</summary>
    public Tensor? Ids { get; init; }

    /// <summary>How answers that share a prompt are laid out, where they do; the row is then a single one, and <see cref="DocumentStarts"/>
    /// is null.</summary>
    public SharedPrompts? Shared { get; init; }

    /// <summary>Looks at the attention of one layer; rows are then one document, and nothing is cached.</summary>
    public AttentionProbe? Probe { get; init; }

    /// <summary>Looks at what indexers choose; attention then sees everything, and nothing is cached.</summary>
    public ChoiceProbe? Choices { get; init; }

    /// <summary>Rows that are one document each, from position 0.</summary>
    public static ForwardContext Rows(Device device, int batch, int length)
    {
        int[] host = ArrayPool<int>.Shared.Rent(batch * length);
        for (int i = 0; i < batch * length; i++)
        {
            host[i] = i % length;
        }
        Tensor positions = device.Rent(new Shape(batch, length), host.AsSpan(0, batch * length));
        ArrayPool<int>.Shared.Return(host);
        return new ForwardContext(positions);
    }

    /// <summary>Rows of several documents: attention stays inside each, positions begin again at each.</summary>
    public static ForwardContext Packed(Tensor documentStarts)
    {
        int length = documentStarts.Shape.Last,
            count = (int)documentStarts.Count;
        int[] host = ArrayPool<int>.Shared.Rent(count);
        documentStarts.CopyTo(host.AsSpan(0, count));
        for (int i = 0; i < count; i++)
        {
            host[i] = i % length - host[i];
        }
        Tensor positions = documentStarts.Device.Rent(documentStarts.Shape, host.AsSpan(0, count));
        ArrayPool<int>.Shared.Return(host);
        return new ForwardContext(positions, documentStarts);
    }

    /// <summary>The next <paramref name="length"/> tokens of one sequence.</summary>
    /// <param name="sequence">what is held of the text</param>
    /// <param name="length">new tokens</param>
    /// <param name="whole">tokens of the whole text, where more are still to come</param>
    /// <exception cref="InsufficientMemoryException">The cache has no room for them.</exception>
    public static ForwardContext Next(CachedSequence sequence, int length, int whole = 0)
    {
        if (!sequence.TryReserve(length))
        {
            throw new InsufficientMemoryException($"the cache has no room for {length} more tokens behind {sequence.Length}");
        }
        SequenceBatch batch = new(sequence.Cache);
        batch.Add(sequence, length, whole);
        return batch.Context();
    }

    /// <summary>Rotates each head of x [B, T, H·D] by its token's position: see
    /// <see cref="Ops.Rope(Tensor, int, Tensor, RotaryTable, int, bool, bool)"/>.</summary>
    public Tensor Rope(Tensor x, int heads, RotaryTable table, int from = 0, bool interleaved = false, bool back = false) =>
        Batch is { } batch && table.DependsOnLength && !back
            ? Ops.Rope(x, heads, Positions, table, batch.Rows, batch.WholeLengths, from, interleaved)
            : Ops.Rope(x, heads, Positions, table, from, interleaved, back);

    /// <summary>Attention of new tokens to themselves and to what the layer's cache holds: q [B, T, H·D], k and v [B, T, Hkv·D] → [B, T,
    /// H·Dv].</summary>
    /// <param name="layer">number of the layer</param>
    /// <param name="q">queries</param>
    /// <param name="k">keys</param>
    /// <param name="v">values</param>
    /// <param name="a">heads and rules</param>
    /// <param name="sinks">one more score of each head whose value is nothing, [H]; or null</param>
    public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionSpec a, Tensor? sinks = null)
    {
        Probe?.Look(layer, q, k, a, sinks);
        if (Shared is { } shared)
        {
            return shared.Joined(
                Ops.Attention(
                    shared.Apart(q),
                    shared.Apart(k),
                    shared.Apart(v),
                    a.Heads,
                    a.KeyValueHeads,
                    a.Scale,
                    shared.Starts,
                    a.Window,
                    a.SoftCap,
                    sinks
                )
            );
        }
        if (Batch is not { } batch)
        {
            return Ops.Attention(q, k, v, a.Heads, a.KeyValueHeads, a.Scale, DocumentStarts, a.Window, a.SoftCap, sinks);
        }
        KeyValueCache cache = batch.Cache.Layer<KeyValueCache>(layer);
        Tensor tables = batch.Tables(layer);
        Ops.StoreKeys(k, cache.Keys, batch.Rows, tables);
        Ops.StoreRows(v, cache.Values, batch.Rows, tables);
        return Ops.PagedAttention(
            q,
            cache.Keys,
            cache.Values,
            batch.Rows,
            tables,
            a.Heads,
            a.KeyValueHeads,
            a.Scale,
            a.Window,
            a.SoftCap,
            sinks
        );
    }

    /// <summary>Causal convolution of each channel over the last tokens, [B, T, channels]: see <c>Ops.CausalConv</c>.</summary>
    /// <param name="layer">number of the layer</param>
    /// <param name="x">what is convolved</param>
    /// <param name="weight">[channels, 1, K]</param>
    /// <param name="bias">[channels] or null</param>
    /// <param name="silu">whether SiLU follows</param>
    /// <param name="part">which of the layer's convolutions it is</param>
    /// <param name="dilation">tokens from one that is seen to the next</param>
    public Tensor Convolve(int layer, Tensor x, Tensor weight, Tensor? bias = null, bool silu = true, int part = 0, int dilation = 1) =>
        Batch is { } batch
            ? Ops.CausalConv(x, weight, batch.Rows, batch.Cache.Layer<IConvolutionCache>(layer).HistoryOf(part), bias, silu, dilation)
            : Ops.CausalConv(x, weight, DocumentStarts, bias, silu, dilation);

    /// <summary>The gated delta rule: qkv [B, T, channels], decay and beta [B, T, Hv] → [B, T, Hv·Dv].</summary>
    public Tensor DeltaRule(int layer, Tensor qkv, Tensor decay, Tensor beta, DeltaSpec d) =>
        Batch is { } batch
            ? Ops.GatedDeltaRule(qkv, decay, beta, d.KeyHeads, d.KeyDim, batch.Rows, batch.Cache.Layer<IDeltaState>(layer).State)
            : Ops.GatedDeltaRule(qkv, decay, beta, d.KeyHeads, d.KeyDim, DocumentStarts);

    /// <summary>The delta rule with a decay of each channel: q, k and decay [B, T, H·D], v [B, T, H·D], beta [B, T, H] → [B, T,
    /// H·D].</summary>
    public Tensor ChannelDeltaRule(int layer, Tensor q, Tensor k, Tensor v, Tensor decay, Tensor beta) =>
        Batch is { } batch
            ? Ops.ChannelDeltaRule(q, k, v, decay, beta, batch.Rows, batch.Cache.Layer<ChannelDeltaCache>(layer).State)
            : Ops.ChannelDeltaRule(q, k, v, decay, beta, DocumentStarts);
}
