namespace Inkstone.Inference;

/// <summary>A text that an engine is making.</summary>
public sealed class Generation
{
    /// <summary>What it was asked for.</summary>
    public GenerationRequest Request => throw new NotImplementedException();

    /// <summary>Tokens so far; those that end the text are not among them.</summary>
    public IReadOnlyList<int> Ids => throw new NotImplementedException();

    /// <summary>Why it ended; null: it has not.</summary>
    public FinishReason? FinishReason => throw new NotImplementedException();

    /// <summary>The stop text or end token that ended it; null where something else did.</summary>
    public string? StopText => throw new NotImplementedException();

    /// <summary>Tokens of the prompt that were not computed because another text had begun alike.</summary>
    public int CachedTokens => throw new NotImplementedException();

    /// <summary>Log-probabilities of the prompt's tokens from the second on, where they were asked for.</summary>
    public IReadOnlyList<TokenLogProb> PromptLogProbs => throw new NotImplementedException();

    /// <summary>Ends it at once and frees its memory; its reader sees the end with <see cref="Inference.FinishReason.Cancelled"/>.</summary>
    public void Cancel() => throw new NotImplementedException();

    /// <summary>Tokens as they come, until the text ends. One reader. Cancelling the token cancels the text.</summary>
    /// <exception cref="InvalidOperationException">The engine failed; the message says how.</exception>
    public IAsyncEnumerable<GenerationOutput> ReadAllAsync(CancellationToken cancelled = default) => throw new NotImplementedException();
}
