namespace Inkstone.Inference;

/// <summary>Changes of logits that depend on the tokens so far, with the rules of transformers' processors and of the OpenAI API.</summary>
internal sealed class Penalties(int vocabSize)
{
    private readonly int[] _counts = new int[vocabSize];

    /// <summary>Tokens seen become less likely: score / penalty where positive, score · penalty where negative; once, however often they
    /// were seen.</summary>
    public void Repetition(Span<float> logits, ReadOnlySpan<int> ids, float penalty)
    {
        Count(ids);
        foreach (int id in ids)
        {
            if (_counts[id] > 0)
            {
                logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
                _counts[id] = 0;
            }
        }
    }

    /// <summary>score − count · frequency − (count > 0) · presence.</summary>
    public void Occurrence(Span<float> logits, ReadOnlySpan<int> output, float frequency, float presence)
    {
        Count(output);
        foreach (int id in output)
        {
            if (_counts[id] > 0)
            {
                logits[id] -= _counts[id] * frequency + presence;
                _counts[id] = 0;
            }
        }
    }

    /// <summary>Forbids every token that followed an earlier occurrence of the last n − 1 tokens.</summary>
    public static void NoRepeatNgram(Span<float> logits, ReadOnlySpan<int> ids, int n)
    {
        if (ids.Length < n)
        {
            return;
        }
        ReadOnlySpan<int> tail = ids[^(n - 1)..];
        for (int i = 0; i + n <= ids.Length; i++)
        {
            if (ids.Slice(i, n - 1).SequenceEqual(tail))
            {
                logits[ids[i + n - 1]] = float.NegativeInfinity;
            }
        }
    }

    private void Count(ReadOnlySpan<int> ids)
    {
        foreach (int id in ids)
        {
            _counts[id]++;
        }
    }
}
