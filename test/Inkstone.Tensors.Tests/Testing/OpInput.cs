namespace Inkstone.Tensors.Tests;

/// <summary>A float input of an op under test.</summary>
internal sealed record OpInput(Shape Shape, float[] Values)
{
    /// <summary>Numbers between <paramref name="low"/> and <paramref name="high"/>, the same for the same seed.</summary>
    public static OpInput Random(Shape shape, int seed, float low = -2, float high = 2) =>
        new(shape, Numbers(shape.Count, seed, low, high));

    public static float[] Numbers(long count, int seed, float low = -2, float high = 2)
    {
        Random random = new(seed);
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = low + random.NextSingle() * (high - low);
        }
        return values;
    }

    public static int[] Integers(int count, int seed, int below)
    {
        Random random = new(seed);
        int[] values = new int[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.Next(below);
        }
        return values;
    }

    public static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}
