using System.Numerics.Tensors;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>
/// Chooses the next token from logits: penalties, forbidden tokens, temperature, top-k, top-p, min-p, typical, epsilon, then a draw; the
/// order of transformers.
/// Its memory is made once, so choosing allocates nothing.
/// </summary>
public sealed class Sampler(int vocabSize)
{
    private readonly Penalties _penalties = new(vocabSize);
    private readonly Truncation _truncation = new(vocabSize);

    /// <summary>Applies everything but the draw, in place.</summary>
    /// <param name="logits">[V]</param>
    /// <param name="ids">prompt and output so far</param>
    /// <param name="promptLength">how many of them are the prompt</param>
    /// <param name="p">settings; where they are greedy the scale is left as it is</param>
    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int promptLength, SamplingParams p)
    {
        if (p.LogitBias.Count > 0)
        {
            Bias(logits, p.LogitBias);
        }
        if (p.RepetitionPenalty != 1)
        {
            _penalties.Repetition(logits, ids, p.RepetitionPenalty);
        }
        if (p.FrequencyPenalty != 0 || p.PresencePenalty != 0)
        {
            _penalties.Occurrence(logits, ids[promptLength..], p.FrequencyPenalty, p.PresencePenalty);
        }
        if (p.NoRepeatNgramSize > 0)
        {
            Penalties.NoRepeatNgram(logits, ids, p.NoRepeatNgramSize);
        }
        Forbidden.Apply(logits, ids, promptLength, p);
        if (p.IsGreedy)
        {
            return;
        }
        if (p.Temperature != 1)
        {
            TensorPrimitives.Divide(logits, p.Temperature, logits);
        }
        Truncate(logits, p);
    }

    /// <summary>The next token. <paramref name="logits"/> are changed.</summary>
    public int Next(Span<float> logits, ReadOnlySpan<int> ids, int promptLength, SamplingParams p)
    {
        Process(logits, ids, promptLength, p);
        if (p.IsGreedy)
        {
            return LogitRow.Likeliest(logits);
        }
        // The i-th draw of a seed is one number, whatever was drawn before: a text can be resumed, and a batch changes nothing.
        double point = new PhiloxRandom(p.Seed, 0).UniformDouble((ulong)(ids.Length - promptLength));
        return _truncation.Sample(logits, point);
    }

    private static void Bias(Span<float> logits, IReadOnlyDictionary<int, float> biases)
    {
        foreach ((int id, float bias) in biases)
        {
            if ((uint)id < (uint)logits.Length)
            {
                logits[id] += bias;
            }
        }
    }

    private void Truncate(Span<float> logits, SamplingParams p)
    {
        if (p.TopK > 0)
        {
            _truncation.TopK(logits, p.TopK);
        }
        if (p.TopP < 1)
        {
            _truncation.TopP(logits, p.TopP);
        }
        if (p.MinP > 0)
        {
            _truncation.MinP(logits, p.MinP);
        }
        if (p.TypicalP < 1)
        {
            _truncation.Typical(logits, p.TypicalP);
        }
        if (p.EpsilonCutoff > 0)
        {
            _truncation.Epsilon(logits, p.EpsilonCutoff);
        }
    }
}
