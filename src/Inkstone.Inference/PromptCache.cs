using Inkstone.Models;

namespace Inkstone.Inference;

/// <summary>
/// What a model has computed of the last text, kept for the next one: where both begin alike only the rest is computed. Recurrent layers, and windows that
/// have moved on, cannot go back: then the next text is computed from its beginning, unless it goes on where the last one ended.
/// </summary>
public sealed class PromptCache(CausalLm model) : IDisposable
{
    private readonly SequenceCache _cache = model.NewCache(model.MaxPositionEmbeddings);
    private int[] _ids = [];

    /// <summary>Tokens of the last prompt that were not computed again.</summary>
    public int Reused { get; private set; }

    /// <summary>The cache, holding at most all but the last token of <paramref name="prompt"/>: that one's logits are wanted.</summary>
    internal SequenceCache Resume(ReadOnlySpan<int> prompt)
    {
        // Where positions depend on the length of the text, another length is another text.
        int common = model.CacheSurvives(_ids.Length, prompt.Length) ? _ids.AsSpan().CommonPrefixLength(prompt) : 0;
        Reused = _cache.Truncate(Math.Min(common, prompt.Length - 1));
        _ids = [];
        return _cache;
    }

    /// <summary>Remembers which tokens the cache holds.</summary>
    internal void Hold(ReadOnlySpan<int> ids) => _ids = ids[.._cache.Length].ToArray();

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();
}
