namespace Inkstone.Inference;

/// <summary>A text to make.</summary>
/// <param name="Prompt">at least one token</param>
/// <param name="Sampling">how tokens are chosen, and what ends the text</param>
public sealed record GenerationRequest(IReadOnlyList<int> Prompt, SamplingParams Sampling)
{
    /// <summary>Name of the adapter that the model wears for it; null: none.</summary>
    public string? Adapter { get; init; }

    /// <summary>How many of the likeliest tokens are told beside each that is chosen; null: log-probabilities are not wanted.</summary>
    public int? LogProbs { get; init; }

    /// <summary>Temperature of the distribution whose log-probabilities are told; 1: the model's own. Truncation and masks never
    /// count.</summary>
    public float LogProbTemperature { get; init; } = 1;

    /// <summary>First token of the prompt (from 1) whose log-probability is wanted, with those of all behind it; null: none are
    /// wanted.</summary>
    public int? PromptLogProbs { get; init; }

    /// <summary>Which tokens may come next; null: all. It follows one text and is used for this one only.</summary>
    public ITokenMask? Mask { get; init; }
}

/// <summary>Which tokens a grammar allows next, while it follows a text.</summary>
public interface ITokenMask
{
    /// <summary>Sets one bit for each token that may come next; the bits of all others are 0.</summary>
    /// <param name="allowed">⌈V / 64⌉ words, the lowest bit first</param>
    void Fill(Span<ulong> allowed);

    /// <summary>Goes on behind a token; false: it was not allowed, and nothing has changed.</summary>
    bool Accept(int id);

    /// <summary>Whether the text may end here.</summary>
    bool CanEnd { get; }

    /// <summary>Whether the text must end here: nothing else is allowed.</summary>
    bool IsFinished { get; }
}
