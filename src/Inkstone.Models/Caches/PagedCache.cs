using System.IO.Hashing;
using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Layers whose tokens lie in blocks of the same numbers, because they see equally far and keep rows of equally many
/// tokens.</summary>
/// <param name="Window">tokens that a new one sees; null: all</param>
/// <param name="TokensPerRow">tokens that one row stands for</param>
/// <param name="Pool">the blocks</param>
internal sealed record CacheGroup(int? Window, int TokensPerRow, BlockPool Pool)
{
    /// <summary>Sixteens of tokens in a block.</summary>
    public int Sixteens { get; } = TokensOf(TokensPerRow) / RaggedRows.BlockTokens;

    /// <summary>Blocks that hold so many sixteens of tokens.</summary>
    public int BlocksOf(int sixteens) => (sixteens + Sixteens - 1) / Sixteens;

    /// <summary>Whether a text may begin with the blocks of another that end at a sixteen: at the end of a block, or where one that is not
    /// full holds nothing yet.</summary>
    public bool MayEndAt(int sixteens) => sixteens % Sixteens == 0 || Sixteens * RaggedRows.BlockTokens == TokensPerRow;

    /// <summary>The least number of tokens that is whole sixteens and whole rows.</summary>
    public static int TokensOf(int tokensPerRow)
    {
        int tokens = RaggedRows.BlockTokens;
        while (tokens % tokensPerRow != 0)
        {
            tokens = checked(tokens + RaggedRows.BlockTokens);
        }
        return tokens;
    }

    /// <summary>Tokens beyond a window that stay for a while, so that a text can go back by a few.</summary>
    public const int Margin = 2 * RaggedRows.BlockTokens;

    /// <summary>First block at which tokens from <paramref name="length"/> on may look.</summary>
    public int FirstBlock(int length) => Window is { } w ? Math.Max(0, length - w + 1 - Margin) / (Sixteens * RaggedRows.BlockTokens) : 0;
}

/// <summary>
/// The memory of many sequences (arXiv:2309.06180): blocks of sixteen tokens for layers that keep tokens, slots for layers that keep a
/// state. A sequence takes blocks as it grows;
/// blocks of texts that begin alike are shared. One thread at a time.
/// </summary>
public sealed class PagedCache : IDisposable
{
    private readonly ILayerCache[] _layers;
    private readonly int[] _groupOf; // −1: a layer without blocks
    private readonly BlockPool _slots;
    private readonly int _retractable;
    private readonly List<CachedSequence> _sequences = [];

    /// <summary>Memory for sequences.</summary>
    /// <param name="device">where it lives</param>
    /// <param name="layers">what each layer keeps</param>
    /// <param name="tokens">of all sequences together</param>
    /// <param name="sequences">at once</param>
    /// <param name="longest">tokens of the longest one</param>
    /// <param name="step">most new tokens of a sequence in one forward pass</param>
    /// <param name="snapshots">states that are kept beside those of running sequences, to be found by others that begin alike</param>
    /// <param name="retractable">last tokens of a pass that a sequence may take back: a state is kept for each</param>
    public PagedCache(
        Device device,
        IReadOnlyList<ICacheSpec> layers,
        long tokens,
        int sequences,
        int longest,
        int step,
        int snapshots = 0,
        int retractable = 0
    )
    {
        Device = device;
        LongestBlocks = Blocks(longest);
        HasState = layers.Any(layer => layer.BytesPerSequence > 0);
        (int? Window, int TokensPerRow)[] kinds = [.. layers.Where(layer => layer.BytesPerToken > 0).Select(Kind).Distinct()];
        Groups =
        [
            .. kinds.Select(kind => new CacheGroup(
                kind.Window,
                kind.TokensPerRow,
                new BlockPool(BlocksFor(kind.Window, CacheGroup.TokensOf(kind.TokensPerRow), tokens, sequences, longest, step))
            )),
        ];
        _groupOf = [.. layers.Select(layer => layer.BytesPerToken > 0 ? Array.IndexOf(kinds, Kind(layer)) : -1)];
        _retractable = HasState ? retractable : 0;
        _slots = new BlockPool(sequences * (1 + _retractable) + (HasState ? snapshots : 0));
        _layers =
        [
            .. layers.Select((layer, i) => layer.NewCache(device, _groupOf[i] < 0 ? 0 : Groups[_groupOf[i]].Pool.Count, _slots.Count)),
        ];
    }

