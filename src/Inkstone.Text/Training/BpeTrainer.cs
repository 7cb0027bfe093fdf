namespace Inkstone.Text;

/// <summary>Trains byte-level BPE vocabularies whose merges are those of Hugging Face tokenizers.</summary>
public static class BpeTrainer
{
    private static readonly string[] BosNames = ["<s>", "<|bos|>", "<|begin_of_text|>", "<|startoftext|>", "<|im_start|>"];
    private static readonly string[] EosNames = ["</s>", "<|eos|>", "<|im_end|>", "<|end_of_text|>", "<|endoftext|>"];
    private static readonly string[] PadNames = ["<pad>", "<|pad|>", "<|padding|>", "<|endoftext|>"];

    /// <summary>
    /// Trains on files of UTF-8 text, plain or gzip, of any number and size. As in Hugging Face each line is a text of its own and keeps
    /// its
    /// line end. Ill-formed UTF-8 counts as U+FFFD and is reported in the progress.
    /// </summary>
    public static Tokenizer Train(
        IEnumerable<string> files,
        BpeTrainerOptions options,
        IProgress<BpeProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using CorpusFiles corpus = new(files);
        return Train(corpus, options, progress, cancellation);
    }

    /// <summary>Trains on documents from memory, each a text of its own.</summary>
    public static Tokenizer TrainText(
        IEnumerable<string> documents,
        BpeTrainerOptions options,
        IProgress<BpeProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using CorpusDocuments corpus = new(documents);
        return Train(corpus, options, progress, cancellation);
    }

    private static Tokenizer Train(
        CorpusReader corpus,
        BpeTrainerOptions options,
        IProgress<BpeProgress>? progress,
        CancellationToken cancellation
    )
    {
        IReadOnlyList<string> special = options.SpecialTokens ?? [];
        Check(options, special);
        int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        WordCounter words = CorpusWords.Count(corpus, options, threads, progress, cancellation);
        if (words.Words == 0)
        {
            throw new InvalidDataException("the corpus is empty; give at least one file or document with text.");
        }
        TrainedVocabulary vocabulary = new(special, ByteAlphabet.InCharacterOrder.Where(b => options.InitialAlphabet || words.Has(b)));
        if (vocabulary.Count > options.VocabularySize)
        {
            throw new ArgumentException(
                $"A vocabulary of {options.VocabularySize} is too small; special tokens and bytes alone are {vocabulary.Count}."
            );
        }
        new MergeLearner(words, vocabulary, options.VocabularySize, threads).Learn(
            options.VocabularySize,
            options.MinFrequency,
            done => progress?.Report(new(BpeStage.Merge, done, options.VocabularySize, corpus.InvalidBytes)),
            cancellation
        );
        progress?.Report(new(BpeStage.Merge, vocabulary.Count, vocabulary.Count, corpus.InvalidBytes));
        return Build(vocabulary, options, special);
    }

    private static Tokenizer Build(TrainedVocabulary vocabulary, BpeTrainerOptions options, IReadOnlyList<string> special)
    {
        IReadOnlyList<string> tokens = vocabulary.Tokens;
        byte[] json = TokenizerJsonWriter.Write(
            tokens.Select((token, id) => (token, id)),
            vocabulary.Merges().Select(m => (tokens[m.Left], tokens[m.Right])),
            options.Pattern,
            special.Select((token, id) => (token, id))
        );
        string? eos = options.EosToken ?? EosNames.FirstOrDefault(special.Contains);
        string? bos = options.BosToken ?? BosNames.FirstOrDefault(special.Contains);
        string? pad = options.PadToken ?? PadNames.FirstOrDefault(name => special.Contains(name) && name != eos);
        return Tokenizer.FromJson(json, TokenizerConfig.Write(bos, eos, pad, new TokenizerJson(json, "tokenizer.json").AddedTokens));
    }

    private static void Check(BpeTrainerOptions options, IReadOnlyList<string> special)
    {
        if (options.MaxPreTokenLength is < 0 or (> 0 and < 4))
        {
            throw new ArgumentException(
                $"A pre-token length of {options.MaxPreTokenLength} bytes cannot hold every character; give 0 for no cap, or at least 4."
            );
        }
        if (special.FirstOrDefault(string.IsNullOrEmpty) is not null)
        {
            throw new ArgumentException("A special token is empty; remove it.");
        }
        if (special.Distinct().Count() != special.Count)
        {
            throw new ArgumentException(
                $"the special token '{special.GroupBy(t => t).First(g => g.Count() > 1).Key}' is named twice; name it once."
            );
        }
        if (options.PadToken != null && options.PadToken == options.EosToken)
        {
            throw new ArgumentException(
                $"the padding token and the end token are both '{options.PadToken}'; a model could then never learn to end. Choose another padding token."
            );
        }
    }
}
