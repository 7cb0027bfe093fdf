using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>Where an assistant's turn lies in the text of its whole conversation.</summary>
/// <param name="Message">index of the message</param>
/// <param name="Start">its first character, behind the generation prompt</param>
/// <param name="End">behind its last character</param>
internal readonly record struct AssistantTurn(int Message, int Start, int End);

/// <summary>A conversation as its template renders it: whole, and up to each answer.</summary>
internal sealed class ChatRenderings(
    ChatTemplate template,
    ListValue messages,
    Value? tools,
    IReadOnlyList<KeyValuePair<string, Value>> variables
)
{
    private string? _whole;

    /// <summary>All of it.</summary>
    public string Whole => _whole ??= Render(messages.Elements.Count, false);

    /// <summary>The first <paramref name="count"/> messages, and what the template marks in them.</summary>
    public (string Text, IReadOnlyList<GenerationMark> Marks) Marked(int count) => template.RenderMarked(First(count), tools, variables);

    /// <summary>The assistants' turns, when the renderings up to each, with the generation prompt, and behind each are all beginnings of
    /// the whole; else null.</summary>
    public IReadOnlyList<AssistantTurn>? Nested(IEnumerable<int> assistants)
    {
        List<AssistantTurn> turns = [];
        foreach (int i in assistants)
        {
            string before = Render(i, true),
                after = Behind(i);
            if (!after.StartsWith(before, StringComparison.Ordinal) || !Whole.StartsWith(after, StringComparison.Ordinal))
            {
                return null;
            }
            turns.Add(new AssistantTurn(i, before.Length, after.Length));
        }
        return turns;
    }

    /// <summary>What a model sees before it writes message <paramref name="index"/>, and what it writes.</summary>
    /// <exception cref="InvalidDataException">The message holds nothing that goes on behind the generation prompt.</exception>
    public (string Before, string Answer) Answer(int index)
    {
        string before = Render(index, true),
            after = Behind(index);
        return (
            before,
            after.StartsWith(before, StringComparison.Ordinal)
                ? after[before.Length..]
                : BehindPrompt(index, before, after) ?? OpenedThought.Answer(before, after, messages.Elements[index], index)
        );
    }

    /// <summary>What stands behind the last generation prompt, where the template writes that before the answer too but renders what comes
    /// before it otherwise; else null.</summary>
    private string? BehindPrompt(int index, string before, string after)
    {
        string history = Render(index, false),
            prompt = before.StartsWith(history, StringComparison.Ordinal) ? before[history.Length..] : "";
        int at = after.LastIndexOf(prompt, StringComparison.Ordinal);
        bool inContent =
            messages.Elements[index].Item(new StringValue("content")) is StringValue content
            && content.Content.Contains(prompt, StringComparison.Ordinal);
        return prompt.Length > 0 && at >= 0 && !inContent ? after[(at + prompt.Length)..] : null;
    }

    private string Behind(int index) => index + 1 == messages.Elements.Count ? Whole : Render(index + 1, false);

    private string Render(int count, bool addGenerationPrompt) => template.Render(First(count), tools, addGenerationPrompt, variables);

    private ListValue First(int count) => count == messages.Elements.Count ? messages : new ListValue([.. messages.Elements.Take(count)]);
}
