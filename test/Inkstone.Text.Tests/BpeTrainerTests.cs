using System.IO.Compression;
using System.Text;

namespace Inkstone.Text.Tests;

public sealed class BpeTrainerTests
{
    private const string Sample =
        "low low low low low lower lower newest newest newest newest newest newest widest widest widest\n"
        + "床前明月光，疑是地上霜。举头望明月，低头思故乡。\naaaa aaaaaa aaa bbbb abababab 1234 1234\n";

    /// <summary>The textbook loop: count all pairs anew, take the highest count and then the lowest ids, merge everywhere.</summary>
    [Theory]
    [InlineData(0, true)]
    [InlineData(3, true)]
    [InlineData(0, false)]
    public void Merges_are_those_of_the_textbook(int minFrequency, bool alphabet)
    {
        string[] documents = [Sample, Sample + "lowest newer wide 明月明月", "the theme of these themes"];
        Tokenizer ours = BpeTrainer.TrainText(documents, new(380, SplitPattern.Gpt2, minFrequency, ["<s>"], alphabet));
        Dictionary<string, long> words = new();
        foreach (string document in documents)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(document);
            for (int i = 0; i < utf8.Length; )
            {
                int end = WordScanner.For(SplitPattern.Gpt2).Next(utf8, i);
                string word = ByteAlphabet.ToText(utf8.AsSpan(i..end));
                words[word] = words.GetValueOrDefault(word) + 1;
                i = end;
            }
        }
        List<string> tokens =
        [
            "<s>",
            .. Enumerable
                .Range(0, 256)
                .Select(b => ByteAlphabet.ToChar((byte)b))
                .Order()
                .Where(c => alphabet || words.Keys.Any(w => w.Contains(c)))
                .Select(c => c.ToString()),
        ];
        List<(List<int> Symbols, long Count)> split = words
            .Select(w => (Symbols: w.Key.Select(c => tokens.IndexOf(c.ToString())).ToList(), Count: w.Value))
            .ToList();
        while (tokens.Count < 380)
        {
            Dictionary<(int, int), long> counts = new();
            foreach ((List<int> symbols, long count) in split)
            {
                for (int i = 1; i < symbols.Count; i++)
                {
                    counts[(symbols[i - 1], symbols[i])] = counts.GetValueOrDefault((symbols[i - 1], symbols[i])) + count;
                }
            }
            if (counts.Count == 0)
            {
                break;
            }
            ((int a, int b), long top) = counts.OrderByDescending(p => p.Value).ThenBy(p => p.Key).First();
            if (top < Math.Max(1, minFrequency))
            {
                break;
            }
            string made = tokens[a] + tokens[b];
            if (!tokens.Contains(made))
            {
                tokens.Add(made);
            }
            int merged = tokens.IndexOf(made);
            foreach ((List<int> symbols, _) in split)
            {
                for (int i = 0; i + 1 < symbols.Count; i++)
                {
                    if (symbols[i] == a && symbols[i + 1] == b)
                    {
                        symbols[i] = merged;
                        symbols.RemoveAt(i + 1);
                    }
                }
            }
        }
        Enumerable.Range(0, ours.VocabularySize).Select(ours.IdToToken).ShouldBe(tokens);
    }

    [Fact]
    public void Threads_and_packing_change_nothing()
    {
        using TemporaryDirectory aside = new();
        string text = string.Concat(Enumerable.Range(0, 3000).Select(i => $"{i * 7919 % 1000} {Sample}"));
        string plain = aside.Write("a.txt", text),
            packed = Path.Combine(aside.Path, "a.txt.gz");
        using (GZipStream gzip = new(File.Create(packed), CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }
        ulong one = BpeTrainer.Train([plain], new(500, Threads: 1)).VocabularyHash;
        BpeTrainer.Train([plain], new(500, Threads: 5)).VocabularyHash.ShouldBe(one);
        BpeTrainer.Train([packed], new(500, Threads: 2)).VocabularyHash.ShouldBe(one);
        BpeTrainer.TrainText(File.ReadLines(plain).Select(l => l + "\n"), new(500)).VocabularyHash.ShouldBe(one);
        BpeTrainer.Train([plain], new(501)).VocabularyHash.ShouldNotBe(one);
    }

    /// <summary>Lines are longer than a chunk, so they are cut where every pattern cuts.</summary>
    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Gpt4)]
    public void Endless_lines_are_cut_where_it_does_not_matter(SplitPattern pattern)
    {
        using TemporaryDirectory aside = new();
        string line = string.Concat(Enumerable.Range(0, 70_000).Select(i => $"Wort{i % 977}'s 床前明月光，{i * 31 % 1013}!! 疑是  地上霜"));
        Encoding.UTF8.GetByteCount(line).ShouldBeGreaterThan(3 << 20);
        BpeTrainer
            .Train([aside.Write("line.txt", line)], new(700, pattern))
            .VocabularyHash.ShouldBe(BpeTrainer.TrainText([line], new(700, pattern)).VocabularyHash);
    }

    /// <summary>Hugging Face and rustbpe count pairs in 32 bits, where the first of these words would be rarer than nothing.</summary>
    [Fact]
    public void Counts_have_64_bits()
    {
        WordCounter words = new();
        words.Add("ab"u8, 3_000_000_000);
        words.Add("cd"u8, 9_000_000_000);
        words.Add("ef"u8, 2_000_000_000);
        TrainedVocabulary vocabulary = new([], ByteAlphabet.InCharacterOrder);
        new MergeLearner(words, vocabulary, 259, threads: 1).Learn(259, 1, null, default);
        vocabulary.Tokens.Skip(256).ShouldBe(["cd", "ab", "ef"]);
    }

    [Fact]
    public void A_cap_on_words_cuts_between_characters()
    {
        Tokenizer capped = BpeTrainer.TrainText(
            ["明月明月明月明月明月明月 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
            new(300, SplitPattern.Gpt2, MaxPreTokenLength: 7)
        );
        Enumerable.Range(256, capped.VocabularySize - 256).Max(id => capped.TokenBytes(id).Length).ShouldBeLessThanOrEqualTo(7);
        capped.TokenToId(ByteAlphabet.ToText(Encoding.UTF8.GetBytes("明月"))).ShouldNotBeNull();
    }

    [Fact]
    public void Ill_formed_text_is_counted_and_replaced()
    {
        using TemporaryDirectory aside = new();
        string file = aside.Write("bad.txt", [.. "abc "u8, 0xFF, .. " def "u8, 0xE4, 0xBD, (byte)'\n', .. "ghi\n"u8]);
        List<BpeProgress> reports = new();
        Tokenizer ours = BpeTrainer.Train([file], new(300, SplitPattern.Gpt2), new Collect(reports));
        reports[^1].InvalidBytes.ShouldBe(2);
        reports[^1].Stage.ShouldBe(BpeStage.Merge);
        ours.VocabularyHash.ShouldBe(
            BpeTrainer.TrainText(["abc \uFFFD def \uFFFD\n", "ghi\n"], new(300, SplitPattern.Gpt2)).VocabularyHash
        );
    }

    [Fact]
    public void Wrong_input_is_one_clear_sentence()
    {
        using TemporaryDirectory aside = new();
        Should
            .Throw<InvalidDataException>(() => BpeTrainer.Train([aside.Write("binary", [1, 2, 0, 4])], new(300)))
            .Message.ShouldContain("zero byte at offset 2");
        Should
            .Throw<InvalidDataException>(() => BpeTrainer.Train([aside.Write("empty", [])], new(300)))
            .Message.ShouldContain("corpus is empty");
        Should.Throw<InvalidDataException>(() => BpeTrainer.TrainText([], new(300))).Message.ShouldContain("corpus is empty");
        Should
            .Throw<InvalidDataException>(() =>
                BpeTrainer.Train([aside.Write("cut.gz", [0x1F, 0x8B, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])], new(300))
            )
            .Message.ShouldContain("damaged gzip");
        Should
            .Throw<FileNotFoundException>(() => BpeTrainer.Train([Path.Combine(aside.Path, "none")], new(300)))
            .Message.ShouldContain("does not exist");
        Should.Throw<ArgumentException>(() => BpeTrainer.TrainText(["a"], new(100))).Message.ShouldContain("too small");
        Should
            .Throw<ArgumentException>(() => BpeTrainer.TrainText(["a"], new(300, SpecialTokens: ["x", "x"])))
            .Message.ShouldContain("named twice");
        Should
            .Throw<ArgumentException>(() => BpeTrainer.TrainText(["a"], new(300, SpecialTokens: ["x"], EosToken: "x", PadToken: "x")))
            .Message.ShouldContain("padding token");
        Should.Throw<OperationCanceledException>(() => BpeTrainer.TrainText(["a b"], new(300), cancellation: new CancellationToken(true)));
    }

    [Fact]
    public void Roles_come_from_usual_names_and_padding_never_ends_a_text()
    {
        Tokenizer chat = BpeTrainer.TrainText([Sample], new(300, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]));
        (chat.BosId, chat.EosId, chat.PadId).ShouldBe((1, 2, 0));
        Tokenizer plain = BpeTrainer.TrainText([Sample], new(300, SpecialTokens: ["<|endoftext|>"]));
        (plain.BosId, plain.EosId, plain.PadId).ShouldBe((null, 0, null));
        plain.Encode("low<|endoftext|>low").Count(id => id == 0).ShouldBe(1);
    }

    private sealed class Collect(List<BpeProgress> reports) : IProgress<BpeProgress>
    {
        public void Report(BpeProgress value)
        {
            lock (reports)
            {
                reports.Add(value);
            }
        }
    }
}
