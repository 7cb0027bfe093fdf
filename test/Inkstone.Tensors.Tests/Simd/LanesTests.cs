using System.Runtime.Intrinsics;

namespace Inkstone.Tensors.Tests;

public sealed unsafe class LanesTests
{
    /// <summary>Coprime to the vector length; about a million floats of each sign.</summary>
    private const int Stride = 1021;

    [Fact]
    public void Exp_IsWithinTwoUlpsOnItsWholeRange()
    {
        double worst = 0;
        float at = 0;
        foreach (float x in Floats(-87.33654f, 88.72283f))
        {
            double ulps = Near.Ulps(Exp(x), Math.Exp(x));
            (worst, at) = ulps > worst ? (ulps, x) : (worst, at);
        }
        worst.ShouldBeLessThan(2, $"at {at:g9}");
    }

    [Fact]
    public void Exp_AtAndPastItsEnds()
    {
        Exp(0).ShouldBe(1);
        Exp(-0f).ShouldBe(1);
        float.IsNaN(Exp(float.NaN)).ShouldBeTrue();
        foreach (float x in new[] { -87.34f, -104, -1000, -3e38f, float.NegativeInfinity })
        {
            Exp(x).ShouldBe(0);
        }
        foreach (float x in new[] { 88.73f, 89, 1000, 3e38f, float.PositiveInfinity })
        {
            Exp(x).ShouldBe(float.PositiveInfinity);
        }
        float low = MathF.BitIncrement(-87.33654f),
            high = MathF.BitDecrement(88.72283f);
        Near.Ulps(Exp(low), Math.Exp(low)).ShouldBeLessThan(2);
        Near.Ulps(Exp(high), Math.Exp(high)).ShouldBeLessThan(2);
    }

    [Fact]
    public void Sigmoid_IsWithinFourUlpsUntilItVanishes()
    {
        foreach (float x in Floats(-87, 100))
        {
            float y = Lanes.Sigmoid(Vector512.Create(x)).ToScalar();
            Near.Ulps(y, 1 / (1 + Math.Exp(-(double)x))).ShouldBeLessThan(4, $"at {x:g9}");
        }
        Lanes.Sigmoid(Vector512.Create(float.NegativeInfinity)).ToScalar().ShouldBe(0);
        Lanes.Sigmoid(Vector512.Create(float.PositiveInfinity)).ToScalar().ShouldBe(1);
        float.IsNaN(Lanes.Sigmoid(Vector512.Create(float.NaN)).ToScalar()).ShouldBeTrue();
    }

    [Fact]
    public void Log_IsWithinThreeUlps()
    {
        foreach (float x in Floats(1e-37f, 3e38f).Concat(Floats(0.5f, 2)))
        {
            Near.Ulps(Vector512.Log(Vector512.Create(x)).ToScalar(), Math.Log(x)).ShouldBeLessThan(3, $"at {x:g9}");
        }
    }

    [Fact]
    public void RowPassesOfEveryLength()
    {
        using GuardedMemory wall = new(4 * 257),
            otherWall = new(4 * 257);
        for (int n = 1; n <= 257; n++)
        {
            float* a = (float*)(wall.Pointer + 4 * (257 - n)),
                b = (float*)(otherWall.Pointer + 4 * (257 - n));
            float[] x = OpInput.Numbers(n, n),
                y = OpInput.Numbers(n, 1000 + n);
            x.CopyTo(new Span<float>(a, n));
            y.CopyTo(new Span<float>(b, n));
            Near.Check(Lanes.Dot(a, b, n), x.Zip(y, (p, q) => (double)p * q).Sum(), 1e-6 * n, "dot");
            Near.Check(Lanes.Dot3(a, b, a, n), x.Zip(y, (p, q) => (double)p * q * p).Sum(), 2e-6 * n, "dot of three");
            Near.Check(Lanes.Sum(a, n), x.Sum(p => (double)p), 1e-6 * n, "sum");
            Lanes.Max(a, n).ShouldBe(x.Max());
            Near.Check(Lanes.ExpSum(b, a, 0.5f, n), x.Sum(p => Math.Exp(p - 0.5)), 3e-6 * n, "sum of powers");
            Near.Check(new Span<float>(b, n), [.. x.Select(p => Math.Exp(p - 0.5))], 1e-6, "powers");
            Lanes.Scale(b, a, 3, n);
            Lanes.Add(b, a, n);
            Lanes.AddScaled(b, a, -2, n);
            Near.Check(new Span<float>(b, n), [.. x.Select(p => 2.0 * p)], 1e-6, "twice");
            a[n - 1] = float.NaN;
            float.IsNaN(Lanes.Max(a, n)).ShouldBeTrue();
        }
        Lanes.Max(null, 0).ShouldBe(float.NegativeInfinity);
    }

    [Fact]
    public void PartsOfVectors()
    {
        using GuardedMemory wall = new(64);
        for (int n = 0; n <= 16; n++)
        {
            float* p = (float*)(wall.Pointer + 4 * (16 - n));
            float[] x = OpInput.Numbers(n, n);
            x.CopyTo(new Span<float>(p, n));
            Vector512<float> part = Lanes.LoadPart(p, n);
            for (int i = 0; i < 16; i++)
            {
                part[i].ShouldBe(i < n ? x[i] : 0);
            }
            Lanes.StorePart(part + part, p, n);
            new Span<float>(p, n).ToArray().ShouldBe(x.Select(v => v + v));
        }
    }

    private static float Exp(float x) => Lanes.Exp(Vector512.Create(x)).ToScalar();

    /// <summary>Floats between two, by steps of <see cref="Stride"/> in their bit patterns.</summary>
    private static IEnumerable<float> Floats(float low, float high)
    {
        for (uint bits = 0; bits <= BitConverter.SingleToUInt32Bits(Math.Max(high, 0)); bits += Stride)
        {
            float x = BitConverter.UInt32BitsToSingle(bits);
            if (x >= low)
            {
                yield return x;
            }
        }
        for (uint bits = 1u << 31; low < 0 && bits <= BitConverter.SingleToUInt32Bits(low); bits += Stride)
        {
            yield return BitConverter.UInt32BitsToSingle(bits);
        }
    }
}
