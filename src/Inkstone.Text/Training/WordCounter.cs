using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Inkstone.Text;

/// <summary>
/// Counts different words: one arena of bytes, flat arrays for where each word lies and how often it was seen,
/// and an open-addressing table of indices. Nothing is allocated for a word that is already known.
/// </summary>
internal sealed class WordCounter
{
    private byte[] _arena = new byte[1 << 16];
    private long[] _count = new long[1 << 12];
    private int[] _start = new int[(1 << 12) + 1];
    private uint[] _hash = new uint[1 << 12];
    private int[] _slots = new int[1 << 13];

    public int Words { get; private set; }

    /// <summary>Bytes of all different words together.</summary>
    public int TotalLength => _start[Words];

    public ReadOnlySpan<byte> Word(int index) => _arena.AsSpan(_start[index].._start[index + 1]);

    public long Count(int index) => _count[index];

    /// <summary>Whether any word contains the byte.</summary>
    public bool Has(byte b) => _arena.AsSpan(0, TotalLength).Contains(b);

    public void Add(ReadOnlySpan<byte> word, long times) => Add(word, Hash(word), times);

    /// <summary>Takes over everything that <paramref name="other"/> counted.</summary>
    public void Add(WordCounter other)
    {
        for (int i = 0; i < other.Words; i++)
        {
            Add(other.Word(i), other._hash[i], other._count[i]);
        }
    }

    private void Add(ReadOnlySpan<byte> word, uint hash, long times)
    {
        int mask = _slots.Length - 1;
        for (int slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            int index = _slots[slot] - 1;
            if (index < 0)
            {
                _slots[slot] = Append(word, hash, times) + 1;
                if (Words * 2 > _slots.Length)
                {
                    Rehash();
                }
                return;
            }
            if (_hash[index] == hash && Word(index).SequenceEqual(word))
            {
                _count[index] += times;
                return;
            }
        }
    }

    private int Append(ReadOnlySpan<byte> word, uint hash, long times)
    {
        int index = Words++;
        int start = _start[index];
        if ((long)start + word.Length > Array.MaxLength)
        {
            throw new InvalidDataException(
                "the corpus has more than 2 GiB of different words; train on a sample of it, or set a cap on the pre-token length."
            );
        }
        if (index == _count.Length)
        {
            Array.Resize(ref _count, index * 2);
            Array.Resize(ref _hash, index * 2);
            Array.Resize(ref _start, (index * 2) + 1);
        }
        if (start + word.Length > _arena.Length)
        {
            Array.Resize(ref _arena, (int)Math.Min(Array.MaxLength, Math.Max(_arena.Length * 2L, start + (long)word.Length)));
        }
        word.CopyTo(_arena.AsSpan(start));
        (_start[index + 1], _count[index], _hash[index]) = (start + word.Length, times, hash);
        return index;
    }

    private void Rehash()
    {
        _slots = new int[_slots.Length * 2];
        int mask = _slots.Length - 1;
        for (int i = 0; i < Words; i++)
        {
            int slot = (int)_hash[i] & mask;
            while (_slots[slot] != 0)
            {
                slot = (slot + 1) & mask;
            }
            _slots[slot] = i + 1;
        }
    }

    /// <summary>Folded multiplication, eight bytes at a time (the idea of wyhash); the last eight bytes overlap.</summary>
    private static uint Hash(ReadOnlySpan<byte> word)
    {
        const ulong K0 = 0xA0761D6478BD642F,
            K1 = 0xE7037ED1A0B428DB;
        ulong h = K0 ^ (ulong)word.Length;
        ulong tail;
        if (word.Length >= 8)
        {
            ReadOnlySpan<ulong> blocks = MemoryMarshal.Cast<byte, ulong>(word[..(word.Length - 1)]);
            foreach (ulong block in blocks)
            {
                h = Fold(h ^ block, K1);
            }
            tail = BinaryPrimitives.ReadUInt64LittleEndian(word[^8..]);
        }
        else if (word.Length >= 4)
        {
            tail = BinaryPrimitives.ReadUInt32LittleEndian(word) | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(word[^4..]) << 32);
        }
        else
        {
            tail = word.Length == 0 ? 0 : word[0] | ((ulong)word[word.Length / 2] << 8) | ((ulong)word[^1] << 16);
        }
        return (uint)Fold(h ^ tail, K0);
    }

    private static ulong Fold(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return high ^ low;
    }
}
