using System.Numerics.Tensors;

namespace Inkstone.Inference;

/// <summary>Filters that take tokens out of the race by setting their logits to −∞, with the rules of transformers' warpers. At least one
/// token always stays.</summary>
internal sealed class Truncation(int vocabSize)
{
    private readonly float[] _probabilities = new float[vocabSize];
    private readonly float[] _scores = new float[vocabSize];
    private readonly ulong[] _order = new ulong[vocabSize];

    /// <summary>Keeps the k largest logits, and those equal to the smallest of them.</summary>
    public void TopK(Span<float> logits, int k)
    {
        if (k >= logits.Length)
        {
            return;
        }
        logits.CopyTo(_scores);
        float smallest = Select(_scores.AsSpan(0, logits.Length), logits.Length - k);
        foreach (ref float logit in logits)
        {
            logit = logit < smallest ? float.NegativeInfinity : logit;
        }
    }

    /// <summary>Drops the least likely tokens while their sum stays at or below 1 − p.</summary>
    public void TopP(Span<float> logits, float p)
    {
        Softmax(logits);
        double rest = 1 - (double)p,
            dropped = 0,
            tiny = rest / logits.Length;
        int candidates = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            // All tokens below rest / V hold less than the rest together: they go without being sorted.
            if (_probabilities[i] < tiny)
            {
                dropped += _probabilities[i];
                logits[i] = float.NegativeInfinity;
            }
            else
            {
                _order[candidates++] = Key(_probabilities[i], i);
            }
        }
        Span<ulong> ascending = _order.AsSpan(0, candidates);
        ascending.Sort();
        for (int i = 0; i < candidates - 1; i++)
        {
            int id = (int)(uint)ascending[i];
            dropped += _probabilities[id];
            if (dropped > rest)
            {
                return;
            }
            logits[id] = float.NegativeInfinity;
        }
    }

    /// <summary>Drops tokens below a part of the likeliest token's probability.</summary>
    public void MinP(Span<float> logits, float minP)
    {
        Softmax(logits);
        float least = minP * TensorPrimitives.Max(_probabilities.AsSpan(0, logits.Length));
        Drop(logits, least);
    }

    /// <summary>Drops tokens below a probability; the likeliest stays.</summary>
    public void Epsilon(Span<float> logits, float epsilon)
    {
        Softmax(logits);
        Drop(logits, Math.Min(epsilon, TensorPrimitives.Max(_probabilities.AsSpan(0, logits.Length))));
    }

    /// <summary>Keeps the tokens whose surprise −log p is closest to the entropy, until they hold probability
    /// <paramref name="mass"/>.</summary>
    public void Typical(Span<float> logits, float mass)
    {
        double logSum = Softmax(logits),
            entropy = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            entropy -= _probabilities[i] > 0 ? _probabilities[i] * (logits[i] - logSum) : 0;
        }
        for (int i = 0; i < logits.Length; i++)
        {
            _scores[i] = (float)Math.Abs(logSum - logits[i] - entropy);
            _order[i] = Key(_scores[i], i);
        }
        Span<ulong> ascending = _order.AsSpan(0, logits.Length);
        ascending.Sort();
        double sum = 0;
        int last = -1;
        do
        {
            sum += _probabilities[(int)(uint)ascending[++last]];
        } while (sum < mass && last < ascending.Length - 1);
        float farthest = _scores[(int)(uint)ascending[last]];
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = _scores[i] > farthest ? float.NegativeInfinity : logits[i];
        }
    }

    /// <summary>The token at <paramref name="point"/> of the cumulative distribution, 0 ≤ point &lt; 1.</summary>
    public int Sample(ReadOnlySpan<float> logits, double point)
    {
        double left = point * LogitRow.Exponentials(logits, 1, _probabilities, out _);
        ReadOnlySpan<float> parts = _probabilities.AsSpan(0, logits.Length);
        int start = 0,
            drawn = -1;
        for (; start + LogitRow.Block < parts.Length; start += LogitRow.Block)
        {
            double sum = LogitRow.Sum(parts.Slice(start, LogitRow.Block));
            if (left < sum)
            {
                break;
            }
            left -= sum;
        }
        for (int i = start; i < parts.Length && (drawn < 0 || left >= 0); i++)
        {
            if (parts[i] > 0)
            {
                (drawn, left) = (i, left - parts[i]);
            }
        }
        // Where rounding leaves something over, the last that can be drawn.
        for (int i = start - 1; i >= 0 && drawn < 0; i--)
        {
            drawn = parts[i] > 0 ? i : -1;
        }
        return drawn >= 0 ? drawn : throw NoNumbers();
    }

    /// <summary>The fault of a model whose logits cannot be compared.</summary>
    public static InvalidDataException NoNumbers() =>
        new(
            "no token can be chosen: all logits of the model are forbidden or no numbers; look for NaN or too large values in its weights, or try --precision fp32."
        );

    private void Drop(Span<float> logits, float least)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = _probabilities[i] < least ? float.NegativeInfinity : logits[i];
        }
    }

    /// <summary>Fills the probabilities and returns log Σ exp.</summary>
    private double Softmax(ReadOnlySpan<float> logits)
    {
        double sum = LogitRow.Exponentials(logits, 1, _probabilities, out float max);
        Span<float> row = _probabilities.AsSpan(0, logits.Length);
        TensorPrimitives.Multiply(row, (float)(1 / sum), row);
        return max + Math.Log(sum);
    }

    /// <summary>Sorts by a value ≥ 0 and then by token: the bits of such floats are in the order of their values.</summary>
    private static ulong Key(float value, int id) => ((ulong)BitConverter.SingleToUInt32Bits(value) << 32) | (uint)id;

    /// <summary>The value that would stand at <paramref name="index"/> if the values were sorted (Hoare's selection; the values are
    /// rearranged).</summary>
    private static float Select(Span<float> values, int index)
    {
        int low = 0,
            high = values.Length - 1;
        while (low < high)
        {
            float pivot = values[(low + high) >>> 1];
            int i = low,
                j = high;
            while (i <= j)
            {
                while (values[i] < pivot)
                {
                    i++;
                }
                while (values[j] > pivot)
                {
                    j--;
                }
                if (i <= j)
                {
                    (values[i], values[j]) = (values[j], values[i]);
                    i++;
                    j--;
                }
            }
            if (index <= j)
            {
                high = j;
            }
            else if (index >= i)
            {
                low = i;
            }
            else
            {
                break;
            }
        }
        return values[index];
    }
}
