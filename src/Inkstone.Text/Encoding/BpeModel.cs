using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Inkstone.Text;

/// <summary>
/// Merges the symbols of one word, lowest rank first and leftmost among equals, until no pair is left that has a rank.
/// Symbols are bytes (byte-level vocabularies) or characters (SentencePiece-style ones). Words of up to 256 symbols are merged with a
/// vector scan for the smallest (rank, position); longer ones with a heap, so that n symbols never cost more than O(n log n).
/// </summary>
internal sealed class BpeModel
{
    private const int ShortWord = 256;
    private const uint NoKey = uint.MaxValue;

    private readonly PairRanks _ranks;
    private readonly bool _keysFit;
    private readonly int[] _byteIds;
    private readonly WholeCharacters? _characters;
    private readonly CharacterJunctions? _junctions;
    private readonly int[] _bytePairRanks = new int[1 << 16];

    /// <summary>What characters begin as; null when words are given as bytes.</summary>
    public CharacterSymbols? Characters { get; init; }

    public int? UnknownId { get; init; }

    public bool FuseUnknown { get; init; }

    /// <summary>Whole words that are tokens and skip the merges (<c>ignore_merges</c>).</summary>
    public Dictionary<byte[], int>.AlternateLookup<ReadOnlySpan<byte>>? WholeWords { get; init; }

    /// <param name="ranks">The merges.</param>
    /// <param name="byteIds">Id of each byte's own token, or -1.</param>
    /// <param name="characters">Characters that need not begin from their bytes.</param>
    /// <param name="junctions">Where a word may be cut; null when it may not be.</param>
    public BpeModel(PairRanks ranks, int[] byteIds, WholeCharacters? characters, CharacterJunctions? junctions)
    {
        (_ranks, _byteIds, _characters, _junctions) = (ranks, byteIds, characters, junctions);
        _keysFit = ranks.Count < 1 << 24;
        for (int pair = 0; pair < _bytePairRanks.Length; pair++)
        {
            (int left, int right) = (byteIds[pair >> 8], byteIds[pair & 255]);
            _bytePairRanks[pair] = left < 0 || right < 0 ? PairRanks.None : _ranks.Rank(left, right);
        }
    }

    /// <summary>Appends the ids of one word.</summary>
    public void Encode(ReadOnlySpan<byte> word, EncodeScratch scratch, List<int> ids)
    {
        if (scratch.Trace is { } trace)
        {
            trace.Add(Explain(word, scratch));
            ids.AddRange(trace[^1].Ids);
            return;
        }
        if (_junctions is not null && word.Length >= 6 && (word[^3] & 0xF0) == 0xE0)
        {
            EncodeParts(word, scratch, ids);
        }
        else
        {
            EncodePart(word, scratch, ids);
        }
    }

    /// <summary>Cuts between characters that no merge can join, and encodes what lies between the cuts.</summary>
    private void EncodeParts(ReadOnlySpan<byte> word, EncodeScratch scratch, List<int> ids)
    {
        int start = 0,
            left = -1;
        for (int i = 0; i < word.Length; )
        {
            if ((word[i] & 0xF0) != 0xE0)
            {
                left = -1;
                i++;
                continue;
            }
            int character = Utf8Bytes.OfThree(word, i);
            if (left >= 0 && !_junctions!.MayJoin(left, character))
            {
                EncodeCharacters(word[start..i], left, scratch, ids);
                start = i;
            }
            left = character;
            i += 3;
        }
        EncodeCharacters(word[start..], left, scratch, ids);
    }

    private void EncodeCharacters(ReadOnlySpan<byte> part, int last, EncodeScratch scratch, List<int> ids)
    {
        if (part.Length == 3 && _characters!.Alone(last) is >= 0 and int id)
        {
            ids.Add(id);
            return;
        }
        EncodePart(part, scratch, ids);
    }

