using System.Text.Json.Nodes;

namespace Inkstone.Training;

/// <summary>An answer that is judged.</summary>
/// <param name="Prompt">what the model saw, as text</param>
/// <param name="Answer">what it wrote, without the token that ends it</param>
/// <param name="Row">the record that the prompt was read from, all of its keys</param>
internal sealed record JudgedAnswer(string Prompt, string Answer, JsonObject Row)
{
    private const string EndOfThinking = "</think>";

    /// <summary>Tokens of the prompt.</summary>
    public IReadOnlyList<int> PromptIds { get; init; } = [];

    /// <summary>Tokens of the answer, the one that ends it included.</summary>
    public IReadOnlyList<int> AnswerIds { get; init; } = [];

    /// <summary>The answer behind its thoughts.</summary>
    public string Said =>
        Answer.LastIndexOf(EndOfThinking, StringComparison.Ordinal) is >= 0 and int at ? Answer[(at + EndOfThinking.Length)..] : Answer;

    /// <summary>What the record says under a key; null where it says nothing.</summary>
    public string? Wanted(string key) =>
        Row[key] is not { } node ? null
        : node is JsonValue value && value.TryGetValue(out string? text) ? text
        : node.ToJsonString();
}

/// <summary>A function that says how good answers are. One thread at a time.</summary>
internal interface IReward : IDisposable
{
    /// <summary>A number for each answer; null: there is nothing to say about it.</summary>
    /// <exception cref="InvalidDataException">It cannot judge at all; the message is one sentence.</exception>
    double?[] Score(IReadOnlyList<JudgedAnswer> answers);

    /// <summary>Answers so far that it failed to judge, such as those for which a server said 500.</summary>
    long Failed => 0;

    /// <inheritdoc/>
    void IDisposable.Dispose() => GC.SuppressFinalize(this);
}

/// <summary>A reward that looks at one answer at a time.</summary>
/// <param name="of">the number of an answer; null: there is nothing to say about it</param>
internal sealed class EachReward(Func<JudgedAnswer, double?> of) : IReward
{
    /// <inheritdoc/>
    public double?[] Score(IReadOnlyList<JudgedAnswer> answers) => [.. answers.Select(of)];
}
