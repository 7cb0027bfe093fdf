namespace Inkstone.Tensors.Tests;

/// <summary>Closeness of float32 results to double-precision ones.</summary>
internal static class Near
{
    /// <summary>|actual − expected| ≤ tolerance · largest |expected|, for every element.</summary>
    public static void Check(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected, double tolerance, string what)
    {
        actual.Length.ShouldBe(expected.Length, what);
        double largest = Largest(expected);
        for (int i = 0; i < expected.Length; i++)
        {
            Check(actual[i], expected[i], tolerance * largest, $"{what}[{i}]");
        }
    }

    public static void Check(double actual, double expected, double allowed, string what)
    {
        if (!(Math.Abs(actual - expected) <= allowed + 1e-12))
        {
            Assert.Fail($"{what} is {actual:g9}, expected {expected:g9} within {allowed:g3}");
        }
    }

    public static double Largest(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }
        return largest;
    }

    /// <summary>Equal to the last bit.</summary>
    public static void SameBits(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, string what)
    {
        actual.Length.ShouldBe(expected.Length, what);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(actual[i]) != BitConverter.SingleToInt32Bits(expected[i]))
            {
                Assert.Fail($"{what}[{i}] is {actual[i]:g9}, expected exactly {expected[i]:g9}");
            }
        }
    }

    /// <summary>Distance from the exact value in units of the last place of a float32 of that size.</summary>
    public static double Ulps(float actual, double exact)
    {
        float size = MathF.Abs((float)exact);
        return Math.Abs(actual - exact) / ((double)MathF.BitIncrement(size) - size);
    }
}
