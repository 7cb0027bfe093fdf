using System.Text.Json.Nodes;

namespace Inkstone.Evaluation;

/// <summary>What a model is asked.</summary>
/// <param name="Id">the prompt's id</param>
/// <param name="Messages">objects with role and content</param>
/// <param name="Schema">JSON Schema that the answer is held to; null leaves it free</param>
/// <param name="Temperature">0 takes the likeliest token</param>
/// <param name="TopP">share of probability that is drawn from</param>
/// <param name="MaxTokens">most tokens</param>
/// <param name="Seed">of what is drawn</param>
public sealed record StructuredRequest(
    string Id,
    JsonArray Messages,
    string? Schema,
    double Temperature,
    double TopP,
    int MaxTokens,
    ulong Seed
);

/// <summary>What a model answered.</summary>
/// <param name="Text">the answer, without thoughts</param>
/// <param name="Seconds">from asking to the end, while others were answered beside it; null where nobody measured</param>
/// <param name="Tokens">tokens that it has; null where nobody says</param>
/// <param name="End">stop or length; null where nobody says</param>
public sealed record StructuredAnswer(string Text, double? Seconds, int? Tokens, string? End)
{
    /// <summary>What the model had been shown, where a file of answers tells.</summary>
    public string? Prompt { get; init; }
}

/// <summary>A model that answers.</summary>
public interface IStructuredModel
{
    /// <summary>What tables call it.</summary>
    string Name { get; }

    /// <summary>Answers; may be called again before it has.</summary>
    /// <param name="request">the question</param>
    /// <param name="cancelled">ends it</param>
    /// <exception cref="InvalidDataException">The model cannot be asked, or not held to a schema.</exception>
    Task<StructuredAnswer> AnswerAsync(StructuredRequest request, CancellationToken cancelled);
}
