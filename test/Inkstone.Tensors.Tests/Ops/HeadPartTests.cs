namespace Inkstone.Tensors.Tests;

/// <summary>Cutting heads and sequences apart and joining them.</summary>
[Collection(DeviceSuite.Name)]
public sealed class HeadPartTests(Devices devices)
{
    [Theory]
    [InlineData(1, 1, 1, 0, 1)]
    [InlineData(7, 3, 24, 16, 8)]
    [InlineData(300, 4, 33, 1, 31)]
    public void HeadColumns(int rows, int heads, int headDim, int from, int count) =>
        new OpCheck(
            (_, x) => Ops.HeadColumns(x[0], heads, from, count),
            x => Reference.HeadColumns(x[0], headDim, from, count),
            OpInput.Random(new Shape(rows, heads * headDim), 1)
        ).Run(devices);

    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(7, 3, 24, 16, 8)]
    [InlineData(300, 4, 33, 33, 17)]
    public void JoinHeads(int rows, int heads, int headDim, int count, int shared) =>
        new OpCheck(
            (_, x) => Ops.JoinHeads(x[0], heads, count, x[1]),
            x => Reference.JoinHeads(x[0], x[1], heads, headDim, count, shared),
            OpInput.Random(new Shape(rows, heads * headDim), 1),
            OpInput.Random(new Shape(rows, shared), 2)
        ).Run(devices);

    [Fact]
    public void RowWindow() =>
        new OpCheck(
            (_, x) => Ops.RowWindow(x[0], 1, 5),
            x => Reference.HeadColumns(x[0], 7 * 19, 19, 5 * 19),
            OpInput.Random(new Shape(3, 7, 19), 1)
        ).Run(devices);

    [Fact]
    public void WrongSizes_AreRefused()
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor x = bench.Empty(new Shape(2, 3, 8));
            Should.Throw<ArgumentException>(() => Ops.HeadColumns(x, 2, 2, 3)).Message.ShouldContain("2 to 4");
            Should.Throw<ArgumentException>(() => Ops.JoinHeads(x, 2, 5, x)).Message.ShouldContain("5 dimensions");
            Should.Throw<ArgumentException>(() => Ops.RowWindow(x, 1, 3)).Message.ShouldContain("tokens 1 to 3");
        }
    }
}
