using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Inkstone.Text;

/// <summary>
/// What one thread needs while it encodes: room for the symbols of a word, and a cache of words already encoded. The cache is
/// direct-mapped and of fixed size (1 MiB): a word of at most 24 bytes and at most 8 ids lies in one 64-byte slot, and a newer word takes
/// its place.
/// </summary>
internal sealed class EncodeScratch
{
    private const int CacheSlots = 1 << 14;

    private readonly CachedWord[] _cache = new CachedWord[CacheSlots];

    public int[] Symbols { get; private set; } = new int[512];

    public int[] Next { get; private set; } = new int[512];

    public int[] Previous { get; private set; } = new int[512];

    public uint[] Keys { get; } = new uint[256 + 16];

    public PriorityHeap Heap { get; } = new();

    /// <summary>Where each word is told of, where somebody asks how a text is cut.</summary>
    public List<TokenizedWord>? Trace { get; init; }

    public void Reserve(int symbols)
    {
        if (Symbols.Length < symbols)
        {
            int size = symbols + (symbols / 2);
            (Symbols, Next, Previous) = (new int[size], new int[size], new int[size]);
        }
    }

    /// <summary>Slot of a word of 1 to 24 bytes, and whether the slot holds just that word.</summary>
    public ref CachedWord Lookup(ReadOnlySpan<byte> word, out bool hit)
    {
        ulong k0,
            k1 = 0,
            k2 = 0;
        switch (word.Length)
        {
            case >= 16:
                k0 = BinaryPrimitives.ReadUInt64LittleEndian(word);
                k1 = BinaryPrimitives.ReadUInt64LittleEndian(word[8..]);
                k2 = Tail(word[16..]);
                break;
            case >= 8:
                k0 = BinaryPrimitives.ReadUInt64LittleEndian(word);
                k1 = Tail(word[8..]);
                break;
            default:
                k0 = Tail(word);
                break;
        }
        ulong mix =
            ((k0 ^ (ulong)word.Length) * 0x9E3779B97F4A7C15)
            ^ ((k1 + 0x632BE59BD9B4E019) * 0xD6E8FEB86659FD93)
            ^ ((k2 + 1) * 0xA0761D6478BD642F);
        mix ^= mix >> 32;
        mix *= 0xD6E8FEB86659FD93;
        ref CachedWord slot = ref _cache[(int)(mix >> 50)];
        hit = slot.Length == word.Length && slot.K0 == k0 && slot.K1 == k1 && slot.K2 == k2;
        if (!hit)
        {
            (slot.K0, slot.K1, slot.K2, slot.Length) = (k0, k1, k2, 0);
        }
        return ref slot;
    }

    /// <summary>Up to seven bytes as a number; no two words of the same length have the same one.</summary>
    private static ulong Tail(ReadOnlySpan<byte> rest) =>
        rest.Length switch
        {
            0 => 0,
            < 4 => rest[0] | ((ulong)rest[rest.Length >> 1] << 8) | ((ulong)rest[^1] << 16),
            _ => BinaryPrimitives.ReadUInt32LittleEndian(rest) | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(rest[^4..]) << 32),
        };
}

/// <summary>A word and its ids; <see cref="Length"/> 0 marks a slot that holds nothing yet.</summary>
internal struct CachedWord
{
    public ulong K0,
        K1,
        K2;
    public short Length,
        Count;
    public Ids8 Ids;

    [InlineArray(8)]
    internal struct Ids8
    {
        private int _first;
    }
}

/// <summary>Binary heap of (rank, position) packed into one number, smallest first.</summary>
internal sealed class PriorityHeap
{
    private ulong[] _items = new ulong[256];

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    public void Push(int rank, int position)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, Count * 2);
        }
        ulong item = ((ulong)(uint)rank << 32) | (uint)position;
        int i = Count++;
        while (i > 0 && item < _items[(i - 1) / 2])
        {
            _items[i] = _items[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        _items[i] = item;
    }

    public (int Rank, int Position) Pop()
    {
        ulong top = _items[0];
        ulong last = _items[--Count];
        int i = 0;
        while ((2 * i) + 1 < Count)
        {
            int child = (2 * i) + 1;
            if (child + 1 < Count && _items[child + 1] < _items[child])
            {
                child++;
            }
            if (last <= _items[child])
            {
                break;
            }
            _items[i] = _items[child];
            i = child;
        }
        _items[i] = last;
        return ((int)(top >> 32), (int)(uint)top);
    }
}
