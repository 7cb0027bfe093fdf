using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A part of a prompt: a chat message, or a piece of text with what stands behind it.</summary>
/// <param name="Role">system, user or assistant</param>
/// <param name="Content">its text</param>
/// <param name="Delimiter">what follows it where no chat template is applied</param>
internal sealed record PromptPart(string Role, string Content, string Delimiter = "")
{
    public static string Text(IEnumerable<PromptPart> parts) => string.Concat(parts.Select(p => p.Content + p.Delimiter));

    /// <summary>Parts as messages of a conversation, or all questions and answers as one message of the user.</summary>
    public static IReadOnlyList<PromptPart> Messages(IReadOnlyList<PromptPart> parts, bool multiturn)
    {
        if (multiturn)
        {
            return parts;
        }
        List<PromptPart> messages = [.. parts.Where(p => p.Role == "system").Take(1)];
        List<PromptPart> rest = [.. parts.Skip(messages.Count)];
        PromptPart? begun = rest[^1].Role == "assistant" ? rest[^1] : null;
        if (begun is not null)
        {
            rest.RemoveAt(rest.Count - 1);
        }
        rest[^1] = rest[^1] with { Delimiter = "" };
        messages.Add(new PromptPart("user", Text(rest)));
        if (begun is not null)
        {
            messages.Add(begun);
        }
        return messages;
    }

    /// <summary>Two texts with a delimiter between them, unless a blank is there already or one of them is empty.</summary>
    public static string Joined(string? first, string? second, string delimiter) =>
        string.IsNullOrEmpty(first) ? second ?? ""
        : string.IsNullOrEmpty(second) ? first
        : first + (NeedsDelimiter(first, second) ? delimiter : "") + second;

    public static bool NeedsDelimiter(string first, string second) =>
        first.Length > 0 && !(PythonText.IsSpace(first[^1]) || PythonText.IsSpace(second[0]));

    public static bool EndsInBlank(string text) => text.Length > 0 && PythonText.IsSpace(text[^1]);
}
