using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Sequences of one cache that go through a model together, each with some new tokens: [1, ΣT]. Used again from step to
/// step.</summary>
public sealed class SequenceBatch(PagedCache cache)
{
    private readonly List<CachedSequence> _sequences = [];
    private readonly List<int> _starts = [0],
        _heldStarts = [0],
        _lengths = [],
        _past = [],
        _slots = [],
        _retractable = [],
        _trail = [],
        _positions = [],
        _blocks = [];
    private readonly List<Tensor> _tables = [];
    private RaggedRows _rows;
    private Tensor? _whole;

    /// <summary>The cache.</summary>
    public PagedCache Cache => cache;

    /// <summary>Number of sequences.</summary>
    public int Count => _sequences.Count;

    /// <summary>New tokens of all sequences.</summary>
    public int Tokens => _starts[^1];

    /// <summary>Which token belongs to which sequence.</summary>
    public RaggedRows Rows => _rows;

    /// <summary>int32 [N]: tokens of each whole text, where some are still to come.</summary>
    internal Tensor WholeLengths => _whole!;

    /// <summary>Index in the row of the last new token of a sequence.</summary>
    public int LastRow(int sequence) => _starts[sequence + 1] - 1;

    /// <summary>Begins another batch.</summary>
    public void Clear()
    {
        _sequences.Clear();
        _lengths.Clear();
        _past.Clear();
        _slots.Clear();
        _retractable.Clear();
        _positions.Clear();
        _starts.RemoveRange(1, _starts.Count - 1);
        _heldStarts.RemoveRange(1, _heldStarts.Count - 1);
    }

    /// <summary>Adds the next <paramref name="count"/> tokens of a sequence, for which memory was reserved.</summary>
    /// <param name="sequence">of this batch's cache, at most once</param>
    /// <param name="count">new tokens</param>
    /// <param name="whole">tokens of the whole text, where more are still to come; 0: up to these. Some rotary tables depend on it</param>
    /// <param name="retractable">how many of them, the last, may be taken back (<see cref="CachedSequence.TryTruncate"/>), which decides
    /// it before the next pass</param>
    public void Add(CachedSequence sequence, int count, int whole = 0, int retractable = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, retractable + 1);
        if (sequence.Cache != cache)
        {
            throw new ArgumentException("the sequence lies in another cache", nameof(sequence));
        }
        _sequences.Add(sequence);
        _starts.Add(_starts[^1] + count);
        _heldStarts.Add(_heldStarts[^1] + sequence.Length + count);
        _lengths.Add(Math.Max(whole, sequence.Length + count));
        _past.Add(sequence.Length);
        _slots.Add(sequence.Slot);
        _retractable.Add(retractable);
        for (int i = 0; i < count; i++)
        {
            _positions.Add(sequence.Length + i);
        }
    }

    /// <summary>What a model needs to know of the batch, for the running step of the device.</summary>
    public ForwardContext Context()
    {
        (_rows, _whole) = (new RaggedRows(Integers(_starts), Integers(_past), Integers(_slots), Trail()), Integers(_lengths));
        _tables.Clear();
        for (int group = 0; group < cache.Groups.Length; group++)
        {
            _tables.Add(Table(group));
        }
        return new ForwardContext(Integers(_positions).View(new Shape(1, Tokens)), Batch: this);
    }

    /// <summary>int32 [N, M]: block of each sixteen tokens (of as many as a block of the layer holds) of each sequence, for a
    /// layer.</summary>
    public Tensor Tables(int layer) => _tables[cache.GroupOf(layer)];

    /// <summary>Attention of the new tokens to keys and values of all tokens of each sequence, which were made for this step: k [1, ΣS,
    /// H·D], v [1, ΣS, H·Dv] → [1, ΣT, H·Dv].</summary>
    public Tensor AttendTo(Tensor q, Tensor k, Tensor v, int heads, float scale)
    {
        Device device = cache.Device;
        _blocks.Clear();
        int blocks = 0,
            width = 0;
        for (int i = 0; i < Count; i++)
        {
            width = Math.Max(width, (Held(i) + RaggedRows.BlockTokens - 1) / RaggedRows.BlockTokens);
        }
        for (int i = 0; i < Count; i++)
        {
            int last = blocks + (Held(i) + RaggedRows.BlockTokens - 1) / RaggedRows.BlockTokens;
            for (int j = 0; j < width; j++)
            {
                _blocks.Add(blocks < last ? blocks++ : -1);
            }
        }
        Tensor tables = Integers(_blocks).View(new Shape(Count, width)),
            none = Integers([.. Enumerable.Repeat(0, Count)]);
        Tensor keys = device.Rent(new Shape(blocks, k.Shape.Last, RaggedRows.BlockTokens)),
            values = device.Rent(new Shape(blocks * RaggedRows.BlockTokens, v.Shape.Last));
        RaggedRows all = new(Integers(_heldStarts), none, none);
        Ops.StoreKeys(k, keys, all, tables);
        Ops.StoreRows(v, values, all, tables);
        return Ops.PagedAttention(q, keys, values, _rows, tables, heads, heads, scale);
    }

    /// <summary>Where a sequence's state lies: that before its tokens that may be taken back.</summary>
    internal int Slot(int sequence) => _slots[sequence];

    /// <summary>Where the states behind each of those go.</summary>
    internal ReadOnlySpan<int> TrailOf(int sequence) => _sequences[sequence].Spare.AsSpan(0, cache.HasState ? _retractable[sequence] : 0);

    /// <summary>Where each sequence's new tokens begin, and behind the last.</summary>
    public IReadOnlyList<int> Starts => _starts;

    /// <summary>Where each sequence begins when all its tokens, the cached ones too, lie one behind the other; and behind the
    /// last.</summary>
    public IReadOnlyList<int> HeldStarts => _heldStarts;

    private int Held(int sequence) => _past[sequence] + _starts[sequence + 1] - _starts[sequence];

    /// <summary>Counts the new tokens: every layer has taken them in.</summary>
    internal void Advance()
    {
        for (int i = 0; i < Count; i++)
        {
            _sequences[i].Advance(_starts[i + 1] - _starts[i], _retractable[i]);
        }
    }

    private Tensor? Trail()
    {
        int width = 0;
        foreach (int retractable in _retractable)
        {
            width = Math.Max(width, retractable);
        }
        if (width == 0 || !cache.HasState)
        {
            return null;
        }
        _trail.Clear();
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < width; j++)
            {
                _trail.Add(j < _retractable[i] ? _sequences[i].Spare[j] : -1);
            }
        }
        return Integers(_trail).View(new Shape(Count, width));
    }

    private Tensor Table(int group)
    {
        int width = 1;
        for (int i = 0; i < Count; i++)
        {
            width = Math.Max(
                width,
                cache
                    .Groups[group]
                    .BlocksOf((_sequences[i].Length + _starts[i + 1] - _starts[i] + RaggedRows.BlockTokens - 1) / RaggedRows.BlockTokens)
            );
        }
        _blocks.Clear();
        foreach (CachedSequence sequence in _sequences)
        {
            int[] blocks = sequence.Tables[group];
            for (int i = 0; i < width; i++)
            {
                _blocks.Add(i < blocks.Length ? blocks[i] : -1);
            }
        }
        return Integers(_blocks).View(new Shape(Count, width));
    }

    private Tensor Integers(List<int> values) => cache.Device.Rent(new Shape(values.Count), CollectionsMarshal.AsSpan(values));
}
