using System.Text.RegularExpressions;
using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>
/// Templates of reasoning models whose generation prompt opens (or opens and closes) a thought, as in <c>assistant⏎&lt;think&gt;⏎</c>,
/// though the conversation that
/// is rendered afterwards has no such beginning. What the model writes then goes on within the thought.
/// </summary>
internal static partial class OpenedThought
{
    private const int ShownLength = 40;

    /// <summary>What the model writes behind the generation prompt.</summary>
    /// <param name="before">the conversation before the answer, with the generation prompt</param>
    /// <param name="after">the conversation with the answer; it does not begin with the former</param>
    /// <param name="message">the answer</param>
    /// <param name="index">which message that is</param>
    /// <exception cref="InvalidDataException">The answer has nothing to close the thought with, or the two renderings differ
    /// otherwise.</exception>
    public static string Answer(string before, string after, Value message, int index)
    {
        Match opening = Opening().Match(before);
        if (opening.Length == 0 || !after.StartsWith(before[..opening.Index], StringComparison.Ordinal))
        {
            int same = before.AsSpan().CommonPrefixLength(after);
            throw new InvalidDataException(
                $"message {index} cannot be learned: the generation prompt of the chat template goes on with {Shown(before[same..])} where the answer is rendered as {Shown(after[same..])}, "
                    + "so a model would be taught what it is never asked; use another template, or other template variables."
            );
        }
        string shown = after[opening.Index..],
            tag = opening.Groups["opened"].Value;
        if (tag.Length == 0)
        {
            return opening.Groups["closed"] is { Length: > 0 } closed && shown.StartsWith($"<{closed.Value}>", StringComparison.Ordinal)
                ? throw new InvalidDataException(
                    $"message {index} cannot be learned: the generation prompt of the chat template ends in {Shown(opening.Value)}, so a model is asked not to think, and this answer has a thought; "
                        + "leave its reasoning out, or change the template variables."
                )
                : shown;
        }
        string close = $"</{tag}>";
        if (shown.Contains(close, StringComparison.Ordinal))
        {
            return WithoutTag(shown, tag);
        }
        // The template leaves the thought out of what it shows; the message may still have it.
        string content = Text(message, "content")?.TrimStart() ?? "";
        int end = content.IndexOf(close, StringComparison.Ordinal);
        string? thought =
            end >= 0 ? WithoutTag(content[..end], tag)
            : Text(message, "reasoning_content") is { Length: > 0 } reasoning ? reasoning.Trim('\n') + "\n"
            : null;
        if (thought is null)
        {
            throw new InvalidDataException(
                $"message {index} cannot be learned: the generation prompt of the chat template ends in {Shown(opening.Value)}, and this answer has no {close}; "
                    + $"give the message its thought (reasoning_content, or {close} in its content), or use a template, or template variables, whose prompt opens none."
            );
        }
        string space = shown.Length > 0 && char.IsWhiteSpace(shown[0]) ? "" : "\n\n";
        return thought + close + space + shown;
    }

    private static string WithoutTag(string text, string tag) =>
        text.StartsWith($"<{tag}>", StringComparison.Ordinal) ? text[(tag.Length + 2)..].TrimStart('\n') : text;

    private static string? Text(Value message, string key) => message.Item(new StringValue(key)) is StringValue text ? text.Content : null;

    private static string Shown(string text) =>
        "'" + (text.Length > ShownLength ? text[..ShownLength] + "…" : text).Replace("\n", "⏎", StringComparison.Ordinal) + "'";

    /// <summary>An opened thought, a closed one, or the end of one, at the end of a text; "opened" and "closed" are the names of their
    /// tags.</summary>
    [GeneratedRegex(@"(?:<(?<opened>[\w:-]+)>\s*\z|(?:<(?<closed>[\w:-]+)>\s*)?</[\w:-]+>\s*\z|\z)", RegexOptions.CultureInvariant)]
    private static partial Regex Opening();
}
