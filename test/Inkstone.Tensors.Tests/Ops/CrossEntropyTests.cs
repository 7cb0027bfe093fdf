namespace Inkstone.Tensors.Tests;

/// <summary>The fused output projection: loss and log-probabilities of labels.</summary>
[Collection(DeviceSuite.Name)]
public sealed class CrossEntropyTests(Devices devices)
{
    private const int Ignore = Ops.IgnoreLabel;

    public static TheoryData<int, int, int, int> Sizes =>
        new()
        {
            { 1, 1, 2, 0 },
            { 3, 4, 5, 0 },
            { 7, 16, 33, 3 },
            { 20, 19, 100, 2 },
            { 64, 32, 257, 5 },
            { 5, 8, 17, 1 },
            { 130, 9, 65, 0 },
        };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Loss(int rows, int width, int vocabulary, int ignoreEvery)
    {
        int[] labels = Labels(rows, vocabulary, ignoreEvery);
        new OpCheck(
            (bench, x) => Ops.LinearCrossEntropy(x[0], x[1], bench.Int(new Shape(rows), labels), 3.5f),
            x => Reference.LinearCrossEntropy(x[0], x[1], width, labels, 3.5),
            X(rows, width),
            W(vocabulary, width)
        )
        {
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void LogProbs(int rows, int width, int vocabulary, int ignoreEvery)
    {
        int[] labels = Labels(rows, vocabulary, ignoreEvery);
        new OpCheck(
            (bench, x) => Ops.LogProbs(x[0], x[1], bench.Int(new Shape(rows), labels)),
            x => Reference.LogProbs(x[0], x[1], width, labels),
            X(rows, width),
            W(vocabulary, width)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void CappedLogits(int rows, int width, int vocabulary, int ignoreEvery)
    {
        int[] labels = Labels(rows, vocabulary, ignoreEvery);
        new OpCheck(
            (bench, x) => Ops.LinearCrossEntropy(x[0], x[1], bench.Int(new Shape(rows), labels), 3.5f, softCap: 0.7f),
            x => Reference.LinearCrossEntropy(x[0], x[1], width, labels, 3.5, 0.7),
            X(rows, width),
            W(vocabulary, width)
        )
        {
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
        new OpCheck(
            (bench, x) => Ops.LogProbs(x[0], x[1], bench.Int(new Shape(rows), labels), softCap: 0.7f),
            x => Reference.LogProbs(x[0], x[1], width, labels, 0.7),
            X(rows, width),
            W(vocabulary, width)
        )
        {
            Tolerance = 3e-6,
            GradTolerance = 1e-5,
            GradScale = 0.1,
        }.Run(devices);
    }

    [Fact]
    public void Loss_OverSeveralChunksOfALargeVocabulary()
    {
        const int Rows = 150,
            Width = 3,
            Vocabulary = 63_001;
        int[] labels = Labels(Rows, Vocabulary, 7);
        OpInput x = X(Rows, Width),
            w = W(Vocabulary, Width);
        double[] logits = Reference.Linear(OpInput.Doubles(x.Values), OpInput.Doubles(w.Values), Width);
        double[] dz = Reference.Softmax(logits, Vocabulary);
        for (int row = 0; row < Rows; row++)
        {
            if (labels[row] == Ignore)
            {
                Array.Clear(dz, row * Vocabulary, Vocabulary);
            }
            else
            {
                dz[row * Vocabulary + labels[row]]--;
            }
        }
        (double[] dx, double[] dw) = Reference.LinearBackward(dz, OpInput.Doubles(x.Values), OpInput.Doubles(w.Values), Width);
        double loss = Reference.LinearCrossEntropy(OpInput.Doubles(x.Values), OpInput.Doubles(w.Values), Width, labels, 1)[0];
        foreach (Device device in devices.ThreadCounts)
        {
            using OpBench bench = new(device);
            Tensor px = bench.Float(x.Shape, x.Values, true),
                pw = bench.Float(w.Shape, w.Values, true);
            using (device.Step(record: true))
            {
                Tensor l = Ops.LinearCrossEntropy(px, pw, bench.Int(new Shape(Rows), labels), 1);
                device.Tape.Backward(l);
                Near.Check(l.Item(), loss, 1e-6 * loss, "loss");
            }
            Near.Check(px.Grad!.Span, dx, 1e-5, "dx");
            Near.Check(pw.Grad!.Span, dw, 1e-5, "dw");
        }
    }

    [Fact]
    public void NoLabels_TeachNothing()
    {
        using OpBench bench = new(devices.Default);
        Tensor x = bench.Float(new Shape(3, 4), X(3, 4).Values, true),
            w = bench.Float(new Shape(9, 4), W(9, 4).Values, true);
        using (devices.Default.Step(record: true))
        {
            Tensor loss = Ops.LinearCrossEntropy(x, w, bench.Int(new Shape(3), [Ignore, Ignore, Ignore]), 1);
            devices.Default.Tape.Backward(loss);
            loss.Item().ShouldBe(0);
        }
        x.Grad!.Span.ToArray().ShouldAllBe(g => g == 0);
        w.Grad!.Span.ToArray().ShouldAllBe(g => g == 0);
    }

    [Fact]
    public void HugeLogits_StayFinite()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor x = bench.Float(new Shape(1, 1), [1000]),
                w = bench.Float(new Shape(3, 1), [1, 1, -1]);
            Ops.LinearCrossEntropy(x, w, bench.Int(new Shape(1), [0]), 1).Item().ShouldBe(MathF.Log(2), 1e-4f);
            Ops.LogProbs(x, w, bench.Int(new Shape(1), [2])).Item().ShouldBe(-2000 - MathF.Log(2), 1e-3f);
        }
    }

    [Fact]
    public void LabelsOutsideTheVocabulary_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor x = bench.Empty(new Shape(2, 3)),
                w = bench.Empty(new Shape(5, 3));
            Should
                .Throw<ArgumentException>(() => Ops.LinearCrossEntropy(x, w, bench.Int(new Shape(2), [0, 5]), 1))
                .Message.ShouldContain("label 5 of row 1");
            Should
                .Throw<ArgumentException>(() => Ops.LogProbs(x, w, bench.Int(new Shape(2), [-1, 0])))
                .Message.ShouldContain("label -1 of row 0");
        }
    }

    private static int[] Labels(int rows, int vocabulary, int ignoreEvery)
    {
        int[] labels = OpInput.Integers(rows, rows, vocabulary);
        for (int i = 0; ignoreEvery > 0 && i < rows; i += ignoreEvery)
        {
            labels[i] = Ignore;
        }
        return labels;
    }

    private static OpInput X(int rows, int width) => OpInput.Random(new Shape(rows, width), 1);

    private static OpInput W(int vocabulary, int width) => OpInput.Random(new Shape(vocabulary, width), 2, -1, 1);
}
