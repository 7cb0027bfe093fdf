namespace Inkstone.Inference;

/// <summary>Tokens that may not come next, with the rules of transformers' processors.</summary>
internal static class Forbidden
{
    /// <summary>Sets the logits of forbidden tokens to −∞.</summary>
    public static void Apply(Span<float> logits, ReadOnlySpan<int> ids, int promptLength, SamplingParams p)
    {
        for (int i = 0; i < p.BadWords.Count; i++)
        {
            int[] word = p.BadWords[i];
            if (ids.EndsWith(word.AsSpan(0, word.Length - 1)))
            {
                Drop(logits, word[^1]);
            }
        }
        Drop(logits, p.SuppressTokens);
        if (ids.Length == promptLength)
        {
            Drop(logits, p.BeginSuppressTokens);
        }
        if (ids.Length - promptLength < p.MinNewTokens)
        {
            Drop(logits, p.StopTokenIds);
        }
    }

    private static void Drop(Span<float> logits, IReadOnlyList<int> ids)
    {
        for (int i = 0; i < ids.Count; i++)
        {
            Drop(logits, ids[i]);
        }
    }

    /// <summary>Lists are written for the tokenizer, whose ids may go beyond the model's.</summary>
    private static void Drop(Span<float> logits, int id)
    {
        if ((uint)id < (uint)logits.Length)
        {
            logits[id] = float.NegativeInfinity;
        }
    }
}
