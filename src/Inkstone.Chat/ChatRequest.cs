using System.Text.Json.Nodes;
using Inkstone.Inference;

namespace Inkstone.Chat;

/// <summary>Which tools a model may or must call.</summary>
/// <param name="Kind">none, if it likes, or at least one</param>
/// <param name="Name">the one that must be called</param>
public readonly record struct ToolChoice(ToolChoiceKind Kind, string? Name = null);

/// <summary>Whether tools may or must be called.</summary>
public enum ToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>None is called.</summary>
    None,

    /// <summary>One is called.</summary>
    Required,
}

/// <summary>What the text of an answer has to be.</summary>
public abstract record AnswerConstraint
{
    /// <summary>Any JSON object.</summary>
    public sealed record Json : AnswerConstraint;

    /// <summary>JSON that a schema accepts.</summary>
    /// <param name="Document">JSON Schema</param>
    public sealed record Schema(string Document) : AnswerConstraint
    {
        /// <summary>Whether at most one blank stands between two parts: what nobody reads needs no layout.</summary>
        internal bool Compact { get; init; }
    }

    /// <summary>A text that a regular expression matches as a whole.</summary>
    /// <param name="Pattern">the expression</param>
    public sealed record Regex(string Pattern) : AnswerConstraint;

    /// <summary>One of several texts.</summary>
    /// <param name="Texts">the texts</param>
    public sealed record Choice(IReadOnlyList<string> Texts) : AnswerConstraint;

    /// <summary>A text that a grammar in GBNF makes.</summary>
    /// <param name="Text">the grammar</param>
    public sealed record Grammar(string Text) : AnswerConstraint;

    /// <summary>Any text in which each call of a tool is a valid one.</summary>
    /// <param name="Opens">marker before a call</param>
    /// <param name="Closes">marker behind it</param>
    /// <param name="Document">JSON Schema of a call</param>
    internal sealed record Calls(string Opens, string Closes, string Document) : AnswerConstraint;
}

/// <summary>A conversation to answer.</summary>
/// <param name="Messages">objects with role (system, user, assistant, tool) and content; tool_calls with arguments as objects</param>
/// <param name="Sampling">how tokens are chosen; what ends an answer by the template is added</param>
public sealed record ChatRequest(JsonArray Messages, SamplingParams Sampling)
{
    /// <summary>Functions that may be called, as <c>{"type": "function", "function": {name, description, parameters}}</c>.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>Whether they may or must be called.</summary>
    public ToolChoice ToolChoice { get; init; }

    /// <summary>Whether one answer may call several.</summary>
    public bool ParallelCalls { get; init; } = true;

    /// <summary>Further variables of the template, such as enable_thinking.</summary>
    public JsonObject? Variables { get; init; }

    /// <summary>What the answer has to be; null: anything.</summary>
    public AnswerConstraint? Constraint { get; init; }

    /// <summary>Whether thoughts are told apart from the answer.</summary>
    public bool SplitThoughts { get; init; } = true;

    /// <summary>Whether the prompt ends where an answer begins.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Number of answers, each with a seed of its own.</summary>
    public int Count { get; init; } = 1;

    /// <summary>How many of the likeliest tokens are told beside each; null: none.</summary>
    public int? LogProbs { get; init; }

    /// <summary>The adapter that the model wears.</summary>
    public string? Adapter { get; init; }
}
