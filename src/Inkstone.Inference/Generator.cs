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

    /// <summary>New tokens, as they come; tokens that end the text are not among them.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="p">how tokens are chosen</param>
    /// <param name="useCache">false computes the whole sequence anew for each token: slow, the reference that the cache is tested against</param>
    /// <param name="cancelled">looked at before each part of the prompt and each token</param>
    public IEnumerable<int> Generate(IReadOnlyList<int> prompt, SamplingParams p, bool useCache = true, CancellationToken cancelled = default)
    {
        int[] ids = CheckPrompt(prompt, p.Validate());
        using SequenceCache? cache = useCache ? model.NewCache(ids.Length) : null;
        foreach (int id in Generate(ids, prompt.Count, p, cache, cancelled))
        {
            yield return id;
        }
    }

    /// <summary>The same; what <paramref name="kept"/> holds of a text that began alike is not computed again.</summary>
    /// <inheritdoc cref="Generate(IReadOnlyList{int}, SamplingParams, bool, CancellationToken)"/>
    public IEnumerable<int> Generate(IReadOnlyList<int> prompt, SamplingParams p, PromptCache kept, CancellationToken cancelled = default)
    {
        int[] ids = CheckPrompt(prompt, p.Validate());
        SequenceCache cache = kept.Resume(ids.AsSpan(0, prompt.Count));
        try
        {
            foreach (int id in Generate(ids, prompt.Count, p, cache, cancelled))
            {
                yield return id;
            }
        }
        finally
        {
            kept.Hold(ids);
        }
    }

    private IEnumerable<int> Generate(int[] ids, int promptLength, SamplingParams p, SequenceCache? cache, CancellationToken cancelled)
    {
        p = p.IgnoreEos ? p : p with { StopTokenIds = [.. p.StopTokenIds, .. model.EosTokenIds] };
        FinishReason = FinishReason.Length;
        GrammarLogitMask? mask = p.Grammar is null ? null : new GrammarLogitMask(p.Grammar, p.StopTokenIds);
        for (int count = promptLength; count < ids.Length; count++)
        {
            if (mask is { MustEnd: true })
            {
                FinishReason = FinishReason.Stop;
                yield break;
            }
            int next = Next(ids.AsSpan(0, count), promptLength, p, mask, cache, cancelled);
            if (p.StopTokenIds.Contains(next))
            {
                FinishReason = FinishReason.Stop;
                yield break;
            }
            mask?.Accept(next);
            ids[count] = next;
            yield return next;
        }
    }

    /// <summary>The token after <paramref name="ids"/>; with a cache only those that it lacks are computed.</summary>
    private int Next(ReadOnlySpan<int> ids, int promptLength, SamplingParams p, ILogitMask? mask, SequenceCache? cache, CancellationToken cancelled)
    {
        cancelled.ThrowIfCancellationRequested();
        if (cache is not null && !model.CacheSurvives(cache.Length, ids.Length))
        {
            _ = cache.Truncate(0);
        }
        while (cache is not null && ids.Length - cache.Length > PrefillChunk)
        {
            cancelled.ThrowIfCancellationRequested();
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
            return _sampler.Next(model.Logits(last).Span, ids, promptLength, p, mask);
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
        if (p.MaxLength <= prompt.Count)
        {
            throw new ArgumentException($"the prompt has {prompt.Count} tokens, but generation_config.json allows prompt and output max_length {p.MaxLength} together; say --max-tokens N.", nameof(prompt));
        }
        int[] ids = new int[Math.Min(Math.Min(model.MaxPositionEmbeddings, p.MaxLength ?? int.MaxValue), (long)prompt.Count + p.MaxTokens)];
        for (int i = 0; i < prompt.Count; i++)
        {
            ids[i] = prompt[i] >= 0 && prompt[i] < model.VocabSize ? prompt[i]
                : throw new ArgumentException($"token {prompt[i]} of the prompt is outside the model's vocabulary of {model.VocabSize}.", nameof(prompt));
        }
        return ids;
    }
}
