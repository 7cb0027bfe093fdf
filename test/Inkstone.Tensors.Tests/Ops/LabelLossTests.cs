namespace Inkstone.Tensors.Tests;

/// <summary>Losses whose gradient the caller knows, divergences of distributions, and gathered rows.</summary>
[Collection(DeviceSuite.Name)]
public sealed class LabelLossTests(Devices devices)
{
    public static TheoryData<int, int, int> Sizes =>
        new()
        {
            { 1, 1, 2 },
            { 3, 4, 5 },
            { 7, 16, 33 },
            { 20, 19, 100 },
            { 130, 9, 65 },
        };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Label_loss(int rows, int width, int vocabulary)
    {
        foreach ((float cap, float temperature) in ((float, float)[])[(0, 1), (0, 0.7f), (0.8f, 1.3f)])
        {
            new OpCheck(
                (bench, x) =>
                    Ops.LabelLoss(
                        x[0],
                        x[1],
                        bench.Int(new Shape(rows), Labels(rows, vocabulary)),
                        new LabelStatistics(),
                        Weighed,
                        cap,
                        temperature
                    ),
                x => [Weighed(Statistics(x[0], x[1], width, Labels(rows, vocabulary), cap, temperature))],
                OpInput.Random(new Shape(rows, width), 1),
                OpInput.Random(new Shape(vocabulary, width), 2)
            )
            {
                Tolerance = 3e-6,
                GradTolerance = 2e-5,
                GradScale = 0.1,
            }.Run(devices);
        }
    }

