using System.Text.Json;

namespace Inkstone.Data.Tests;

public sealed class PackedLoaderTests : IDisposable
{
    private const int End = 0;
    private readonly TemporaryDirectory _folder = new();
    private readonly List<TokenShard> _open = [];

    public void Dispose()
    {
        _open.ForEach(shard => shard.Dispose());
        _folder.Dispose();
    }

    [GoldenFact("goldens/training/train.bin", "goldens/training/run.json")]
    public void Sequential_order_is_that_of_the_reference_run()
    {
        string path = Goldens.Of("training/train.bin");
        using JsonDocument run = JsonDocument.Parse(File.ReadAllText(Goldens.Of("training/run.json")));
        int length = run.RootElement.GetProperty("sequence_length").GetInt32(),
            rows = run.RootElement.GetProperty("batch").GetInt32();
        int steps = run.RootElement.GetProperty("steps").GetInt32() * run.RootElement.GetProperty("accumulation").GetInt32();
        byte[] bytes = File.ReadAllBytes(path);
        int[] tokens = [.. Enumerable.Range(0, bytes.Length / 2).Select(i => bytes[2 * i] | (bytes[2 * i + 1] << 8))];

        using TokenShard shard = TokenShard.Open(path);
        PackedLoader loader = new([shard], new PackedLoaderOptions(length));
        Batch batch = new(rows, length);
        for (int m = 0; m < steps; m++)
        {
            loader.Next(batch).ShouldBeTrue();
            for (int b = 0; b < rows; b++)
            {
                int start = (m * rows + b) * length;
                batch.Inputs.Slice(b * length, length).SequenceEqual(tokens.AsSpan(start, length)).ShouldBeTrue();
                batch.Labels.Slice(b * length, length).SequenceEqual(tokens.AsSpan(start + 1, length)).ShouldBeTrue();
            }
        }
        loader.State.ShouldBe(new LoaderState(0, 1600));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rows_over_many_shards_equal_rows_over_the_joined_tokens(bool documentAware)
    {
        int[][] parts = [Documents(1, 100), Documents(2, 1), Documents(3, 37), Documents(4, 230)];
        int[] stream = [.. parts.SelectMany(p => p)];
        PackedLoader loader = new(Shards(parts), new PackedLoaderOptions(16, documentAware));
        Batch batch = new(3, 16);
        long windows = (stream.Length - 1) / 16;
        for (int row = 0; row < 2 * windows + 5; row++)
        {
            if (row % 3 == 0)
            {
                loader.Next(batch).ShouldBeTrue();
            }
            int start = (int)(row % windows) * 16,
                documentStart = 0;
            for (int t = 0; t < 16; t++)
            {
                int at = row % 3 * 16 + t;
                if (documentAware && t > 0 && stream[start + t - 1] == End)
                {
                    documentStart = t;
                }
                batch.Inputs[at].ShouldBe(stream[start + t]);
                batch.Labels[at].ShouldBe(documentAware && stream[start + t] == End ? -100 : stream[start + t + 1]);
                batch.DocumentStarts[at].ShouldBe(documentStart);
                batch.Positions[at].ShouldBe(t - documentStart);
            }
            if (row % 3 == 2)
            {
                batch.LabelCount.ShouldBe(batch.Labels.ToArray().Count(label => label >= 0));
            }
        }
        loader.State.Epoch.ShouldBe(2);
    }

    [Fact]
    public void A_shuffled_epoch_shows_each_window_once_and_another_epoch_another_order()
    {
        IReadOnlyList<TokenShard> shards = Shards([
            [.. Enumerable.Range(1, 1001)],
        ]);
        PackedLoader loader = new(shards, new PackedLoaderOptions(10, ShuffleSeed: 7));
        List<int> first = Starts(loader, 100),
            second = Starts(loader, 100);
        first.Order().ShouldBe(Enumerable.Range(0, 100).Select(i => i * 10 + 1));
        second.Order().ShouldBe(first.Order());
        second.ShouldNotBe(first);
        first.ShouldNotBe([.. first.Order()]);
        Starts(new PackedLoader(shards, new PackedLoaderOptions(10, ShuffleSeed: 7)), 100).ShouldBe(first);
        Starts(new PackedLoader(shards, new PackedLoaderOptions(10, ShuffleSeed: 8)), 100).ShouldNotBe(first);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(3UL)]
    public void A_stored_cursor_goes_on_exactly(ulong? seed)
    {
        IReadOnlyList<TokenShard> shards = Shards([Documents(9, 300)]);
        PackedLoaderOptions options = new(7, true, seed);
        PackedLoader one = new(shards, options);
        Batch expected = new(4, 7),
            actual = new(4, 7);
        for (int m = 0; m < 40; m++)
        {
            PackedLoader resumed = new PackedLoader(shards, options) { State = one.State };
            one.Next(expected);
            resumed.Next(actual);
            actual.Inputs.ToArray().ShouldBe(expected.Inputs.ToArray());
            actual.Labels.ToArray().ShouldBe(expected.Labels.ToArray());
            resumed.State.ShouldBe(one.State);
        }
        Should.Throw<InvalidDataException>(() => one.State = new LoaderState(0, 1000)).Message.ShouldContain("1000");
    }

    [Fact]
    public void A_finite_pass_ends_with_a_smaller_batch()
    {
        PackedLoader loader = new(Shards([Documents(5, 8 * 5 + 3)]), new PackedLoaderOptions(8, Finite: true));
        Batch batch = new(2, 8);
        loader.Next(batch).ShouldBeTrue();
        loader.Next(batch).ShouldBeTrue();
        batch.Rows.ShouldBe(2);
        loader.Next(batch).ShouldBeTrue();
        (batch.Rows, batch.LabelCount, batch.TokenCount).ShouldBe((1, 8, 8));
        loader.Next(batch).ShouldBeFalse();
        loader.State = default;
        loader.Next(batch).ShouldBeTrue();
        batch.Rows.ShouldBe(2);
    }

    [Fact]
    public void Where_epochs_are_asked_for_no_batch_holds_rows_of_two()
    {
        PackedLoader loader = new(Shards([Documents(5, 8 * 5 + 3)]), new PackedLoaderOptions(8, ShuffleSeed: 7, Epochs: 1.4));
        Batch batch = new(2, 8);
        List<(int Rows, bool Ended)> seen = [];
        for (int i = 0; i < 4; i++)
        {
            loader.Next(batch).ShouldBeTrue();
            seen.Add((batch.Rows, loader.PassEnded));
        }
        seen.ShouldBe([(2, false), (2, false), (1, true), (2, true)]);
        loader.State.ShouldBe(new LoaderState(1, 2));
    }

    [Fact]
    public void A_batch_allocates_nothing()
    {
        PackedLoader loader = new(Shards([Documents(6, 5000), Documents(7, 5000)]), new PackedLoaderOptions(64, true, 1));
        Batch batch = new(4, 64);
        loader.Next(batch);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int m = 0; m < 200; m++)
        {
            loader.Next(batch);
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Too_little_text_and_unknown_ends_are_named()
    {
        Should
            .Throw<ArgumentException>(() => new PackedLoader(Shards([Documents(1, 16)]), new PackedLoaderOptions(16)))
            .Message.ShouldContain("16");
        Should.Throw<ArgumentException>(() => new PackedLoader([], new PackedLoaderOptions(16))).Message.ShouldContain("0 tokens");
        string bare = _folder.Write("bare.bin", new byte[200]);
        using TokenShard shard = TokenShard.Open(bare);
        Should
            .Throw<ArgumentException>(() => new PackedLoader([shard], new PackedLoaderOptions(16, DocumentAware: true)))
            .Message.ShouldContain("bare.bin");
        using TokenShard named = TokenShard.Open(bare, endOfDocumentId: 0);
        new PackedLoader([named], new PackedLoaderOptions(16, DocumentAware: true)).WindowCount.ShouldBe(6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(257)]
    [InlineData(4096)]
    [InlineData(50_001)]
    public void The_permutation_reaches_every_index_once(int count)
    {
        WindowPermutation permutation = new(count, 11, 2);
        bool[] seen = new bool[count];
        for (int i = 0; i < count; i++)
        {
            seen[permutation[i]].ShouldBeFalse();
            seen[permutation[i]] = true;
        }
    }

    private static int[] Documents(int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(6) == 0 ? End : random.Next(1, 60_000))];
    }

    private static List<int> Starts(PackedLoader loader, int count)
    {
        Batch batch = new(1, 10);
        List<int> starts = [];
        for (int i = 0; i < count; i++)
        {
            loader.Next(batch);
            starts.Add(batch.Inputs[0]);
        }
        return starts;
    }

    private List<TokenShard> Shards(int[][] parts)
    {
        foreach (int[] part in parts)
        {
            string path = _folder.Write($"{_open.Count}.bin", [.. part.SelectMany(id => new[] { (byte)id, (byte)(id >> 8) })]);
            _open.Add(TokenShard.Open(path, End));
        }
        return _open[^parts.Length..];
    }
}
