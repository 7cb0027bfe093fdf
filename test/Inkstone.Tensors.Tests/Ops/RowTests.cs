namespace Inkstone.Tensors.Tests;

/// <summary>Ops over the last dimension: sums, softmax, RMSNorm.</summary>
[Collection(DeviceSuite.Name)]
public sealed class RowTests(Devices devices)
{
    private const float Eps = 1e-5f;

    [Fact]
    public void Sum() => EveryLength((n, x) => new OpCheck((_, x) => Ops.Sum(x[0]), x => Reference.Sum(x[0]), x) { Tolerance = 1e-5 });

    [Fact]
    public void Mean() => EveryLength((n, x) => new OpCheck((_, x) => Ops.Mean(x[0]), x => Reference.Mean(x[0]), x) { Tolerance = 1e-5 });

    [Fact]
    public void SumLast() =>
        EveryLength((n, x) => new OpCheck((_, x) => Ops.SumLast(x[0]), x => Reference.SumLast(x[0], n), x) { Tolerance = 3e-6 });

    [Fact]
    public void Softmax() => EveryLength((n, x) => new OpCheck((_, x) => Ops.Softmax(x[0]), x => Reference.Softmax(x[0], n), x));

    [Fact]
    public void RmsNorm() =>
        EveryLength(
            (n, x) =>
                new OpCheck(
                    (_, x) => Ops.RmsNorm(x[0], x[1], Eps),
                    x => Reference.RmsNorm(x[0], x[1], Eps),
                    x,
                    OpInput.Random(new Shape(n), n + 7, 0.5f, 1.5f)
                )
                {
                    GradScale = 1, // the two terms of dx cancel in short rows
                }
        );

    [Fact]
    public void RmsNorm_SumsWeightGradientsOfManyRowsInOneOrder() =>
        new OpCheck(
            (_, x) => Ops.RmsNorm(x[0], x[1], Eps),
            x => Reference.RmsNorm(x[0], x[1], Eps),
            OpInput.Random(new Shape(3, 211, 33), 1),
            OpInput.Random(new Shape(33), 2, 0.5f, 1.5f)
        ).Run(devices);

    [Fact]
    public void Sum_OfManyElementsKeepsItsDigits()
    {
        using OpBench bench = new(devices.Default);
        float[] values = OpInput.Numbers(1_000_003, 5, 0.9f, 1.1f);
        using (devices.Default.Step())
        {
            double sum = Ops.Sum(bench.Float(new Shape(values.Length), values)).Item();
            Near.Check(sum, values.Sum(v => (double)v), 0.1, "sum"); // one unit in the last place of a million is 0.06
        }
    }

    [Fact]
    public void Softmax_SurvivesLargeLogits()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Ops.Softmax(bench.Float(new Shape(1, 3), [1000, 1000, float.NegativeInfinity])).Span.ToArray().ShouldBe([0.5f, 0.5f, 0f]);
            Ops.Softmax(bench.Float(new Shape(1, 2), [1, float.NaN])).Span.ToArray().ShouldAllBe(v => float.IsNaN(v));
        }
    }

    [Fact]
    public void KernelsWriteNothingPastTheEnd()
    {
        for (int n = 1; n <= 257; n++)
        {
            using OpBench bench = new(devices.Default);
            Tensor x = bench.Float(new Shape(2, n), OpInput.Numbers(2 * n, n)),
                y = bench.Empty(new Shape(2, n));
            Tensor w = bench.Float(new Shape(n), OpInput.Numbers(n, n)),
                rows = bench.Empty(new Shape(2));
            RmsNormKernels.Forward(x, w, Eps, y, rows);
            SoftmaxKernels.Forward(x, y);
            SoftmaxKernels.Backward(x, y, y, accumulate: true);
            SumKernels.Rows(x, rows);
        }
    }

    private void EveryLength(Func<int, OpInput, OpCheck> check)
    {
        for (int n = 1; n <= 257; n++)
        {
            check(n, OpInput.Random(new Shape(3, n), n, 0.2f, 2)).Correct(devices.Default);
        }
        check(1500, OpInput.Random(new Shape(2, 9, 1500), 3, -2, 3)).Run(devices);
    }
}