    private void EncodePart(ReadOnlySpan<byte> word, EncodeScratch scratch, List<int> ids)
    {
        if (word.Length > 24 || word.IsEmpty)
        {
            EncodeUncached(word, scratch, ids);
            return;
        }
        ref CachedWord cached = ref scratch.Lookup(word, out bool hit);
        if (hit)
        {
            int count = cached.Count;
            int at = ids.Count;
            CollectionsMarshal.SetCount(ids, at + count);
            ((ReadOnlySpan<int>)cached.Ids)[..count].CopyTo(CollectionsMarshal.AsSpan(ids)[at..]);
            return;
        }
        int before = ids.Count;
        EncodeUncached(word, scratch, ids);
        ReadOnlySpan<int> made = CollectionsMarshal.AsSpan(ids)[before..];
        if (made.Length <= 8)
        {
            made.CopyTo(cached.Ids);
            (cached.Length, cached.Count) = ((short)word.Length, (short)made.Length);
        }
    }

    private void EncodeUncached(ReadOnlySpan<byte> word, EncodeScratch scratch, List<int> ids)
    {
        if (WholeWords is { } whole && whole.TryGetValue(word, out int id))
        {
            ids.Add(id);
            return;
        }
        scratch.Reserve(Characters == null ? word.Length : word.Length * Characters.MostPerByte);
        int count =
            Characters == null ? ByteSymbols(word, scratch.Symbols) : Characters.Encode(word, scratch.Symbols, UnknownId, FuseUnknown);
        if (count <= ShortWord && _keysFit)
        {
            MergeShort(Characters == null && count == word.Length ? word : default, count, scratch);
        }
        else
        {
            MergeLong(count, scratch);
        }
        int at = ids.Count;
        CollectionsMarshal.SetCount(ids, at + count);
        Span<int> target = CollectionsMarshal.AsSpan(ids)[at..];
        int n = 0;
        for (int i = 0; i < count; i = scratch.Next[i])
        {
            target[n++] = scratch.Symbols[i];
        }
        CollectionsMarshal.SetCount(ids, at + n);
    }

