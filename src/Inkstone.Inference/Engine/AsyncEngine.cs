using Inkstone.Models;
using Inkstone.Text;

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

    /// <summary>Tokens that caches have room for; 0: as much as the machine's memory allows, at most what <see cref="MaxSequences"/> texts of full length need.</summary>
    public int CacheTokens { get; init; }

    /// <summary>Adapters that requests may choose: names and PEFT directories.</summary>
    public IReadOnlyDictionary<string, string> Adapters { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether what prompts have in common is computed once.</summary>
    public bool PrefixSharing { get; init; } = true;
}

/// <summary>What an engine is doing.</summary>
/// <param name="Running">texts that are being made</param>
/// <param name="Waiting">texts that wait</param>
/// <param name="CacheTokens">tokens that caches have room for</param>
/// <param name="CacheTokensUsed">tokens that running texts hold</param>
/// <param name="PromptTokens">of all prompts so far, those found in caches included</param>
/// <param name="CachedTokens">those found in caches</param>
/// <param name="GeneratedTokens">of all texts so far</param>
/// <param name="Preemptions">texts that had to give up their memory for a while</param>
/// <param name="Steps">forward passes</param>
public readonly record struct EngineStatistics(int Running, int Waiting, long CacheTokens, long CacheTokensUsed, long PromptTokens, long CachedTokens, long GeneratedTokens, long Preemptions, long Steps);

/// <summary>How hidden states become one vector of a text.</summary>
public enum Pooling
{
    /// <summary>Mean over all tokens.</summary>
    Mean,

    /// <summary>That of the last token.</summary>
    Last,
}

/// <summary>An engine with a thread of its own: requests from any thread, answers as they are made.</summary>
public sealed class AsyncEngine : IAsyncDisposable
{
    /// <summary>Starts it. Model and tokenizer stay the caller's.</summary>
    public AsyncEngine(CausalLm model, Tokenizer tokenizer, EngineOptions? options = null) => throw new NotImplementedException();

    /// <summary>The model.</summary>
    public CausalLm Model => throw new NotImplementedException();

    /// <summary>The model's tokenizer.</summary>
    public Tokenizer Tokenizer => throw new NotImplementedException();

    /// <summary>What it may hold and compute at once.</summary>
    public EngineOptions Options => throw new NotImplementedException();

    /// <summary>Names of the adapters that requests may choose.</summary>
    public IReadOnlyList<string> Adapters => throw new NotImplementedException();

    /// <summary>What it is doing.</summary>
    public EngineStatistics Statistics => throw new NotImplementedException();

    /// <summary>Takes a request.</summary>
    /// <exception cref="ArgumentException">The request makes no sense for this model, such as a prompt longer than its context.</exception>
    /// <exception cref="EngineBusyException">As many texts wait already as may.</exception>
    public Generation Submit(GenerationRequest request) => throw new NotImplementedException();

    /// <summary>A text as a vector of the model's hidden size, of length 1.</summary>
    public Task<float[]> EmbedAsync(IReadOnlyList<int> ids, Pooling pooling, CancellationToken cancelled = default) => throw new NotImplementedException();

    /// <summary>Takes nothing more and waits for what runs; what has not ended by then is cancelled.</summary>
    public Task DrainAsync(TimeSpan atMost) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

/// <summary>As many requests wait as may: try again later.</summary>
public sealed class EngineBusyException(string message) : Exception(message);
