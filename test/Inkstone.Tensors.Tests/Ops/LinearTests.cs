namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class LinearTests(Devices devices)
{
    public static TheoryData<int, int, int> Sizes =>
        new()
        {
            { 1, 1, 1 },
            { 2, 3, 5 },
            { 4, 17, 33 },
            { 5, 16, 16 },
            { 7, 33, 1 },
            { 12, 32, 48 },
            { 13, 31, 47 },
            { 33, 5, 64 },
            { 97, 31, 65 },
            { 257, 12, 9 },
        };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Plain(int m, int n, int k) =>
        Check((_, x) => Ops.Linear(x[0], x[1]), x => Reference.Linear(x[0], x[1], k), k, X(m, k), W(n, k));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithBias(int m, int n, int k) =>
        Check(
            (_, x) => Ops.Linear(x[0], x[1], x[2]),
            x => Reference.Linear(x[0], x[1], k, x[2]),
            k,
            X(m, k),
            W(n, k),
            OpInput.Random(new Shape(n), 3)
        );

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithResidual(int m, int n, int k) =>
        Check(
            (_, x) => Ops.Linear(x[0], x[1], residual: x[2]),
            x => Reference.Linear(x[0], x[1], k, null, x[2]),
            k,
            X(m, k),
            W(n, k),
            OpInput.Random(new Shape(m, n), 4)
        );

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithBoth(int m, int n, int k) =>
        Check(
            (_, x) => Ops.Linear(x[0], x[1], x[2], x[3]),
            x => Reference.Linear(x[0], x[1], k, x[2], x[3]),
            k,
            X(m, k),
            W(n, k),
            OpInput.Random(new Shape(n), 3),
            OpInput.Random(new Shape(m, n), 4)
        );

    [Fact]
    public void ResidualStreamThatAlsoFeedsTheLayer() =>
        Check(
            (_, x) => Ops.Linear(x[0], x[1], residual: x[0]),
            x => Reference.Linear(x[0], x[1], 19, null, x[0]),
            19,
            X(11, 19),
            W(19, 19)
        );

    [Fact]
    public void BatchesOfRowsAreRows() =>
        Check((_, x) => Ops.Linear(x[0], x[1]), x => Reference.Linear(x[0], x[1], 6), 6, OpInput.Random(new Shape(2, 3, 6), 1), W(5, 6));

    [Theory]
    [InlineData(1, 9, 33)]
    [InlineData(3, 70, 17)]
    [InlineData(8, 33, 40)]
    [InlineData(65, 31, 129)]
    public void FrozenBFloat16Weights(int m, int n, int k)
    {
        float[] rounded = Array.ConvertAll(W(n, k).Values, v => BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(v)));
        double[] weight = OpInput.Doubles(rounded);
        Tensor Op(OpBench bench, Tensor[] x)
        {
            Tensor w = bench.Empty(new Shape(n, k), DType.BFloat16);
            for (int i = 0; i < rounded.Length; i++)
            {
                w.BFloat16s[i] = BFloat16Bits.FromFloat(rounded[i]);
            }
            return Ops.Linear(x[0], w);
        }
        Check(Op, x => Reference.Linear(x[0], weight, k), k, X(m, k));
    }

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor x = bench.Empty(new Shape(2, 3)),
                w = bench.Empty(new Shape(4, 5));
            Should.Throw<ArgumentException>(() => Ops.Linear(x, w)).Message.ShouldContain("[2, 3]");
            Should.Throw<ArgumentException>(() => Ops.Linear(bench.Empty(new Shape(2, 5)), w, x)).Message.ShouldContain("4 elements");
        }
    }

    private void Check(Func<OpBench, Tensor[], Tensor> op, Func<double[][], double[]> reference, int k, params OpInput[] inputs) =>
        new OpCheck(op, reference, inputs) { Tolerance = 4e-7 * Math.Sqrt(k + 1), GradTolerance = 6e-6 }.Run(devices);

    private static OpInput X(int m, int k) => OpInput.Random(new Shape(m, k), 1);

    private static OpInput W(int n, int k) => OpInput.Random(new Shape(n, k), 2);
}