    /// <summary>What is told of a label is what two lines of double precision say.</summary>
    [Fact]
    public void Statistics_of_labels()
    {
        const int Rows = 5,
            Width = 7,
            Vocabulary = 300;
        OpInput x = OpInput.Random(new Shape(Rows, Width), 1),
            w = OpInput.Random(new Shape(Vocabulary, Width), 2);
        int[] labels = Labels(Rows, Vocabulary);
        (double[] logProbs, double[] entropies, double[] squares, double[] means, double[] top) = Statistics(
            OpInput.Doubles(x.Values),
            OpInput.Doubles(w.Values),
            Width,
            labels,
            0,
            1
        );
        foreach (Device device in devices.Levels)
        {
            using StepScope step = device.Step();
            LabelStatistics found = new();
            using Tensor tx = Tensor.From(device, x.Shape, x.Values),
                tw = Tensor.From(device, w.Shape, w.Values);
            Ops.LabelLoss(tx, tw, device.Rent(new Shape(Rows), labels), found, _ => 3.25).Item().ShouldBe(3.25f);
            for (int i = 0; i < Rows; i++)
            {
                found.LogProbs[i].ShouldBe(logProbs[i], 2e-6);
                found.Entropies[i].ShouldBe(entropies[i], 2e-6);
                found.LogSquares[i].ShouldBe(squares[i], 2e-6);
                found.MeanLogits[i].ShouldBe(means[i], 1e-6);
                found.Top[i].ShouldBe(top[i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Divergence(int rows, int width, int vocabulary)
    {
        foreach (float beta in (float[])[0, 0.3f, 0.5f, 1])
        {
            // The teacher is given, not learned: its logits are constants of the reference.
            OpInput teacher = OpInput.Random(new Shape(rows, width), 3),
                output = OpInput.Random(new Shape(vocabulary, width), 4);
            double[] taught = Reference.Linear(OpInput.Doubles(teacher.Values), OpInput.Doubles(output.Values), width);
            new OpCheck(
                (bench, x) =>
                {
                    Device device = x[0].Device;
                    Tensor tx = device.Rent(new Shape(rows, width)),
                        tw = device.Rent(new Shape(vocabulary, width));
                    teacher.Values.CopyTo(tx.Span);
                    output.Values.CopyTo(tw.Span);
                    return Ops.LogitDivergence(x[0], x[1], tx, tw, beta, 1.4f, 2.5f, out _);
                },
                x => [Jsd(Reference.Linear(x[0], x[1], width), taught, vocabulary, beta, 1.4) / 2.5],
                OpInput.Random(new Shape(rows, width), 1),
                OpInput.Random(new Shape(vocabulary, width), 2)
            )
            {
                Tolerance = 5e-6,
                GradTolerance = 3e-5,
                GradScale = 0.1,
            }.Run(devices);
        }
    }

    [Theory]
    [InlineData(5, 3, 1)]
    [InlineData(9, 17, 12)]
    [InlineData(40, 130, 200)]
    public void Gathered_rows(int rows, int width, int taken)
    {
        int[] index = [.. Enumerable.Range(0, taken).Select(i => i * i * 7 % rows)];
        new OpCheck(
            (bench, x) => Ops.GatherRows(x[0], bench.Int(new Shape(taken), index)),
            x => [.. index.SelectMany(i => x[0][(i * width)..((i + 1) * width)])],
            OpInput.Random(new Shape(rows, width), 1)
        ).Run(devices);
    }

    [Fact]
    public void Rows_that_are_not_there_are_refused()
    {
        Device device = devices.Levels.First();
        using StepScope step = device.Step();
        Should
            .Throw<ArgumentException>(() => Ops.GatherRows(device.Rent(new Shape(2, 3)), device.Rent(new Shape(1), [2])))
            .Message.ShouldContain("row 2");
    }

    private static int[] Labels(int rows, int vocabulary) => [.. Enumerable.Range(0, rows).Select(i => i * 31 % vocabulary)];

    private static double Weighed(LabelStatistics s)
    {
        double sum = 0;
        for (int i = 0; i < s.Count; i++)
        {
            (s.LogProbGradients[i], s.EntropyGradients[i]) = (A(i), B(i));
            sum += A(i) * s.LogProbs[i] + B(i) * s.Entropies[i];
        }
        return sum;
    }

    private static double Weighed((double[] LogProbs, double[] Entropies, double[], double[], double[]) s) =>
        s.LogProbs.Select((l, i) => A(i) * l + B(i) * s.Entropies[i]).Sum();

    private static double A(int i) => 0.3 - 0.1 * (i % 5);

    private static double B(int i) => 0.2 * (i % 3) - 0.1;

    private static (double[] LogProbs, double[] Entropies, double[] Squares, double[] Means, double[] Top) Statistics(
        double[] x,
        double[] w,
        int width,
        int[] labels,
        double cap,
        double temperature
    )
    {
        double[] logits = [.. Reference.Linear(x, w, width).Select(z => (cap > 0 ? cap * Math.Tanh(z / cap) : z) / temperature)];
        int n = logits.Length / labels.Length;
        double[][] rows = [.. labels.Select((_, i) => LogSoftmax(logits[(i * n)..((i + 1) * n)]))];
        return (
            [.. rows.Select((r, i) => r[labels[i]])],
            [.. rows.Select(r => -r.Sum(l => Math.Exp(l) * l))],
            [.. rows.Select(r => Math.Log(r.Sum(l => Math.Exp(2 * l))))],
            [.. labels.Select((_, i) => logits[(i * n)..((i + 1) * n)].Average())],
            [.. rows.Select((r, i) => r[labels[i]] == r.Max() ? 1.0 : 0)]
        );
    }

    private static double Jsd(double[] student, double[] teacher, int n, double beta, double temperature)
    {
        double sum = 0;
        for (int from = 0; from < student.Length; from += n)
        {
            double[] s = LogSoftmax([.. student[from..(from + n)].Select(z => z / temperature)]),
                t = LogSoftmax([.. teacher[from..(from + n)].Select(z => z / temperature)]);
            double Kl(double[] a, double[] b) => a.Select((l, j) => Math.Exp(l) * (l - b[j])).Sum();
            double[] m = [.. s.Select((l, j) => Math.Log(beta * Math.Exp(t[j]) + (1 - beta) * Math.Exp(l)))];
            sum +=
                beta == 0 ? Kl(t, s)
                : beta == 1 ? Kl(s, t)
                : beta * Kl(t, m) + (1 - beta) * Kl(s, m);
        }
        return sum;
    }

    private static double[] LogSoftmax(double[] z)
    {
        double max = z.Max(),
            log = max + Math.Log(z.Sum(v => Math.Exp(v - max)));
        return [.. z.Select(v => v - log)];
    }
}
