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
            int labels = 0, tokens = 0;
            for (int row = 0; row < batch.Rows; row++)
            {
                for (int t = 0; t < batch.Length; t++)
                {
                    int at = row * batch.Length + t, start = batch.DocumentStarts[at];
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
            if (batching == Batching.PaddingFree) tokens.ShouldBe(batch.Length, "no padding");
        }
        seen.Order().ShouldBe(Examples.SelectMany(e => e.Ids.Zip(e.Ids.Skip(1).Zip(e.Learned.Skip(1), (id, l) => l ? id : Batch.IgnoredLabel))).Order());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_stored_cursor_goes_on_as_if_nothing_had_happened(Batching batching)
    {
        ExampleLoaderOptions options = new(3, 16, batching, ShuffleSeed: 5);
        ExampleLoader one = new(Examples, options);
        Batch expected = new(3, 16), actual = new(3, 16);
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
        ExampleLoader packed = new(Examples, new ExampleLoaderOptions(4, 16, Batching.Packed)), padded = new(Examples, new ExampleLoaderOptions(4, 16, Batching.Padded));
        padded.RowCount.ShouldBe(Examples.Length);
        int tokens = Examples.Sum(e => e.Ids.Length - 1);
        packed.RowCount.ShouldBeLessThanOrEqualTo((int)Math.Ceiling(tokens / 16.0 * 1.1));
    }

    [Fact]
    public void What_cannot_be_batched_is_refused()
    {
        Should.Throw<ArgumentException>(() => new ExampleLoader([], new ExampleLoaderOptions(4, 16, Batching.Packed))).Message.ShouldContain("no conversation");
        Should.Throw<ArgumentException>(() => new ExampleLoader([Example(0, 18)], new ExampleLoaderOptions(4, 16, Batching.Padded))).Message.ShouldContain("17");
        new ExampleLoader([Example(0, 17)], new ExampleLoaderOptions(4, 16, Batching.Padded)).RowCount.ShouldBe(1);
    }

    private static MaskedConversation Example(int number, int length)
        => new([.. Enumerable.Range(0, length).Select(t => number * 100 + t)], [.. Enumerable.Range(0, length).Select(t => t % 3 != 1)]);
}
