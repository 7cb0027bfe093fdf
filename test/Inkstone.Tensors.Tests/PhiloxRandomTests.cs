namespace Inkstone.Tensors.Tests;

public sealed class PhiloxRandomTests
{
    /// <summary>Known answers for philox4x32 with 10 rounds, from the authors' library Random123 (file kat_vectors).</summary>
    [Theory]
    [InlineData(0x0000000000000000ul, 0x0000000000000000ul, 0x0000000000000000ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xfffffffffffffffful, 0xfffffffffffffffful, 0xfffffffffffffffful, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0a4093822ul, 0x0370734413198a2eul, 0x85a308d3243f6a88ul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void KnownAnswers(ulong seed, ulong stream, ulong counter, uint a, uint b, uint c, uint d) =>
        new PhiloxRandom(seed, stream).Block(counter).ShouldBe((a, b, c, d));

    /// <summary>Sixteen counters at once are sixteen counters one by one, also where their lower half comes round.</summary>
    [Theory]
    [InlineData(3ul, 4ul, 0ul)]
    [InlineData(0x299f31d0a4093822ul, 0x0370734413198a2eul, 0x85a308d3243f6a88ul)]
    [InlineData(7ul, 0xfffffffffffffffful, 0x1fffffff8ul)]
    public unsafe void Vectors_AreBlocksInTurn(ulong seed, ulong stream, ulong counter)
    {
        PhiloxRandom random = new(seed, stream);
        uint[] numbers = new uint[PhiloxVectors.Count];
        fixed (uint* p = numbers)
        {
            PhiloxVectors.Blocks(random, counter, p);
        }
        uint[] expected =
        [
            .. Enumerable
                .Range(0, 16)
                .SelectMany(i =>
                {
                    (uint a, uint b, uint c, uint d) = random.Block(counter + (ulong)i);
                    return new[] { a, b, c, d };
                }),
        ];
        numbers.ShouldBe(expected);
    }

    [Fact]
    public void Uniform_DealsTheFourNumbersOfABlockInTurn()
    {
        PhiloxRandom random = new(3, 4);
        (uint a, uint b, uint c, uint d) = random.Block(6);
        uint[] bits = [a, b, c, d];
        for (uint i = 0; i < 4; i++)
        {
            random.Uniform(24 + i).ShouldBe((bits[i] >> 8) / 16777216f);
        }
    }

    [Fact]
    public void Uniform_StaysBelowOne()
    {
        PhiloxRandom.ToUniform(uint.MaxValue).ShouldBeLessThan(1);
        PhiloxRandom random = new(9, 9);
        double[] values = [.. Enumerable.Range(0, 20_000).Select(i => random.UniformDouble((ulong)i))];
        values.ShouldAllBe(v => v >= 0 && v < 1);
        values.Average().ShouldBe(0.5, 0.01);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(50_003)]
    public void FillNormal_HasTheWantedMoments(int count)
    {
        float[] values = new float[count],
            prefix = new float[Math.Min(count, 3)];
        new PhiloxRandom(1, 2).FillNormal(values, 0.02f);
        new PhiloxRandom(1, 2).FillNormal(prefix, 0.02f);
        values[..prefix.Length].ShouldBe(prefix);
        if (count > 1000)
        {
            values.Average().ShouldBe(0, 5e-4);
            Math.Sqrt(values.Average(v => (double)v * v)).ShouldBe(0.02, 5e-4);
            values.Count(v => Math.Abs(v) > 0.04).ShouldBeInRange(count * 4 / 100, count * 5 / 100); // 4.55 %
        }
    }
}
