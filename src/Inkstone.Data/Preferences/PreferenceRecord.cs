using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>A prompt with an answer that is preferred and one that is not, or with one answer that is good or bad: texts, or messages in
/// the form that chat templates take.</summary>
/// <param name="Prompt">what is asked; empty where the answers begin from nothing</param>
/// <param name="Answers">the preferred answer and the other one, or a single one</param>
/// <param name="Good">whether a single answer is good</param>
/// <param name="Margin">how much better the preferred one is, where the data say so</param>
/// <param name="Tools">tools that the assistant may call, or null</param>
/// <param name="TemplateVariables">variables of the chat template for this record alone, or null</param>
/// <param name="Place">where it was read, for messages to the user</param>
public sealed record PreferenceRecord(
    TextOrMessages Prompt,
    IReadOnlyList<TextOrMessages> Answers,
    bool Good,
    double? Margin,
    JsonArray? Tools,
    JsonObject? TemplateVariables,
    string Place
)
{
    /// <summary>Whether prompt and answers are messages.</summary>
    public bool IsConversation => Answers[0].Messages is not null;
}

/// <summary>A text, or messages.</summary>
/// <param name="Text">the text, where it is one</param>
/// <param name="Messages">the messages, where it is those</param>
public readonly record struct TextOrMessages(string Text, JsonArray? Messages = null)
{
    /// <summary>One text that is equal for equal contents.</summary>
    public string Key => Messages?.ToJsonString() ?? Text;

    /// <summary>Whether nothing is said.</summary>
    public bool IsEmpty =>
        Messages is null
            ? Text.Length == 0
            : Messages.Count == 0
                || Messages.All(m =>
                    string.IsNullOrWhiteSpace((string?)m!["content"]) && m["tool_calls"] is null && !ChatMessage.HasReasoning(m)
                );
}
