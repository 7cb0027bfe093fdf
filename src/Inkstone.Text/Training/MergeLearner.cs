namespace Inkstone.Text;

/// <summary>
/// Byte-pair encoding (Sennrich, Haddow, Birch 2016): merge the most frequent pair of neighbours until the vocabulary is full.
/// Which words are looked at for a candidate, when its count is refreshed, and that a token spelled in two ways has one id, all follow
/// Hugging Face tokenizers to the letter, because the order of merges hangs on it.
/// Words lie in one flat array as (length, count, symbols), are known by where they lie there, and shrink in place: a candidate looks at
/// each of its words once, in no useful order, so that a word must not cost more than one trip to memory.
/// </summary>
internal sealed class MergeLearner
{
    private const int ParallelFrom = 2048,
        Header = 3;

    private readonly TrainedVocabulary _vocabulary;
    private readonly int _threads;
    private readonly int[] _words;
    private readonly PairCounts _pairs = new();
    private readonly MergeQueue _queue = new();
    private readonly OccurrenceArena _occurrences;
    private readonly NeighbourChanges[] _left;
    private readonly NeighbourChanges[] _right;

    public MergeLearner(WordCounter words, TrainedVocabulary vocabulary, int vocabularySize, int threads)
    {
        (_vocabulary, _threads) = (vocabulary, threads);
        _occurrences = new(_queue);
        int size = Math.Max(vocabularySize, vocabulary.Count) + 1;
        _left = [.. Enumerable.Range(0, threads).Select(_ => new NeighbourChanges(size))];
        _right = [.. Enumerable.Range(0, threads).Select(_ => new NeighbourChanges(size))];
        long total = words.TotalLength + ((long)Header * words.Words);
        if (total > Array.MaxLength)
        {
            throw TooManyWords();
        }
        _words = new int[total];
        int at = 0;
        for (int w = 0; w < words.Words; w++)
        {
            ReadOnlySpan<byte> word = words.Word(w);
            long count = words.Count(w);
            (_words[at], _words[at + 1], _words[at + 2]) = (word.Length, (int)count, (int)(count >> 32));
            at += Header;
            foreach (byte b in word)
            {
                _words[at++] = vocabulary.ByteId(b);
            }
        }
        CountBytePairs(words);
    }

    /// <summary>Learns until the vocabulary has <paramref name="vocabularySize"/> tokens or no pair is frequent enough.</summary>
    public void Learn(int vocabularySize, long minFrequency, Action<int>? progress, CancellationToken cancellation)
    {
        while (_vocabulary.Count < vocabularySize && _queue.Count > 0)
        {
            MergeCandidate candidate = _queue.First;
            long now = _pairs[candidate.Pair];
            if (candidate.Count != now)
            {
                _queue.Recount(now);
                continue;
            }
            if (now < 1 || now < minFrequency)
            {
                break;
            }
            _queue.Pop();
            (int a, int b) = ((int)(candidate.Pair >> 32), (int)(uint)candidate.Pair);
            int merged = _vocabulary.Merge(a, b);
            Rewrite(candidate, a, b, merged);
            Requeue(a, b, merged);
            if (_vocabulary.Count % 64 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Invoke(_vocabulary.Count);
            }
        }
    }

    /// <summary>Before the first merge every symbol is a byte, so pairs are counted in a dense table.</summary>
    private void CountBytePairs(WordCounter words)
    {
        long[] counts = new long[1 << 16];
        int[] lists = new int[1 << 16];
        int[] last = new int[1 << 16];
        long total = 0;
        for (int w = 0; w < words.Words; w++)
        {
            ReadOnlySpan<byte> word = words.Word(w);
            for (int i = 1; i < word.Length; i++)
            {
                int pair = (word[i - 1] << 8) | word[i];
                counts[pair] += words.Count(w);
                if (last[pair] != w + 1)
                {
                    last[pair] = w + 1;
                    lists[pair]++;
                    total++;
                }
            }
        }
        if (total > Array.MaxLength)
        {
            throw TooManyWords();
        }
        int offset = _occurrences.Reserve((int)total);
        int[] next = new int[1 << 16];
        for (int pair = 0; pair < next.Length; pair++)
        {
            next[pair] = offset;
            offset += lists[pair];
        }
        Array.Clear(last);
        for (int w = 0, at = 0; w < words.Words; at += Header + words.Word(w++).Length)
        {
            ReadOnlySpan<byte> word = words.Word(w);
            for (int i = 1; i < word.Length; i++)
            {
                int pair = (word[i - 1] << 8) | word[i];
                if (last[pair] != w + 1)
                {
                    last[pair] = w + 1;
                    _occurrences.Words[next[pair]++] = at;
                }
            }
        }
        for (int pair = 0; pair < counts.Length; pair++)
        {
            if (counts[pair] > 0)
            {
                ulong key = PairCounts.Key(_vocabulary.ByteId((byte)(pair >> 8)), _vocabulary.ByteId((byte)pair));
                _pairs.Add(key, counts[pair]);
                _queue.Push(new(counts[pair], key, next[pair] - lists[pair], lists[pair]));
            }
        }
    }

