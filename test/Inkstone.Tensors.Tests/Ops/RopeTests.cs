namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class RopeTests(Devices devices)
{
    private static readonly int[] Positions = [0, 1, 2, 300, 7, 4095];

    [Fact]
    public void EveryHalfLength()
    {
        for (int half = 1; half <= 64; half++)
        {
            RotaryTable table = RotaryTable.Default(2 * half, 10_000);
            int headDim = 2 * half;
            new OpCheck(
                (bench, x) => Ops.Rope(x[0], 2, bench.Int(new Shape(2, 3), Positions), table),
                x => Reference.Rope(x[0], 2, headDim, Positions, table.InverseFrequencies.ToArray()),
                OpInput.Random(new Shape(2, 3, 2 * headDim), half)
            ).Correct(devices.Default);
        }
    }

    [Theory]
    [InlineData(5, 2)]
    [InlineData(48, 12)]
    [InlineData(64, 16)]
    [InlineData(100, 64)]
    public void PartOfAHead(int headDim, int rotaryDim)
    {
        RotaryTable table = RotaryTable.Yarn(rotaryDim, 1e6, 4, 64, attentionFactor: 1.25);
        new OpCheck(
            (bench, x) => Ops.Rope(x[0], 3, bench.Int(new Shape(2, 3), Positions), table),
            x => Reference.Rope(x[0], 3, headDim, Positions, table.InverseFrequencies.ToArray(), 1.25),
            OpInput.Random(new Shape(2, 3, 3 * headDim), headDim)
        ).Run(devices);
    }

    [Theory]
    [InlineData(8, 0, 8, true)]
    [InlineData(24, 16, 8, true)]
    [InlineData(24, 16, 8, false)]
    [InlineData(100, 30, 64, false)]
    [InlineData(101, 3, 66, true)]
    public void PairsSomewhereInAHead(int headDim, int from, int rotaryDim, bool interleaved)
    {
        RotaryTable table = RotaryTable.Default(rotaryDim, 10_000);
        new OpCheck(
            (bench, x) => Ops.Rope(x[0], 3, bench.Int(new Shape(2, 3), Positions), table, from, interleaved),
            x => Reference.RopePart(x[0], 3, headDim, Positions, table.InverseFrequencies.ToArray(), from, interleaved),
            OpInput.Random(new Shape(2, 3, 3 * headDim), headDim)
        ).Run(devices);
    }

    [Fact]
    public void ManyTokens()
    {
        int[] positions = [.. Enumerable.Range(0, 700), .. Enumerable.Range(50, 700)];
        RotaryTable table = RotaryTable.Default(32, 10_000);
        new OpCheck(
            (bench, x) => Ops.Rope(x[0], 2, bench.Int(new Shape(2, 700), positions), table),
            x => Reference.Rope(x[0], 2, 32, positions, table.InverseFrequencies.ToArray()),
            OpInput.Random(new Shape(2, 700, 64), 4)
        ).Run(devices);
    }

    [Fact]
    public void RotatesInPlaceWithoutPassingTheEnd()
    {
        for (int half = 1; half <= 40; half++)
        {
            int headDim = 2 * half + half % 3;
            RotaryTable table = RotaryTable.Default(2 * half, 10_000);
            using OpBench bench = new(devices.Default);
            float[] values = OpInput.Numbers(6 * headDim, half);
            Tensor x = bench.Float(new Shape(2, 3, headDim), values),
                positions = bench.Int(new Shape(2, 3), Positions);
            RopeKernels.Rotate("rope", x, x, new RopePairs(1), positions, table, backwards: false, accumulate: false);
            Near.Check(
                x.Span,
                Reference.Rope(OpInput.Doubles(values), 1, headDim, Positions, table.InverseFrequencies.ToArray()),
                1e-6,
                "in place"
            );
            RopeKernels.Rotate("rope", x, x, new RopePairs(1), positions, table, backwards: true, accumulate: false);
            Near.Check(x.Span, OpInput.Doubles(values), 1e-6, "back again");
        }
    }

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        RotaryTable table = RotaryTable.Default(8, 10_000);
        using (devices.Default.Step())
        {
            Tensor x = bench.Empty(new Shape(1, 2, 16));
            Should
                .Throw<ArgumentException>(() => Ops.Rope(x, 3, bench.Int(new Shape(1, 2), [0, 1]), table))
                .Message.ShouldContain("3 heads");
            Should
                .Throw<ArgumentException>(() => Ops.Rope(x, 4, bench.Int(new Shape(1, 2), [0, 1]), table))
                .Message.ShouldContain("8 dimensions");
            Should.Throw<ArgumentException>(() => Ops.Rope(x, 2, bench.Int(new Shape(1, 2), [0, -1]), table)).Message.ShouldContain("-1");
            Should
                .Throw<ArgumentException>(() => Ops.Rope(x, 2, bench.Int(new Shape(1, 3), [0, 1, 2]), table))
                .Message.ShouldContain("2 elements");
        }
    }
}
