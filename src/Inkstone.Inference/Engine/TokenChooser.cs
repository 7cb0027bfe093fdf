using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>The next token of a text from logits, and log-probabilities where they are wanted. Its memory is made once.</summary>
internal sealed class TokenChooser(int vocabSize, Sampler sampler)
{
    private readonly float[] _logits = new float[vocabSize],
        _exponentials = new float[vocabSize];
    private readonly ulong[] _allowed = new ulong[(vocabSize + 63) / 64];

    /// <summary>Chooses by row <paramref name="row"/> of [n, V].</summary>
    public void Next(Tensor logits, int row, Generation g)
    {
        logits.CopyTo(_logits, (long)row * vocabSize);
        SamplingParams p = g.Sampling;
        int? wanted = g.Request.LogProbs;
        float temperature = g.Request.LogProbTemperature;
        double logSum = wanted is null ? 0 : LogSum(temperature);
        TokenLogProb[] top = wanted is > 0 and int count ? Likeliest(Math.Min(count, vocabSize), logSum, temperature) : [];
        if (wanted is not null)
        {
            // The distribution as the model has it; the sampler changes it.
            int id = Choose(g, p, logits, row, out float chosen);
            g.Add(id, (float)(chosen / temperature - logSum), top);
            return;
        }
        g.Add(Choose(g, p, logits, row, out _), float.NaN, top);
    }

    /// <summary>Log-probability of a token by row <paramref name="row"/>.</summary>
    public TokenLogProb LogProb(Tensor logits, int row, int id)
    {
        logits.CopyTo(_logits, (long)row * vocabSize);
        float own = _logits[id];
        bool likeliest = true;
        for (int i = 0; i < _logits.Length && likeliest; i++)
        {
            likeliest = _logits[i] < own || (_logits[i] == own && i >= id) || i == id;
        }
        return new TokenLogProb(id, (float)(own - LogSum()), likeliest);
    }

    private int Choose(Generation g, SamplingParams p, Tensor logits, int row, out float raw)
    {
        if (g.Request.Mask is { } mask)
        {
            ApplyMask(mask, p);
        }
        int id = sampler.Next(_logits, g.Known, g.PromptLength, p);
        raw = logits.Item((long)row * vocabSize + id);
        if (g.Request.Mask is { } follows && !p.StopTokenIds.Contains(id) && !follows.Accept(id))
        {
            throw new InvalidOperationException($"the grammar allowed token {id} and did not take it");
        }
        return id;
    }

    /// <summary>Drops what the grammar does not allow; tokens that end the text are allowed where the grammar may end.</summary>
    private void ApplyMask(ITokenMask mask, SamplingParams p)
    {
        mask.Fill(_allowed);
        for (int i = 0; i < p.StopTokenIds.Count; i++)
        {
            int end = p.StopTokenIds[i];
            if ((uint)end < (uint)vocabSize)
            {
                _allowed[end / 64] = mask.CanEnd ? _allowed[end / 64] | 1UL << end : _allowed[end / 64] & ~(1UL << end);
            }
        }
        for (int word = 0; word < _allowed.Length; word++)
        {
            if (_allowed[word] == ulong.MaxValue)
            {
                continue;
            }
            int end = Math.Min(vocabSize, 64 * (word + 1));
            for (int i = 64 * word; i < end; i++)
            {
                _logits[i] = (_allowed[word] >> i & 1) == 0 ? float.NegativeInfinity : _logits[i];
            }
        }
    }

    private double LogSum(float temperature = 1)
    {
        double sum = LogitRow.Exponentials(_logits, temperature, _exponentials, out float max);
        return max / temperature + Math.Log(sum);
    }

    /// <summary>The largest logits in falling order; of equal ones the first.</summary>
    private TokenLogProb[] Likeliest(int count, double logSum, float temperature)
    {
        TokenLogProb[] top = new TokenLogProb[count];
        int held = 0;
        for (int i = 0; i < _logits.Length; i++)
        {
            if (held == count && !(_logits[i] > top[held - 1].LogProb))
            {
                continue;
            }
            int at = held < count ? held++ : held - 1;
            for (; at > 0 && top[at - 1].LogProb < _logits[i]; at--)
            {
                top[at] = top[at - 1];
            }
            top[at] = new TokenLogProb(i, _logits[i], at == 0);
        }
        for (int i = 0; i < held; i++)
        {
            top[i] = new TokenLogProb(top[i].Id, (float)(top[i].LogProb / temperature - logSum), i == 0);
        }
        return top[..held];
    }
}
