using Inkstone.Text;

namespace Inkstone.Data.Tests;

public sealed class ExampleLoaderTests
{
    /// <summary>Lengths 1 to 12 and some; ids tell the example (hundreds) and the place; every third token is learned.</summary>
    private static readonly MaskedConversation[] Examples = [.. Enumerable.Range(0, 37).Select(i => Example(i, 2 + i * 5 % 12))];

    public static TheoryData<Batching> Ways => [.. Enum.GetValues<Batching>()];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Every_token_and_label_comes_once_a_pass(Batching batching)
    {
        ExampleLoader loader = new(Examples, new ExampleLoaderOptions(4, 16, batching, ShuffleSeed: 3, Finite: true, PadId: 9999));
        Batch batch = new(4, 16);
        List<(int Id, int Label)> seen = [];
        while (loader.Next(batch))
        {
            int labels = 0,
                tokens = 0;
            for (int row = 0; row < batch.Rows; row++)
            {
                for (int t = 0; t < batch.Length; t++)
                {
                    int at = row * batch.Length + t,
                        start = batch.DocumentStarts[at];
                    if (batch.Inputs[at] == 9999)
                    {
                        batch.Labels[at].ShouldBe(Batch.IgnoredLabel);
                        start.ShouldBe(t, "padding sees itself alone");
                        continue;
                    }
                    tokens++;
                    seen.Add((batch.Inputs[at], batch.Labels[at]));
                    batch.Positions[at].ShouldBe(t - start);
                    batch.Positions[at].ShouldBe(batch.Inputs[at] % 100, "positions begin anew with each example");
                    (batch.Inputs[row * batch.Length + start] / 100).ShouldBe(batch.Inputs[at] / 100, "no example sees another");
                    if (batch.Labels[at] != Batch.IgnoredLabel)
                    {
                        labels++;
                        batch.Labels[at].ShouldBe(batch.Inputs[at] + 1);
                    }
                }
            }
            (batch.LabelCount, batch.TokenCount).ShouldBe((labels, tokens));
            batch.Length.ShouldBeLessThanOrEqualTo(batching == Batching.PaddingFree ? 4 * 16 : 16);
            if (batching == Batching.PaddingFree)
            {
                tokens.ShouldBe(batch.Length, "no padding");
            }
        }
        seen.Order()
            .ShouldBe(
                Examples.SelectMany(e => e.Ids.Zip(e.Ids.Skip(1).Zip(e.LossMask.Skip(1), (id, l) => l ? id : Batch.IgnoredLabel))).Order()
            );
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_stored_cursor_goes_on_as_if_nothing_had_happened(Batching batching)
    {
        ExampleLoaderOptions options = new(3, 16, batching, ShuffleSeed: 5);
        ExampleLoader one = new(Examples, options);
        Batch expected = new(3, 16),
            actual = new(3, 16);
        HashSet<string> epochs = [];
        for (int i = 0; i < 60; i++)
        {
            ExampleLoader resumed = new(Examples, options) { State = one.State };
            one.Next(expected).ShouldBeTrue();
            resumed.Next(actual).ShouldBeTrue();
            actual.Inputs.SequenceEqual(expected.Inputs).ShouldBeTrue();
            actual.Labels.SequenceEqual(expected.Labels).ShouldBeTrue();
            epochs.Add(string.Join(',', expected.Inputs.ToArray()));
        }
        one.State.Epoch.ShouldBeGreaterThan(1);
        epochs.Count.ShouldBeGreaterThan(50, "each epoch has an order of its own");
        Should.Throw<InvalidDataException>(() => one.State = new LoaderState(0, 1000)).Message.ShouldContain("1000");
    }

    [Fact]
    public void Packing_fills_rows()
    {
        ExampleLoader packed = new(Examples, new ExampleLoaderOptions(4, 16, Batching.Packed)),
            padded = new(Examples, new ExampleLoaderOptions(4, 16, Batching.Padded));
        padded.RowCount.ShouldBe(Examples.Length);
        int tokens = Examples.Sum(e => e.Ids.Length - 1);
        packed.RowCount.ShouldBeLessThanOrEqualTo((int)Math.Ceiling(tokens / 16.0 * 1.1));
    }

    [Fact]
    public void What_cannot_be_batched_is_refused()
    {
        Should
            .Throw<ArgumentException>(() => new ExampleLoader([], new ExampleLoaderOptions(4, 16, Batching.Packed)))
            .Message.ShouldContain("no conversation");
        Should
            .Throw<ArgumentException>(() => new ExampleLoader([Example(0, 18)], new ExampleLoaderOptions(4, 16, Batching.Padded)))
            .Message.ShouldContain("17");
        new ExampleLoader([Example(0, 17)], new ExampleLoaderOptions(4, 16, Batching.Padded)).RowCount.ShouldBe(1);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_batch_has_as_many_rows_as_were_asked_for(Batching batching)
    {
        MaskedConversation[] many = [.. Enumerable.Range(0, 2500).Select(i => Example(i, 3))];
        ExampleLoader loader = new(many, new ExampleLoaderOptions(2000, 2, batching, Finite: true));
        Batch batch = new(1, 2);
        List<int> tokens = [];
        while (loader.Next(batch))
        {
            tokens.Add(batch.TokenCount);
        }
        tokens.ShouldBe([4000, 1000]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Where_epochs_are_asked_for_no_batch_holds_rows_of_two(Batching batching)
    {
        ExampleLoaderOptions options = new(4, 16, batching, ShuffleSeed: 3, Epochs: 2.5);
        ExampleLoader loader = new(Examples, options);
        EpochBudget budget = new(2.5, loader.RowCount);
        Batch batch = new(4, 16);
        int tokens = Examples.Sum(e => e.Ids.Length - 1);
        for (int epoch = 0; epoch < 2; epoch++)
        {
            int seen = 0;
            do
            {
                ExampleLoader resumed = new(Examples, options) { State = loader.State };
                loader.Next(batch).ShouldBeTrue();
                loader.State.Epoch.ShouldBe(epoch);
                seen += batch.TokenCount;
                int[] inputs = batch.Inputs.ToArray();
                resumed.Next(batch);
                batch.Inputs.ToArray().ShouldBe(inputs);
            } while (!loader.PassEnded);
            seen.ShouldBe(tokens);
        }
        while (!loader.PassEnded || loader.State.Epoch == 1)
        {
            loader.Next(batch).ShouldBeTrue();
        }
        loader.State.ShouldBe(new LoaderState(2, budget.Rows(2)));
    }

    [Theory]
    [InlineData(1, 5, 32, 1, 5)]
    [InlineData(3, 5, 2, 9, 5)]
    [InlineData(0.5, 10, 4, 2, 5)]
    [InlineData(1.1, 10, 4, 4, 1)]
    [InlineData(2.3, 10, 10, 3, 3)]
    [InlineData(0.0001, 10, 4, 1, 1)]
    [InlineData(2, 8, 4, 4, 8)]
    public void An_epoch_ends_where_the_data_ends(double epochs, long rows, long rowsPerStep, long steps, long rowsOfTheLast)
    {
        EpochBudget budget = new(epochs, rows);
        budget.Steps(rowsPerStep).ShouldBe(steps);
        budget.Rows((long)Math.Ceiling(epochs) - 1).ShouldBe(rowsOfTheLast);
    }

    [Fact]
    public void What_is_padding_is_said()
    {
        ExampleLoader padded = new([Example(1, 3), Example(2, 6)], new ExampleLoaderOptions(2, 16, Batching.Padded));
        Batch batch = new(2, 16);
        padded.Next(batch);
        batch.HasPadding.ShouldBeTrue();
        batch.AttentionMask.ToArray().ShouldBe([1, 1, 0, 0, 0, 1, 1, 1, 1, 1]);
        new ExampleLoader([Example(1, 3), Example(2, 6)], new ExampleLoaderOptions(2, 16, Batching.PaddingFree)).Next(batch);
        batch.HasPadding.ShouldBeFalse();
    }

    private static MaskedConversation Example(int number, int length) =>
        new([.. Enumerable.Range(0, length).Select(t => number * 100 + t)], [.. Enumerable.Range(0, length).Select(t => t % 3 != 1)]);
}
