using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Inference;
using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Chat;

/// <summary>A conversation as the text that a model continues, with its tools and with the beginning of an answer where one is given or
/// forced.</summary>
internal sealed partial class ChatRendering(ChatPrompt prompt)
{
    /// <summary>How the template writes calls.</summary>
    public ToolForm ToolForm { get; } = ToolForm.Detect(prompt.Template?.Source);

    /// <summary>The prompt, and whether it has opened a thought.</summary>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    /// <exception cref="ArgumentException">The conversation makes no sense.</exception>
    public (string Text, bool InThought) Render(ChatRequest request)
    {
        JsonArray messages = request.Messages;
        JsonArray? tools = request.ToolChoice.Kind == ToolChoiceKind.None || request.Tools is not { Count: > 0 } ? null : request.Tools;
        string begun = "";
        bool continued =
            request.AddGenerationPrompt
            && messages is [.., JsonObject last]
            && (string?)last["role"] == "assistant"
            && last["tool_calls"] is null;
        if (continued)
        {
            // An answer that has begun is continued.
            begun = (string?)messages[^1]!["content"] ?? "";
            messages = [.. messages.Take(messages.Count - 1).Select(m => m!.DeepClone())];
            if (messages is [.., JsonObject before] && (string?)before["role"] == "assistant")
            {
                throw new ArgumentException(
                    "two answers of the assistant stand at the end of messages; there can be one, which is continued."
                );
            }
        }
        if (!ToolForm.Written)
        {
            (messages, tools) = (ToolsAsText.Write(messages, tools, request.ToolChoice.Kind == ToolChoiceKind.Required), null);
        }
        string text = RenderOrFold(messages, tools, request);
        Match opened = OpenThought().Match(text);
        bool forced = request.ToolChoice.Kind == ToolChoiceKind.Required || request.Constraint is not null || continued;
        if (opened.Success && forced)
        {
            text += text.EndsWith('\n') ? "\n</think>\n\n" : "\n\n</think>\n\n"; // what is forced is no thought
        }
        return (text + begun, opened.Success && !forced);
    }

    /// <summary>Templates that know no system message get it as the beginning of the user's first message.</summary>
    private string RenderOrFold(JsonArray messages, JsonArray? tools, ChatRequest request)
    {
        try
        {
            return prompt.Render(messages, tools, request.Variables, request.AddGenerationPrompt);
        }
        catch (TemplateException)
            when (messages is [JsonObject first, JsonObject second, ..]
                && (string?)first["role"] == "system"
                && (string?)second["role"] == "user"
            )
        {
            JsonArray folded = [.. messages.Skip(1).Select(m => m!.DeepClone())];
            folded[0]!["content"] = $"{(string?)first["content"]}\n\n{(string?)second["content"]}";
            return prompt.Render(folded, tools, request.Variables, request.AddGenerationPrompt);
        }
    }

    [GeneratedRegex(@"<think>\s*\z", RegexOptions.CultureInvariant)]
    private static partial Regex OpenThought();
}
