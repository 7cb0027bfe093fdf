namespace Inkstone.Data.Tests;

public sealed class BestFitPackingTests
{
    [Fact]
    public void A_small_case_by_hand() =>
        BestFitPacking
            .Pack([3, 8, 1, 4, 2, 1], 10)
            .ShouldBe([
                [1, 4],
                [0, 2, 3, 5],
            ]);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(1024)]
    public void Every_sample_is_once_in_a_row_that_holds_it_and_rows_are_those_of_a_slow_twin(int rowLength)
    {
        Random random = new(rowLength);
        for (int round = 0; round < 60; round++)
        {
            int[] lengths = Lengths(random, random.Next(0, 300), rowLength);
            int[][] rows = BestFitPacking.Pack(lengths, rowLength);
            rows.SelectMany(r => r).Order().ShouldBe(Enumerable.Range(0, lengths.Length));
            rows.ShouldAllBe(r => r.Sum(i => lengths[i]) <= rowLength && r.SequenceEqual(r.Order()));
            rows.Length.ShouldBe(SlowRows(lengths, rowLength, best: true));
            rows.Length.ShouldBeLessThanOrEqualTo(SlowRows(lengths, rowLength, best: false));
        }
    }

    [Fact]
    public void Short_dialogues_fill_rows_almost_whole()
    {
        // Question-answer pairs: most have a few dozen to a few hundred tokens.
        Random random = new(3);
        int[] lengths = [.. Enumerable.Range(0, 100_000).Select(_ => Math.Clamp((int)Math.Exp(5 + 0.8 * Normal(random)), 8, 1024))];
        int[][] rows = BestFitPacking.Pack(lengths, 1024);
        double filled = lengths.Sum(l => (long)l) / (1024.0 * rows.Length);
        filled.ShouldBeGreaterThan(0.999);
        BestFitPacking.Pack(lengths, 1024).ShouldBe(rows);
    }

    [GoldenTheory("data/chatlm/my_train_dataset_3k.parquet")]
    [InlineData(512, 0.98)]
    [InlineData(1024, 0.99)]
    public void Real_question_answer_pairs_fill_rows(int rowLength, double atLeast)
    {
        using ParquetFile file = new(Goldens.Shared("data/chatlm/my_train_dataset_3k.parquet"));
        // Of Chinese text a character is about a token; the chat template adds a few to each turn.
        int[] lengths =
        [
            .. file.ReadRows()
                .Select(r => Math.Min(rowLength, r["prompt"]!.GetValue<string>().Length + r["response"]!.GetValue<string>().Length + 10)),
        ];
        int rows = BestFitPacking.Pack(lengths, rowLength).Length;
        double filled = lengths.Sum() / (double)rowLength / rows,
            padded = lengths.Average() / rowLength;
        Console.WriteLine($"rows of {rowLength}: {filled:P2} filled, {padded:P2} without packing");
        filled.ShouldBeGreaterThan(atLeast);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(11)]
    [InlineData(-1)]
    public void What_does_not_fit_is_refused(int length) =>
        Should.Throw<ArgumentException>(() => BestFitPacking.Pack([5, length], 10)).Message.ShouldContain($"{length} tokens");

    private static int SlowRows(int[] lengths, int rowLength, bool best)
    {
        List<int> rooms = [];
        foreach (int length in lengths.OrderDescending())
        {
            int row = -1;
            for (int i = 0; i < rooms.Count; i++)
            {
                if (rooms[i] >= length && (row < 0 || (best && rooms[i] < rooms[row])))
                {
                    row = i;
                }
            }
            if (row < 0)
            {
                row = rooms.Count;
                rooms.Add(rowLength);
            }
            rooms[row] -= length;
        }
        return rooms.Count;
    }

    private static int[] Lengths(Random random, int count, int rowLength) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(1, Math.Max(2, rowLength / random.Next(1, 5) + 1)))];

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
