namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class EmbeddingTests(Devices devices)
{
    private const int Vocabulary = 11;

    [Fact]
    public void EveryWidth()
    {
        int[] ids = OpInput.Integers(6, 1, Vocabulary);
        for (int width = 1; width <= 257; width++)
        {
            int c = width;
            new OpCheck(
                (bench, x) => Ops.Embedding(x[0], bench.Int(new Shape(2, 3), ids)),
                x => Reference.Embedding(x[0], c, ids),
                OpInput.Random(new Shape(Vocabulary, width), width)
            ).Correct(devices.Default);
        }
    }

    [Fact]
    public void RepeatedIdsAddUpInOneOrder()
    {
        int[] ids = OpInput.Integers(4 * 301, 2, Vocabulary);
        new OpCheck(
            (bench, x) => Ops.Embedding(x[0], bench.Int(new Shape(4, 301), ids)),
            x => Reference.Embedding(x[0], 200, ids),
            OpInput.Random(new Shape(Vocabulary, 200), 3)
        ).Run(devices);
    }

    /// <summary>Rows of three tensors, of which one is not trained in some wirings; ids repeat.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(70)]
    public void OfParts(int width)
    {
        int[] ids = OpInput.Integers(2 * 101, 2, Vocabulary);
        int[] rows = [4, 1, 6];
        new OpCheck(
            (bench, x) => Ops.Embedding(x, bench.Int(new Shape(2, 101), ids)),
            x => Reference.Embedding([.. x.SelectMany(part => part)], width, ids),
            [.. rows.Select((count, i) => OpInput.Random(new Shape(count, width), 3 + i))]
        ).Run(devices);
    }

    [Fact]
    public void BFloat16TablesAreWidened()
    {
        int[] ids = [4, 0, 9];
        for (int width = 1; width <= 67; width++)
        {
            using OpBench bench = new(devices.Default);
            Tensor weight = bench.Empty(new Shape(Vocabulary, width), DType.BFloat16);
            float[] values = OpInput.Numbers(weight.Count, width);
            for (int i = 0; i < values.Length; i++)
            {
                weight.BFloat16s[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
            }
            using (devices.Default.Step())
            {
                float[] y = Ops.Embedding(weight, bench.Int(new Shape(3), ids)).Span.ToArray();
                for (int i = 0; i < y.Length; i++)
                {
                    y[i]
                        .ShouldBe(
                            BitConverter.UInt32BitsToSingle(
                                BitConverter.SingleToUInt32Bits(values[ids[i / width] * width + i % width]) & 0xFFFF0000
                            )
                        );
                }
            }
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(Vocabulary)]
    public void IdsOutsideTheTable_AreRefusedWithTheirPlace(int id)
    {
        using OpBench bench = new(devices.Default);
        using (devices.Default.Step())
        {
            Tensor weight = bench.Empty(new Shape(Vocabulary, 4));
            string message = Should.Throw<ArgumentException>(() => Ops.Embedding(weight, bench.Int(new Shape(1, 3), [1, 2, id]))).Message;
            message.ShouldContain("token 2");
            message.ShouldContain($"id {id};");
        }
    }
}
