namespace Inkstone.Text;

/// <summary>Cuts a corpus into words and counts them, on several threads.</summary>
internal static class CorpusWords
{
    public static WordCounter Count(
        CorpusReader corpus,
        BpeTrainerOptions options,
        int threads,
        IProgress<BpeProgress>? progress,
        CancellationToken cancellation
    )
    {
        WordCounter[] counters = new WordCounter[threads];
        List<Exception> faults = new();
        WordScanner scanner = WordScanner.For(options.Pattern);
        void Work(int worker)
        {
            try
            {
                WordCounter words = counters[worker] = new WordCounter();
                CorpusChunk chunk = new();
                while (faults.Count == 0 && !cancellation.IsCancellationRequested && corpus.Next(chunk))
                {
                    CountChunk(chunk, scanner, options.MaxPreTokenLength, words);
                    progress?.Report(new(BpeStage.Count, corpus.BytesRead, corpus.TotalBytes, corpus.InvalidBytes));
                }
            }
            catch (Exception fault)
            {
                lock (faults)
                {
                    faults.Add(fault);
                }
            }
        }
        Thread[] workers = new Thread[threads - 1];
        for (int t = 0; t < workers.Length; t++)
        {
            int worker = t + 1;
            workers[t] = new Thread(() => Work(worker)) { IsBackground = true };
            workers[t].Start();
        }
        Work(0);
        foreach (Thread worker in workers)
        {
            worker.Join();
        }
        cancellation.ThrowIfCancellationRequested();
        if (faults.Count > 0)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(faults[0]);
        }
        WordCounter all = counters.MaxBy(c => c.Words)!;
        foreach (WordCounter counter in counters)
        {
            if (counter != all)
            {
                all.Add(counter);
            }
        }
        return all;
    }

    private static void CountChunk(CorpusChunk chunk, WordScanner scanner, int cap, WordCounter words)
    {
        ReadOnlySpan<byte> text = chunk.Bytes.AsSpan(0, chunk.Length);
        int document = 0;
        while (text.Length > 0)
        {
            int length =
                chunk.Ends.Count > 0 ? chunk.Ends[document] - (document > 0 ? chunk.Ends[document - 1] : 0)
                : text.IndexOf((byte)'\n') is >= 0 and int line ? line + 1
                : text.Length;
            CountPiece(text[..length], scanner, cap, words);
            text = text[length..];
            document++;
        }
    }

    private static void CountPiece(ReadOnlySpan<byte> piece, WordScanner scanner, int cap, WordCounter words)
    {
        for (int i = 0; i < piece.Length; )
        {
            int end = scanner.Next(piece, i);
            while (cap > 0 && end - i > cap)
            {
                int cut = i + cap;
                while (cut > i && (piece[cut] & 0xC0) == 0x80)
                {
                    cut--;
                }
                words.Add(piece[i..cut], 1);
                i = cut;
            }
            words.Add(piece[i..end], 1);
            i = end;
        }
    }
}
