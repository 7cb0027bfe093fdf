using System.Text.Json.Nodes;
using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Evaluation;

/// <summary>A model's chat template as prompts are rendered by it.</summary>
public static class ChatRendering
{
    /// <summary>Renders conversations; a last message that stays open ends where its text ends. A template that refuses a system message is
    /// given the conversation without it.</summary>
    /// <param name="template">the template</param>
    /// <param name="warn">hears once that system messages are left out</param>
    public static ChatRenderer Create(ChatTemplate template, Action<string>? warn = null)
    {
        bool told = false;
        return (messages, addGenerationPrompt) =>
        {
            try
            {
                return Render(template, messages, addGenerationPrompt);
            }
            catch (TemplateException) when (messages.Any(m => m.Role == "system"))
            {
                if (!told)
                {
                    told = true;
                    warn?.Invoke("the chat template refuses a system message; instruction and description are left out");
                }
                return Render(template, [.. messages.Where(m => m.Role != "system")], addGenerationPrompt);
            }
        };
    }

    private static string Render(ChatTemplate template, IReadOnlyList<PromptMessage> messages, bool addGenerationPrompt)
    {
        string text = template.Render(
            [.. messages.Select(m => (JsonNode)new JsonObject { ["role"] = m.Role, ["content"] = m.Content })],
            addGenerationPrompt: addGenerationPrompt
        );
        if (addGenerationPrompt)
        {
            return text;
        }
        string last = messages[^1].Content,
            bare = PythonText.Strip(last, null);
        int at = text.LastIndexOf(bare, StringComparison.Ordinal);
        return at < 0
            ? throw new InvalidDataException(
                "the chat template does not write the beginning of the answer as it is, so the answer cannot go on behind it; leave gen_prefix out, or the chat template."
            )
            : text[..(at + (string.CompareOrdinal(text, at, last, 0, last.Length) == 0 ? last.Length : bare.Length))];
    }
}