    /// <summary>Where it lives.</summary>
    public Device Device { get; }

    /// <summary>Whether some layer keeps a state, which cannot go back.</summary>
    public bool HasState { get; }

    /// <summary>Bytes set aside by all layers; the machine gives them when they are first used.</summary>
    public long Bytes => _layers.Sum(layer => layer.Parts.Sum(part => part.DType.Bytes(part.Count)));

    /// <summary>Tokens that there is room for.</summary>
    public long Tokens =>
        Groups.Length == 0
            ? (long)_slots.Count * LongestBlocks * RaggedRows.BlockTokens
            : Groups.Max(g => (long)g.Pool.Count * g.Sixteens) * RaggedRows.BlockTokens;

    /// <summary>Tokens for which memory is in use, whole blocks counted.</summary>
    public long TokensInUse =>
        Groups.Length == 0 ? 0 : Groups.Max(g => ((long)g.Pool.Count - g.Pool.FreeCount) * g.Sixteens) * RaggedRows.BlockTokens;

    internal CacheGroup[] Groups { get; }

    internal int LongestBlocks { get; }

    /// <summary>Bytes that such a memory has at most.</summary>
    public static long BytesFor(IEnumerable<ICacheSpec> layers, long tokens, int sequences, int longest, int step, int retractable = 0) =>
        layers.Sum(layer =>
            sequences * (1 + retractable) * layer.BytesPerSequence
            + (
                layer.BytesPerToken == 0
                    ? 0
                    : layer.BytesPerBlock * BlocksFor(layer.Window, layer.BlockTokens, tokens, sequences, longest, step)
            )
        );

    /// <summary>A new sequence; null when as many are there as may be.</summary>
    /// <param name="salt">sequences with different numbers share nothing, whatever their tokens</param>
    public CachedSequence? TryNew(int salt = 0) => TryNew([], salt);

    /// <summary>The same, beginning with what is held of another sequence that begins with the same tokens as <paramref name="ids"/>; the
    /// last of them is always left to be computed.</summary>
    public CachedSequence? TryNew(ReadOnlySpan<int> ids, int salt = 0)
    {
        if (_slots.FreeCount <= _retractable)
        {
            return null;
        }
        int slot = _slots.Take();
        int[] spare = new int[_retractable];
        for (int i = 0; i < spare.Length; i++)
        {
            spare[i] = _slots.Take();
        }
        UInt128 name = NameOf((UInt128)(uint)salt + 1, []);
        CachedSequence sequence = new(this, slot, spare, name);
        _sequences.Add(sequence);
        int most = Math.Max(0, ids.Length - 1) / RaggedRows.BlockTokens,
            best = 0;
        UInt128[] names = most == 0 ? [] : new UInt128[most];
        for (int i = 0; i < most; i++)
        {
            names[i] = NameOf(i == 0 ? name : names[i - 1], ids.Slice(i * RaggedRows.BlockTokens, RaggedRows.BlockTokens));
            if (Groups.Any(g => g.Window is null && (i + 1) % g.Sixteens == 0 && g.Pool.Find(names[i]) < 0))
            {
                break;
            }
            best = CanBegin(names, i + 1) ? i + 1 : best;
        }
        if (best > 0)
        {
            sequence.Begin(
                best,
                names[best - 1],
                (group, block) => Groups[group].Pool.Find(names[(block + 1) * Groups[group].Sixteens - 1])
            );
        }
        if (HasState && best > 0)
        {
            CopySlot(_slots.Find(names[best - 1]), slot);
        }
        else
        {
            foreach (ILayerCache layer in _layers)
            {
                layer.ClearSlot(slot);
            }
        }
        return sequence;
    }

