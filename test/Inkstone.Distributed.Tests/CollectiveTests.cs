namespace Inkstone.Distributed.Tests;

/// <summary>What collectives need that can be tried in one process: the order of sums, the type of the wire, what launchers say.</summary>
public sealed class CollectiveTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(7)]
    [InlineData(1)]
    public void TheTree_IsTheSameWhoeverSumsItsBranches(int leaves)
    {
        Random random = new(leaves);
        float[] numbers = [.. Enumerable.Range(0, leaves).Select(_ => (float)(random.NextDouble() * Math.Pow(10, random.Next(-4, 5))))];
        float whole = Tree(numbers);
        for (int ranks = 1; ranks <= leaves; ranks *= 2)
        {
            if (leaves % ranks == 0)
            {
                float[] parts = [.. numbers.Chunk(leaves / ranks).Select(Streamed)];
                OrderedSum.Reduce(parts, ranks);
                parts[0].ShouldBe(whole, $"{leaves} leaves on {ranks} ranks");
            }
        }

        static float Tree(float[] numbers) =>
            numbers.Length == 1 ? numbers[0]
            : numbers.Length % 2 == 0 ? Tree(numbers[..(numbers.Length / 2)]) + Tree(numbers[(numbers.Length / 2)..])
            : numbers.Aggregate((a, b) => a + b);

        // As gradients come: one after the other, with the sums that are due behind each.
        static float Streamed(float[] numbers)
        {
            Stack<float> kept = [];
            int[] merges = OrderedSum.Merges(numbers.Length);
            for (int i = 0; i < numbers.Length; i++)
            {
                float sum = numbers[i];
                for (int m = 0; m < merges[i]; m++)
                {
                    sum = kept.Pop() + sum;
                }
                kept.Push(sum);
            }
            kept.Count.ShouldBe(1);
            return kept.Pop();
        }
    }

    [Fact]
    public void TheWire_RoundsToTheNearestEven()
    {
        Random random = new(1);
        float[] values =
        [
            0,
            -0f,
            1,
            1.00390625f,
            1.01171875f,
            float.MaxValue,
            float.PositiveInfinity,
            float.NaN,
            float.Epsilon,
            .. Enumerable.Range(0, 200).Select(_ => (float)(random.NextDouble() - 0.5) * MathF.Pow(2, random.Next(-120, 120))),
        ];
        ushort[] narrow = new ushort[values.Length];
        float[] wide = new float[values.Length];
        BFloat16Wire.Narrow(values, narrow);
        BFloat16Wire.Widen(narrow, wide);
        for (int i = 0; i < values.Length; i++)
        {
            float expected = (float)BFloat16Of(values[i]);
            BitConverter
                .SingleToInt32Bits(wide[i])
                .ShouldBe(
                    float.IsNaN(expected) ? BitConverter.SingleToInt32Bits(wide[i]) : BitConverter.SingleToInt32Bits(expected),
                    $"{values[i]:R}"
                );
            float.IsNaN(wide[i]).ShouldBe(float.IsNaN(values[i]));
        }

        // By the definition: the nearer of two neighbours with 16 bits, in double precision; of two as near the one with an even last bit.
        static double BFloat16Of(float x)
        {
            if (!float.IsFinite(x) || x == 0)
            {
                return x;
            }
            float down = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x) & unchecked((int)0xffff0000)),
                up = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(down) + 0x10000);
            double middle = float.IsFinite(up) ? ((double)down + up) / 2 : Math.CopySign(255.5 * Math.Pow(2, 120), x);
            bool even = (BitConverter.SingleToInt32Bits(down) >> 16 & 1) == 0;
            return Math.Abs(x) < Math.Abs(middle) || (x == middle && even) ? down : up;
        }
    }

    [Fact]
    public void ALauncher_IsToldByItsVariables()
    {
        Launch
            .Detect(name =>
                name switch
                {
                    "OMPI_COMM_WORLD_RANK" => "1",
                    "OMPI_COMM_WORLD_SIZE" => "4",
                    _ => null,
                }
            )
            .ShouldBe(new Launch("Open MPI's mpirun", 1, 4));
        Launch
            .Detect(name =>
                name switch
                {
                    "PMI_RANK" => "0",
                    "PMI_SIZE" => "2",
                    _ => null,
                }
            )!
            .IsOpenMpi.ShouldBeFalse();
        Launch.Detect(_ => null).ShouldBeNull();
        Launch.Detect(name => name == "PMI_RANK" ? "x" : "2").ShouldBeNull();
    }
}
