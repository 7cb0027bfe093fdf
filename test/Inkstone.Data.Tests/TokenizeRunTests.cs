using System.Text;
using System.Text.Json;
using Inkstone.SmallWorld;

namespace Inkstone.Data.Tests;

public sealed class TokenizeRunTests : IDisposable
{
    private const int End = 256;
    private static readonly ShardVocabulary Bytes = new(257, 0x1234, End);
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TokenShardFormat.Inkstone)]
    [InlineData(TokenShardFormat.Npy)]
    [InlineData(TokenShardFormat.Headerless)]
    public void Shards_hold_every_document_in_order_with_its_end(TokenShardFormat format)
    {
        string[] texts = Prepared();
        TokenizeResult result = Run("out", format, shardTokens: 20_000);

        foreach (string split in new[] { "train", "valid" })
        {
            string[] own =
            [
                .. File.ReadLines(_folder[$"prepared/{split}.jsonl"])
                    .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("text").GetString()!),
            ];
            byte[][] documents = [.. own.Select(Encoding.UTF8.GetBytes)];
            List<int> expected = [.. documents.SelectMany(d => d.Select(b => (int)b).Append(End))];
            ReadAll([.. result.Shards.Where(s => s.Split == split)]).ShouldBe(expected);
            (split == "train" ? result.TrainTokens : result.ValidTokens).ShouldBe(expected.Count);
            (split == "train" ? result.TrainBytes : result.ValidBytes).ShouldBe(documents.Sum(d => d.Length));
        }
        result.Documents.ShouldBe(texts.Length);
        result.Shards.Count.ShouldBeGreaterThan(3);
        result.Shards.Select(s => s.Tokens).ShouldAllBe(tokens => tokens < 21_000);
        JsonElement metadata = JsonDocument.Parse(File.ReadAllText(_folder["out/metadata.json"])).RootElement;
        metadata.GetProperty("train_tokens").GetInt64().ShouldBe(result.TrainTokens);
        metadata.GetProperty("vocabulary_hash").GetString().ShouldBe("0000000000001234");

        List<int> ReadAll(TokenizedShard[] shards)
        {
            List<int> all = [];
            foreach (TokenizedShard entry in shards)
            {
                using TokenShard shard = TokenShard.Open(_folder[$"out/{entry.File}"]);
                if (format == TokenShardFormat.Inkstone)
                {
                    (shard.Header.DocumentCount, shard.Header.TextBytes).ShouldBe((entry.Documents, entry.Bytes));
                }
                int[] ids = new int[shard.Count];
                shard.Read(0, ids);
                all.AddRange(ids);
            }
            return all;
        }
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(199, true)]
    [InlineData(285, true)]
    public void An_interrupted_run_ends_with_the_same_bytes(int stopAt, bool leavesShards)
    {
        Prepared();
        Run("whole", TokenShardFormat.Inkstone, 9_000);

        int calls = 0;
        using CancellationTokenSource stop = new();
        Should.Throw<OperationCanceledException>(() =>
            new TokenizeRun(
                Options("parts", 9_000),
                Bytes,
                (text, ids) =>
                {
                    if (Interlocked.Increment(ref calls) > stopAt)
                    {
                        stop.Cancel();
                    }
                    Encode(text, ids);
                }
            )
            {
                WaveDocuments = 40,
            }.Run(null, stop.Token)
        );
        Directory.Exists(_folder["parts"]).ShouldBe(leavesShards);
        if (leavesShards)
        {
            Directory
                .GetFiles(_folder["parts"])
                .ShouldNotContain(file =>
                    file.EndsWith(".partial", StringComparison.Ordinal) || file.EndsWith("lock", StringComparison.Ordinal)
                );
            _folder.Write("parts/train-00001.bin.ink-a1b2c3d4.partial", "left by a run that had no time to tidy up");
            Should.Throw<ArgumentException>(() => Run("parts", TokenShardFormat.Inkstone, 8_000)).Message.ShouldContain("unfinished");
        }
        Run("parts", TokenShardFormat.Inkstone, 9_000);

        string[] names = [.. Directory.GetFiles(_folder["whole"]).Select(f => Path.GetFileName(f)!).Order()];
        Directory.GetFiles(_folder["parts"]).Select(Path.GetFileName).Order().ShouldBe(names);
        foreach (string name in names.Where(n => n is not ("metadata.json" or ".ink-files"))) // these name the output
        {
            File.ReadAllBytes(_folder[$"parts/{name}"]).ShouldBe(File.ReadAllBytes(_folder[$"whole/{name}"]), name);
        }
    }

    [Fact]
    public void Shards_finished_before_a_stop_are_not_encoded_again()
    {
        Prepared();
        int calls = 0;
        using CancellationTokenSource stop = new();
        void Counted(ReadOnlySpan<char> text, List<int> ids)
        {
            Interlocked.Increment(ref calls);
            Encode(text, ids);
        }
        // The first wave holds several shards; then the run is stopped.
        Should.Throw<OperationCanceledException>(() =>
            new TokenizeRun(Options("out", 9_000), Bytes, Counted) { WaveDocuments = 200 }.Run(new Stopper(stop), stop.Token)
        );
        calls.ShouldBe(200);
        new TokenizeRun(Options("out", 9_000), Bytes, Counted).Run();
        calls.ShouldBeInRange(300, 350); // only the documents of the one shard that was open are encoded twice
    }

    [Fact]
    public void Finished_output_is_kept_unless_forced()
    {
        Prepared();
        Run("out", TokenShardFormat.Inkstone, 9_000);
        Should.Throw<ArgumentException>(() => Run("out", TokenShardFormat.Inkstone, 9_000)).Message.ShouldContain("--force");
        new TokenizeRun(Options("out", 1 << 20) with { Force = true }, Bytes, Encode).Run();
        Directory
            .GetFiles(_folder["out"])
            .Select(Path.GetFileName)
            .ShouldBe([".ink-files", "metadata.json", "train-00000.bin", "valid-00000.bin"], ignoreOrder: true);
        File.ReadAllText(_folder["out/metadata.json"]).ShouldNotContain("partial");
    }

    [Fact]
    public void A_run_that_fails_over_its_input_leaves_nothing_and_what_it_should_replace_stays()
    {
        Prepared();
        int calls = 0;
        void Failing(ReadOnlySpan<char> text, List<int> ids)
        {
            if (Interlocked.Increment(ref calls) > 199)
            {
                throw new InvalidDataException("this text cannot be");
            }
            Encode(text, ids);
        }
        Should.Throw<AggregateException>(() => new TokenizeRun(Options("out", 9_000), Bytes, Failing) { WaveDocuments = 40 }.Run());
        Directory.Exists(_folder["out"]).ShouldBeFalse();

        Run("out", TokenShardFormat.Inkstone, 1 << 20);
        byte[] before = File.ReadAllBytes(_folder["out/train-00000.bin"]);
        calls = 0;
        Should.Throw<AggregateException>(() =>
            new TokenizeRun(Options("out", 9_000) with { Force = true }, Bytes, Failing) { WaveDocuments = 40 }.Run()
        );
        File.ReadAllBytes(_folder["out/train-00000.bin"]).ShouldBe(before);
        Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).ShouldBe(["out", "prepared", "raw.jsonl"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("thesis.txt", "mine")]
    [InlineData("metadata.json", "{\"title\": \"mine\"}")]
    [InlineData("train-00000.bin", "mine")]
    [InlineData("thesis.docx.partial", "mine")]
    public void A_folder_of_other_things_is_refused_and_kept(string name, string text)
    {
        Prepared();
        _folder.Write($"theirs/{name}", text);
        Run("ours", TokenShardFormat.Inkstone, 9_000);
        _folder.Write($"ours/own-{name}", text);
        foreach (bool force in new[] { false, true })
        {
            Should
                .Throw<ArgumentException>(() => new TokenizeRun(Options("theirs", 9_000) with { Force = force }, Bytes, Encode).Run())
                .Message.ShouldContain($"holds {name}, which ink did not write");
            Directory.GetFileSystemEntries(_folder["theirs"]).Length.ShouldBe(1);
            File.ReadAllText(_folder[$"theirs/{name}"]).ShouldBe(text);
        }
        Should
            .Throw<ArgumentException>(() => new TokenizeRun(Options("ours", 9_000) with { Force = true }, Bytes, Encode).Run())
            .Message.ShouldContain("own-" + name);
        File.ReadAllText(_folder[$"ours/own-{name}"]).ShouldBe(text);
    }

    [Fact]
    public void Any_files_are_train_and_MicroLMs_text_folders_are_split_by_their_separator()
    {
        string text = _folder.Write("plain/a.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\n");
        new TokenizeRun(new TokenizeOptions([text], _folder["whole"]), Bytes, Encode).Run().Documents.ShouldBe(1);
        File.Move(text, _folder["plain/train.txt"]);
        TokenizeResult result = new TokenizeRun(new TokenizeOptions([_folder["plain"]], _folder["parts"]), Bytes, Encode).Run();
        (result.Documents, result.TrainTokens, result.TrainBytes).ShouldBe((2, 8, 6));
        Should
            .Throw<InvalidDataException>(() =>
                new TokenizeRun(new TokenizeOptions([_folder.Write("none.txt", "")], _folder["none"]), Bytes, Encode).Run()
            )
            .Message.ShouldContain("none.txt");
    }

    private TokenizeResult Run(string output, TokenShardFormat format, long shardTokens) =>
        new TokenizeRun(Options(output, shardTokens) with { Format = format }, Bytes, Encode).Run();

    private TokenizeOptions Options(string output, long shardTokens) =>
        new([_folder["prepared"]], _folder[output], ShardTokens: shardTokens);

    private static void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (byte b in Encoding.UTF8.GetBytes(text.ToString()))
        {
            ids.Add(b);
        }
    }

    private string[] Prepared()
    {
        string[] texts = [.. new SmallWorldCorpus(3).Documents().Take(300).Select((t, i) => $"{t} {i}")];
        _folder.Write("raw.jsonl", string.Concat(texts.Select(t => JsonSerializer.Serialize(new { text = t }) + "\n")));
        new Preparation(new PrepareOptions([_folder["raw.jsonl"]], _folder["prepared"], ValidRatio: 0.1)).Run();
        return texts;
    }

    private sealed class Stopper(CancellationTokenSource stop) : IProgress<TokenizeProgress>
    {
        public void Report(TokenizeProgress value) => stop.Cancel();
    }
}
