using System.Numerics.Tensors;

namespace Inkstone.Inference;

/// <summary>Passes over a row of logits [V] in vectors: by single numbers they took a millisecond a token at a vocabulary of 49,152.</summary>
internal static class LogitRow
{
    /// <summary>Numbers that are added as floats, before their sums are added as doubles.</summary>
    public const int Block = 1024;

    /// <summary>The first of the largest.</summary>
    /// <exception cref="InvalidDataException">none is a number</exception>
    public static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = TensorPrimitives.IndexOfMax(logits);
        if (best >= 0 && float.IsNaN(logits[best]))
        {
            best = -1;
            for (int i = 0; i < logits.Length; i++)
            {
                best = !float.IsNaN(logits[i]) && (best < 0 || logits[i] > logits[best]) ? i : best;
            }
        }
        return best >= 0 ? best : throw Truncation.NoNumbers();
    }

    /// <summary>Fills <paramref name="target"/> with exp((logit − the largest) / temperature) and returns their sum.</summary>
    /// <param name="logits">the row</param>
    /// <param name="temperature">above 0</param>
    /// <param name="target">as many numbers</param>
    /// <param name="max">the largest logit</param>
    public static double Exponentials(ReadOnlySpan<float> logits, float temperature, Span<float> target, out float max)
    {
        max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, target);
        if (temperature != 1)
        {
            TensorPrimitives.Divide(target, temperature, target);
        }
        TensorPrimitives.Exp(target, target);
        return Sum(target[..logits.Length]);
    }

    /// <summary>A sum in double precision.</summary>
    public static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        for (; values.Length > Block; values = values[Block..])
        {
            sum += TensorPrimitives.Sum(values[..Block]);
        }
        return sum + TensorPrimitives.Sum(values);
    }
}
