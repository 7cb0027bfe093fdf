using Inkstone.Inference;

namespace Inkstone.Chat;

/// <summary>What a part of an answer is.</summary>
public enum PieceKind
{
    /// <summary>What the model thinks before it answers.</summary>
    Thought,

    /// <summary>The answer.</summary>
    Text,

    /// <summary>A tool is called; the text is its name.</summary>
    Call,

    /// <summary>The next part of the call's arguments, JSON.</summary>
    Arguments,

    /// <summary>The end of one answer.</summary>
    End,
}

/// <summary>Why an answer ended.</summary>
public enum AnswerEnd
{
    /// <summary>The model had said all, or a stop text came.</summary>
    Stop,

    /// <summary>The allowed number of tokens, or the context, was used up.</summary>
    Length,

    /// <summary>The model waits for the results of tools.</summary>
    Tools,

    /// <summary>It was no longer wanted.</summary>
    Cancelled,
}

/// <summary>A part of an answer, as it comes.</summary>
/// <param name="Choice">which of the answers, from 0</param>
/// <param name="Kind">what it is</param>
/// <param name="Text">text, name or JSON</param>
public sealed record AnswerPiece(int Choice, PieceKind Kind, string Text)
{
    /// <summary>Number of the call within its answer.</summary>
    public int Call { get; init; }

    /// <summary>The call's id, with <see cref="PieceKind.Call"/>.</summary>
    public string? CallId { get; init; }

    /// <summary>Of the tokens since the piece before, where log-probabilities were asked for.</summary>
    public IReadOnlyList<GenerationOutput> Tokens { get; init; } = [];

    /// <summary>With <see cref="PieceKind.End"/>.</summary>
    public AnswerEnd End { get; init; }

    /// <summary>The stop text that ended it, with <see cref="PieceKind.End"/>.</summary>
    public string? StopText { get; init; }
}