    private void Rewrite(MergeCandidate candidate, int a, int b, int merged)
    {
        int count = candidate.WordCount;
        if (_threads == 1 || count < ParallelFrom)
        {
            RewriteWords(_occurrences.Words.AsSpan(candidate.Words, count), a, b, merged, _left[0], _right[0]);
            return;
        }
        // A word stands in the list once, so the parts touch different words; sums of whole numbers do not mind who adds them.
        Parallel.For(
            0,
            _threads,
            t =>
            {
                int from = (int)((long)count * t / _threads),
                    to = (int)((long)count * (t + 1) / _threads);
                RewriteWords(_occurrences.Words.AsSpan(candidate.Words + from, to - from), a, b, merged, _left[t], _right[t]);
            }
        );
        for (int t = 1; t < _threads; t++)
        {
            _left[0].TakeOver(_left[t]);
            _right[0].TakeOver(_right[t]);
        }
    }

    private void RewriteWords(ReadOnlySpan<int> words, int a, int b, int merged, NeighbourChanges left, NeighbourChanges right)
    {
        int[] all = _words;
        foreach (int w in words)
        {
            Span<int> word = all.AsSpan(w + Header, all[w]);
            long weight = (uint)all[w + 1] | ((long)all[w + 2] << 32);
            int j = 0;
            for (int i = 0; i < word.Length; )
            {
                if (word[i] != a || i + 1 == word.Length || word[i + 1] != b)
                {
                    word[j++] = word[i++];
                    continue;
                }
                if (j > 0)
                {
                    left.AddWeight(word[j - 1], weight);
                    left.AddWord(word[j - 1], w);
                }
                word[j++] = merged;
                i += 2;
                if (i < word.Length)
                {
                    int neighbour = word[i];
                    right.AddWeight(neighbour, weight);
                    // The pair (merged, merged) arises from both sides; it has one list.
                    (neighbour == merged ? left : right).AddWord(neighbour, w);
                }
            }
            all[w] = j;
        }
    }

    /// <summary>Books the changed counts and queues the pairs that arose: (neighbour, merged) and (merged, neighbour).</summary>
    private void Requeue(int a, int b, int merged)
    {
        NeighbourChanges left = _left[0],
            right = _right[0];
        foreach (int n in left.Neighbours)
        {
            _pairs.Add(PairCounts.Key(n, a), -left.Weight(n));
            _pairs.Add(PairCounts.Key(n, merged), left.Weight(n));
        }
        foreach (int n in right.Neighbours)
        {
            _pairs.Add(PairCounts.Key(b, n), -right.Weight(n));
            _pairs.Add(PairCounts.Key(merged, n), right.Weight(n));
        }
        int offset = _occurrences.Reserve(left.EventCount + right.EventCount);
        left.Place(_occurrences.Words, offset);
        right.Place(_occurrences.Words, offset + left.EventCount);
        foreach (int n in left.Neighbours)
        {
            Queue(PairCounts.Key(n, merged), left.FirstWord(n), left.Words(n));
        }
        foreach (int n in right.Neighbours)
        {
            Queue(PairCounts.Key(merged, n), right.FirstWord(n), right.Words(n));
        }
        left.Clear();
        right.Clear();
    }

    private static InvalidDataException TooManyWords() =>
        new("The corpus has too many different words to learn merges from at once; train on a sample of it.");

    private void Queue(ulong pair, int firstWord, int words)
    {
        if (words > 0 && _pairs[pair] is > 0 and long count)
        {
            _queue.Push(new(count, pair, firstWord, words));
        }
    }
}
