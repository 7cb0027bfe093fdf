using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-text token or a stop text.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the model's context, is used up.</summary>
    Length,
}

/// <summary>Makes one sequence, token by token: prefill of the prompt, then one forward pass per token over a cache of keys and values.</summary>
public sealed class Generator(CausalLm model)
{
    /// <summary>Tokens per forward pass of the prompt; activations of a whole long prompt would need far more memory than the cache.</summary>
    private const int PrefillChunk = 512;

    private readonly Sampler _sampler = new(model.VocabSize);

    /// <summary>Why the last text ended.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>New tokens, as they come; end-of-text tokens are not among them.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="p">how tokens are chosen</param>
    /// <param name="useCache">false computes the whole sequence anew for each token: slow, the reference that the cache is tested against</param>
    public IEnumerable<int> Generate(IReadOnlyList<int> prompt, SamplingParams p, bool useCache = true)
    {
        int[] ids = CheckPrompt(prompt, p.Validate());
        using SequenceCache? cache = useCache ? model.NewCache(ids.Length) : null;
        FinishReason = FinishReason.Length;
        for (int count = prompt.Count; count < ids.Length; count++)
        {
            int next = Next(ids.AsSpan(0, count), prompt.Count, p, cache);
            if (!p.IgnoreEos && model.EosTokenIds.Contains(next))
            {
                FinishReason = FinishReason.Stop;
                yield break;
            }
            ids[count] = next;
            yield return next;
        }
    }

    /// <summary>The token after <paramref name="ids"/>; with a cache only those that it lacks are computed.</summary>
    private int Next(ReadOnlySpan<int> ids, int promptLength, SamplingParams p, SequenceCache? cache)
    {
        if (cache is not null && !model.CacheSurvives(cache.Length, ids.Length))
        {
            _ = cache.Truncate(0);
        }
        while (cache is not null && ids.Length - cache.Length > PrefillChunk)
        {
            using (model.Device.Step())
            {
                Tensor chunk = model.Device.Rent(new Shape(1, PrefillChunk), ids.Slice(cache.Length, PrefillChunk));
                _ = model.Hidden(chunk, ForwardContext.Next(cache, PrefillChunk, ids.Length));
            }
        }
        using (model.Device.Step())
        {
            ReadOnlySpan<int> rest = ids[(cache?.Length ?? 0)..];
            Tensor tokens = model.Device.Rent(new Shape(1, rest.Length), rest);
            ForwardContext ctx = cache is null ? ForwardContext.Rows(model.Device, 1, rest.Length) : ForwardContext.Next(cache, rest.Length, ids.Length);
            Tensor hidden = model.Hidden(tokens, ctx);                     // [1, T, C]
            Tensor last = model.Device.Rent(new Shape(1, hidden.Shape.Last));
            hidden.Span[^hidden.Shape.Last..].CopyTo(last.Span);
            return _sampler.Next(model.Logits(last).Span, ids, promptLength, p);
        }
    }

    /// <summary>The prompt with room for the output.</summary>
    private int[] CheckPrompt(IReadOnlyList<int> prompt, SamplingParams p)
    {
        if (prompt.Count == 0)
        {
            throw new ArgumentException("the prompt has no tokens; begin it with at least one.", nameof(prompt));
        }
        if (prompt.Count >= model.MaxPositionEmbeddings)
        {
            throw new ArgumentException($"the prompt has {prompt.Count} tokens, the model's context holds {model.MaxPositionEmbeddings} and one must be left; shorten it.", nameof(prompt));
        }
        int[] ids = new int[Math.Min(model.MaxPositionEmbeddings, (long)prompt.Count + p.MaxTokens)];
        for (int i = 0; i < prompt.Count; i++)
        {
            ids[i] = prompt[i] >= 0 && prompt[i] < model.VocabSize ? prompt[i]
                : throw new ArgumentException($"token {prompt[i]} of the prompt is outside the model's vocabulary of {model.VocabSize}.", nameof(prompt));
        }
        return ids;
    }
}