    /// <summary>A sequence whose tokens nobody has computed: what layers hold of them, and of all other sequences from now on, is noise.
    /// For measuring what a long text costs; null where there is no memory.</summary>
    /// <param name="tokens">its length</param>
    /// <param name="step">as many at once as the cache was made for</param>
    public CachedSequence? Pretend(int tokens, int step)
    {
        CachedSequence? sequence = TryNew();
        for (int at = 0; at < tokens && sequence is not null; at += step)
        {
            int count = Math.Min(step, tokens - at);
            if (!sequence.TryReserve(count))
            {
                sequence.Dispose();
                return null;
            }
            sequence.Advance(count, 0);
        }
        float[] noise = new float[1 << 16];
        new PhiloxRandom(1, 2).FillNormal(noise, 0.5f);
        foreach (Tensor part in _layers.SelectMany(layer => layer.Parts).Where(part => part.DType == DType.Float32))
        {
            for (long at = 0; at < part.Count; at += noise.Length)
            {
                part.CopyFrom(noise.AsSpan(0, (int)Math.Min(noise.Length, part.Count - at)), at);
            }
        }
        return sequence;
    }

    /// <summary>The cache of a layer, of the kind that this layer made.</summary>
    public T Layer<T>(int index)
        where T : ILayerCache => (T)_layers[index];

    internal int GroupOf(int layer) => _groupOf[layer];

    /// <summary>Name of a block: that of the one before, and its tokens.</summary>
    internal static UInt128 NameOf(UInt128 before, ReadOnlySpan<int> ids)
    {
        Span<byte> bytes = stackalloc byte[16 + RaggedRows.BlockTokens * sizeof(int)];
        MemoryMarshal.Write(bytes, before);
        MemoryMarshal.AsBytes(ids).CopyTo(bytes[16..]);
        return XxHash128.HashToUInt128(bytes[..(16 + ids.Length * sizeof(int))]);
    }

    /// <summary>Keeps a copy of a state, to be found by its name, where a slot is free.</summary>
    internal void KeepState(int slot, UInt128 name)
    {
        if (_slots.Find(name) < 0 && _slots.Take() is >= 0 and int copy)
        {
            CopySlot(slot, copy);
            _slots.Name(copy, name);
            _slots.Return(copy);
        }
    }

    internal void Release(CachedSequence sequence)
    {
        if (_sequences.Remove(sequence))
        {
            _slots.Return(sequence.Slot);
            Array.ForEach(sequence.Spare, _slots.Return);
        }
    }

    /// <summary>Frees the memory of all sequences.</summary>
    public void Dispose()
    {
        foreach (ILayerCache layer in _layers)
        {
            layer.Dispose();
        }
    }

    /// <summary>Whether all that <paramref name="blocks"/> first blocks leave behind can be found.</summary>
    private bool CanBegin(UInt128[] names, int blocks)
    {
        foreach (CacheGroup group in Groups)
        {
            int whole = blocks / group.Sixteens;
            if (!group.MayEndAt(blocks))
            {
                return false;
            }
            for (
                int i = Math.Max(group.Window is null ? Math.Max(0, whole - 1) : 0, group.FirstBlock(blocks * RaggedRows.BlockTokens));
                i < whole;
                i++
            )
            {
                if (group.Pool.Find(names[(i + 1) * group.Sixteens - 1]) < 0)
                {
                    return false;
                }
            }
        }
        return !HasState || _slots.Find(names[blocks - 1]) >= 0;
    }

    private void CopySlot(int from, int to)
    {
        foreach (ILayerCache layer in _layers)
        {
            layer.CopySlot(from, to);
        }
    }

    private static (int? Window, int TokensPerRow) Kind(ICacheSpec layer) => (layer.Window, layer.TokensPerRow);

    private static int Blocks(long tokens, int blockTokens = RaggedRows.BlockTokens) =>
        checked((int)((tokens + blockTokens - 1) / blockTokens));

    /// <summary>Every sequence may leave a block half empty; with a window none needs more than the window, the step and the
    /// margin.</summary>
    private static int BlocksFor(int? window, int blockTokens, long tokens, int sequences, int longest, int step)
    {
        int all = Blocks(tokens + (sequences - 1L) * (blockTokens - 1), blockTokens),
            each = Blocks(longest, blockTokens);
        return Math.Min(
            all,
            window is { } w
                ? checked(sequences * Math.Min(each, Blocks((long)w + step + CacheGroup.Margin, blockTokens) + 1))
                : checked(sequences * each)
        );
    }
}
