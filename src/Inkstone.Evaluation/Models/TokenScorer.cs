using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Evaluation;

/// <summary>Log-likelihoods of tokens behind tokens, many requests side by side; what they have in common is computed once when they are
/// asked in the order of their tokens.</summary>
/// <param name="model">the model</param>
/// <param name="maxLength">most tokens that are fed; what is too much is cut from a context's beginning</param>
/// <param name="sharing">compute common beginnings once</param>
internal sealed class TokenScorer(CausalLm model, int maxLength, bool sharing = true)
{
    private const int AtOnce = 32;

    /// <summary>Σ log p of each continuation, and whether each of its tokens is the likeliest.</summary>
    /// <exception cref="InvalidDataException">A continuation alone is too long.</exception>
    public LogLikelihood[] Score(ScoredTokens[] requests, Action? answered, CancellationToken cancelled)
    {
        int[][] rows = [.. requests.Select(Row)];
        LogLikelihood[] found = new LogLikelihood[rows.Length];
        using Engine engine = new(
            model,
            null,
            new EngineOptions
            {
                MaxSequences = AtOnce,
                PrefixSharing = sharing,
                MaxLength = Math.Min(model.MaxPositionEmbeddings, rows.Select(r => r.Length).DefaultIfEmpty(1).Max()),
            }
        );
        Queue<int> waiting = new(
            Enumerable.Range(0, rows.Length).OrderBy(i => rows[i], Comparer<int[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))
        );
        List<(int Number, Generation Generation)> running = [];
        while (waiting.Count + running.Count > 0)
        {
            cancelled.ThrowIfCancellationRequested();
            while (running.Count < AtOnce && waiting.TryDequeue(out int next))
            {
                int first = rows[next].Length - requests[next].Continuation.Length;
                if (rows[next].Length > engine.MaxLength)
                {
                    found[next] = Alone(rows[next], first);
                    answered?.Invoke();
                    continue;
                }
                running.Add(
                    (
                        next,
                        engine.Add(
                            new GenerationRequest(rows[next], new SamplingParams(Temperature: 0, MaxTokens: 0)) { PromptLogProbs = first }
                        )
                    )
                );
            }
            _ = engine.Step();
            foreach ((int number, Generation generation) in running.Where(r => r.Generation.FinishReason is not null))
            {
                found[number] = new LogLikelihood(
                    generation.PromptLogProbs.Sum(t => (double)t.LogProb),
                    generation.PromptLogProbs.All(t => t.IsLikeliest)
                );
                answered?.Invoke();
            }
            running.RemoveAll(r => r.Generation.FinishReason is not null);
        }
        return found;
    }

    /// <summary>Σ log p of the continuation, by the op that perplexity is measured with: long texts share nothing, and need not know what
    /// is likeliest.</summary>
    public double Sum(ScoredTokens tokens)
    {
        int[] row = Row(tokens);
        int fed = row.Length - 1;
        using StepScope step = model.Device.Step();
        Shape shape = new(1, fed);
        Tensor hidden = model.Hidden(model.Device.Rent(shape, row.AsSpan(0, fed)), ForwardContext.Rows(model.Device, 1, fed));
        float[] logs = new float[fed];
        model.TokenLogProbs(hidden, model.Device.Rent(shape, row.AsSpan(1))).CopyTo(logs);
        double sum = 0;
        foreach (float log in logs.AsSpan(fed - tokens.Continuation.Length))
        {
            sum += log;
        }
        return sum;
    }

    /// <summary>All tokens, the last of which need not be fed.</summary>
    private int[] Row(ScoredTokens tokens)
    {
        if (tokens.Continuation.Length > maxLength)
        {
            throw new InvalidDataException(
                $"a continuation has {tokens.Continuation.Length} tokens, and the model's context holds {maxLength}; shorten it, or raise --max-length."
            );
        }
        int[] whole = [.. tokens.Context, .. tokens.Continuation];
        return whole[Math.Max(0, whole.Length - maxLength - 1)..];
    }

    /// <summary>A row that fills the whole context, whose last token has no place in it and is not fed.</summary>
    private LogLikelihood Alone(int[] row, int first)
    {
        const int Rows = 64;
        using StepScope step = model.Device.Step();
        int fed = row.Length - 1;
        Tensor hidden = model.Hidden(model.Device.Rent(new Shape(1, fed), row.AsSpan(0, fed)), ForwardContext.Rows(model.Device, 1, fed)); // [1, T, C]
        double sum = 0;
        bool greedy = true;
        float[] of = new float[model.VocabSize];
        for (int from = first - 1; from < fed; from += Rows)
        {
            int count = Math.Min(Rows, fed - from);
            Tensor logits = model.Logits(Ops.GatherRows(hidden, model.Device.Rent(new Shape(count), [.. Enumerable.Range(from, count)]))); // [n, V]
            for (int i = 0; i < count; i++)
            {
                logits.CopyTo(of, (long)(i) * of.Length);
                double largest = double.NegativeInfinity,
                    total = 0;
                int best = 0,
                    label = row[from + i + 1];
                for (int v = 0; v < of.Length; v++)
                {
                    (best, largest) = of[v] > largest ? (v, of[v]) : (best, largest);
                }
                foreach (float logit in of)
                {
                    total += Math.Exp(logit - largest);
                }
                sum += of[label] - largest - Math.Log(total);
                greedy &= best == label;
            }
        }
        return new LogLikelihood(sum, greedy);
    }
}
