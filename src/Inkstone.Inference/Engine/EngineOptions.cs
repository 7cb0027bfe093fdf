using Inkstone.Models;

namespace Inkstone.Inference;

/// <summary>How much an engine may hold and compute at once.</summary>
public sealed record EngineOptions
{
    /// <summary>Texts that are computed side by side.</summary>
    public int MaxSequences { get; init; } = 16;

    /// <summary>Texts that may wait; more are refused.</summary>
    public int MaxWaiting { get; init; } = 256;

    /// <summary>Tokens of one forward pass, of prompts and of texts together.</summary>
    public int MaxBatchTokens { get; init; } = 512;

    /// <summary>Tokens of prompt and output of the longest text; 0: the model's context.</summary>
    public int MaxLength { get; init; }

    /// <summary>Tokens that caches have room for; 0: what <see cref="MaxSequences"/> texts of full length need, or as much as the machine's
    /// memory allows.</summary>
    public long CacheTokens { get; init; }

    /// <summary>Directories of the adapters that requests may choose, by name (<see cref="GenerationRequest.Adapter"/>).</summary>
    public IReadOnlyDictionary<string, string> Adapters { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether what prompts have in common is computed once.</summary>
    public bool PrefixSharing { get; init; } = true;

    /// <summary>
    /// Tokens that are guessed from the text so far and computed together with the next one (arXiv:2211.17192); 0: none. Guesses that the
    /// sampler would not have chosen are thrown away,
    /// so texts stay the same. Layers that keep a state keep one for each guess too. Not where positions depend on the length of the text
    /// (<see cref="Engine.IsGuessing"/>).
    /// </summary>
    public int Guesses { get; init; }

    /// <summary>A smaller model with the same tokens, on the same device, that makes the guesses; null: they are looked up in the text so
    /// far. It stays the caller's.</summary>
    public CausalLm? Draft { get; init; }

    /// <summary>Whether the model's own module that predicts ahead (<see cref="IPredictsAhead"/>) makes the guesses.</summary>
    public bool GuessesAhead { get; init; }

    /// <summary>Whether what is computed of a text is kept until its next token; false computes all of it anew for each, one text at a
    /// time: slow, the reference that caches are tested against.</summary>
    public bool KeepsCache { get; init; } = true;
}

/// <summary>What an engine is doing.</summary>
/// <param name="Running">texts that are being made</param>
/// <param name="Waiting">texts that wait</param>
/// <param name="CacheTokens">tokens that caches have room for</param>
/// <param name="CacheTokensUsed">tokens that running texts hold, whole blocks counted</param>
/// <param name="PromptTokens">of all prompts so far, those found in caches included</param>
/// <param name="CachedTokens">those found in caches</param>
/// <param name="GeneratedTokens">of all texts so far</param>
/// <param name="Preemptions">texts that had to give up their memory for a while</param>
/// <param name="Steps">forward passes</param>
/// <param name="Guessed">tokens that were guessed</param>
/// <param name="Accepted">those that were right</param>
/// <param name="StepBytes">memory that forward passes use again and again</param>
public readonly record struct EngineStatistics(
    int Running,
    int Waiting,
    long CacheTokens,
    long CacheTokensUsed,
    long PromptTokens,
    long CachedTokens,
    long GeneratedTokens,
    long Preemptions,
    long Steps,
    long Guessed,
    long Accepted,
    long StepBytes
);

/// <summary>How hidden states become one vector of a text.</summary>
public enum Pooling
{
    /// <summary>Mean over all tokens.</summary>
    Mean,

    /// <summary>That of the last token.</summary>
    Last,
}

/// <summary>As many requests wait as may: try again later.</summary>
public sealed class EngineBusyException(string message) : Exception(message);