    /// <summary>One word, merge by merge: the plain rule that <see cref="Encode"/> is a fast form of.</summary>
    private TokenizedWord Explain(ReadOnlySpan<byte> word, EncodeScratch scratch)
    {
        if (WholeWords is { } whole && whole.TryGetValue(word, out int id))
        {
            return new TokenizedWord(word.ToArray(), TokenOrigin.WholeWord, [id], [id], []);
        }
        scratch.Reserve(Characters == null ? word.Length : word.Length * Characters.MostPerByte);
        int count =
            Characters == null ? ByteSymbols(word, scratch.Symbols) : Characters.Encode(word, scratch.Symbols, UnknownId, FuseUnknown);
        List<int> symbols = [.. scratch.Symbols[..count]];
        int[] start = [.. symbols];
        List<MergeStep> merges = [];
        while (true)
        {
            (int best, int at) = (PairRanks.None, -1);
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                int rank = _ranks.Rank(symbols[i], symbols[i + 1]);
                if (rank != PairRanks.None && (at < 0 || rank < best))
                {
                    (best, at) = (rank, i);
                }
            }
            if (at < 0)
            {
                return new TokenizedWord(word.ToArray(), TokenOrigin.Merges, [.. symbols], start, merges);
            }
            symbols[at] = _ranks.Merged(best);
            symbols.RemoveAt(at + 1);
            merges.Add(new MergeStep(best, at, symbols[at], [.. symbols]));
        }
    }

    private int ByteSymbols(ReadOnlySpan<byte> word, Span<int> symbols)
    {
        int count = 0;
        bool unknownBefore = false;
        for (int i = 0; i < word.Length; i++)
        {
            byte b = word[i];
            if ((b & 0xF0) == 0xE0 && _characters?.At(word, i) is >= 0 and int character)
            {
                symbols[count++] = character;
                unknownBefore = false;
                i += 2;
                continue;
            }
            int id = _byteIds[b];
            if (id >= 0)
            {
                symbols[count++] = id;
                unknownBefore = false;
            }
            else if (UnknownId is int unknown)
            {
                if (!unknownBefore || !FuseUnknown)
                {
                    symbols[count++] = unknown;
                }
                unknownBefore = true;
            }
        }
        return count;
    }

    /// <summary>Rank and position of each pair in one number; a dead position holds the largest number. <paramref name="bytes"/> are given
    /// when each symbol is one of them.</summary>
    private void MergeShort(ReadOnlySpan<byte> bytes, int count, EncodeScratch scratch)
    {
        Span<int> symbols = scratch.Symbols,
            next = scratch.Next,
            previous = scratch.Previous;
        Span<uint> keys = scratch.Keys;
        if (count == 0)
        {
            return;
        }
        for (int i = 0; i < count; i++)
        {
            (next[i], previous[i]) = (i + 1, i - 1);
            int rank =
                i + 1 == count ? PairRanks.None
                : bytes.Length > 0 ? _bytePairRanks[(bytes[i] << 8) | bytes[i + 1]]
                : _ranks.Rank(symbols[i], symbols[i + 1]);
            keys[i] = Key(rank, i);
        }
        int padded = (count + 15) & ~15;
        keys[count..padded].Fill(NoKey);
        while (true)
        {
            uint best = Smallest(keys[..padded]);
            if (best == NoKey)
            {
                return;
            }
            int i = (int)(best & 255),
                right = next[i],
                after = next[right],
                before = previous[i];
            symbols[i] = _ranks.Merged((int)(best >> 8));
            next[i] = after;
            keys[right] = NoKey;
            keys[i] = NoKey;
            if (after < count)
            {
                previous[after] = i;
                keys[i] = Key(_ranks.Rank(symbols[i], symbols[after]), i);
            }
            if (before >= 0)
            {
                keys[before] = Key(_ranks.Rank(symbols[before], symbols[i]), before);
            }
        }
    }

    private static uint Key(int rank, int position) => rank == PairRanks.None ? NoKey : ((uint)rank << 8) | (uint)position;

    private static uint Smallest(ReadOnlySpan<uint> keys)
    {
        Vector256<uint> low = Vector256.Min(Vector256.Create(keys), Vector256.Create(keys[8..]));
        for (int i = 16; i < keys.Length; i += 16)
        {
            low = Vector256.Min(low, Vector256.Min(Vector256.Create(keys[i..]), Vector256.Create(keys[(i + 8)..])));
        }
        Vector128<uint> four = Vector128.Min(low.GetLower(), low.GetUpper());
        four = Vector128.Min(four, Vector128.Shuffle(four, Vector128.Create(2u, 3u, 0u, 1u)));
        return Math.Min(four[0], four[1]);
    }

    private void MergeLong(int count, EncodeScratch scratch)
    {
        Span<int> symbols = scratch.Symbols,
            next = scratch.Next,
            previous = scratch.Previous;
        PriorityHeap heap = scratch.Heap;
        heap.Clear();
        for (int i = 0; i < count; i++)
        {
            (next[i], previous[i]) = (i + 1, i - 1);
            if (i + 1 < count && _ranks.Rank(symbols[i], symbols[i + 1]) is not PairRanks.None and int rank)
            {
                heap.Push(rank, i);
            }
        }
        while (heap.Count > 0)
        {
            (int rank, int i) = heap.Pop();
            // An entry is stale when its position was merged away or now begins another pair.
            if (symbols[i] < 0 || next[i] >= count || _ranks.Rank(symbols[i], symbols[next[i]]) != rank)
            {
                continue;
            }
            int right = next[i],
                after = next[right],
                before = previous[i];
            (symbols[i], symbols[right], next[i]) = (_ranks.Merged(rank), -1, after);
            if (after < count)
            {
                previous[after] = i;
                if (_ranks.Rank(symbols[i], symbols[after]) is not PairRanks.None and int rankAfter)
                {
                    heap.Push(rankAfter, i);
                }
            }
            if (before >= 0 && _ranks.Rank(symbols[before], symbols[i]) is not PairRanks.None and int rankBefore)
            {
                heap.Push(rankBefore, before);
            }
        }
    }
}
