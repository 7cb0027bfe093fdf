using System.Runtime.Intrinsics;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Evaluation;

/// <summary>
/// Log-likelihoods of tokens behind tokens. What the last request had in common with the next is kept in the cache, so requests are best asked in the order of their tokens.
/// </summary>
internal sealed class TokenScorer(CausalLm model) : IDisposable
{
    private const int FedAtOnce = 512, ScoredAtOnce = 32;

    private readonly SequenceCache _cache = model.NewCache(model.MaxPositionEmbeddings);
    private int[] _held = [];

    /// <summary>Σ log p of the continuation, and, where that is asked for, whether each of its tokens is the likeliest.</summary>
    /// <param name="tokens">context and continuation</param>
    /// <param name="withGreedy">look for the likeliest tokens too, which needs all logits; long texts are scored without</param>
    /// <param name="maxLength">most tokens that are fed; what is too much is cut from the context's beginning</param>
    /// <exception cref="InvalidDataException">The continuation alone is too long.</exception>
    public LogLikelihood Score(ScoredTokens tokens, int maxLength, bool withGreedy = true)
    {
        int scored = tokens.Continuation.Length;
        if (scored > maxLength)
        {
            throw new InvalidDataException($"a continuation has {scored} tokens, and the model's context holds {maxLength}; shorten it, or raise --max-length.");
        }
        int[] whole = [.. tokens.Context, .. tokens.Continuation];
        whole = whole[Math.Max(0, whole.Length - maxLength - 1)..];
        int fed = whole.Length - 1, first = fed - scored;
        int start = Resume(whole.AsSpan(0, fed), first);
        double sum = 0;
        bool greedy = true;
        while (start < fed)
        {
            int length = Math.Min(FedAtOnce, fed - start);
            using (model.Device.Step())
            {
                Tensor hidden = model.Hidden(model.Device.Rent(new Shape(1, length), whole.AsSpan(start, length)), ForwardContext.Next(_cache, length, fed));   // [1, T, C]
                for (int row = Math.Max(0, first - start); row < length; row += ScoredAtOnce)
                {
                    int rows = Math.Min(ScoredAtOnce, length - row);
                    Add(hidden, row, rows, whole.AsSpan(start + row + 1, rows), withGreedy, ref sum, ref greedy);
                }
            }
            start += length;
        }
        _held = whole[.._cache.Length];
        return new LogLikelihood(sum, greedy);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    /// <summary>How many tokens need not be fed again; those whose logits are wanted always are.</summary>
    private int Resume(ReadOnlySpan<int> fed, int firstWanted)
    {
        int common = model.CacheSurvives(_held.Length, fed.Length) ? Math.Min(_held.AsSpan().CommonPrefixLength(fed), firstWanted) : 0;
        _held = [];
        return _cache.Truncate(common);
    }

    private void Add(Tensor hidden, int row, int rows, ReadOnlySpan<int> labels, bool withGreedy, ref double sum, ref bool greedy)
    {
        int width = hidden.Shape.Last;
        Tensor wanted = model.Device.Rent(new Shape(rows, width));
        hidden.Span.Slice(row * width, rows * width).CopyTo(wanted.Span);
        if (!withGreedy)
        {
            foreach (float log in model.TokenLogProbs(wanted, model.Device.Rent(new Shape(rows), labels)).Span)
            {
                sum += log;
            }
            return;
        }
        ReadOnlySpan<float> logits = model.Logits(wanted).Span;                                 // [rows, V]
        int vocabulary = logits.Length / rows;
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<float> of = logits.Slice(i * vocabulary, vocabulary);
            int best = Largest(of);
            sum += of[labels[i]] - of[best] - Math.Log(SumOfExponentials(of, of[best]));
            greedy &= best == labels[i];
        }
    }

    /// <summary>The place of the first of the largest.</summary>
    private static int Largest(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    /// <summary>Σ exp(value − largest), added up in double precision.</summary>
    private static double SumOfExponentials(ReadOnlySpan<float> values, float largest)
    {
        Vector512<double> low = Vector512<double>.Zero, high = Vector512<double>.Zero;
        Vector512<float> shift = Vector512.Create(largest);
        int i = 0;
        for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Create(values.Slice(i, Vector512<float>.Count)) - shift);
            (low, high) = (low + Vector512.Exp(a), high + Vector512.Exp(b));
        }
        double sum = Vector512.Sum(low + high);
        for (; i < values.Length; i++)
        {
            sum += Math.Exp(values[i] - largest);
        }
        return sum;
    }
}
