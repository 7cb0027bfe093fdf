using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>
/// A conversation as tokens that a model continues: by the tokenizer's chat template; without one as ChatML, when <c>&lt;|im_start|&gt;</c>
/// is in the
/// vocabulary; otherwise as questions and answers line by line, in the language of the question, which a model that was only pretrained
/// continues best.
/// </summary>
public sealed class ChatPrompt
{
    private const string Open = "<|im_start|>",
        Close = "<|im_end|>";

    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate? _template;
    private readonly JsonObject? _variables;

    /// <summary>Chooses the form.</summary>
    /// <param name="tokenizer">whose template counts</param>
    /// <param name="variables">further variables of the template, such as enable_thinking</param>
    public ChatPrompt(Tokenizer tokenizer, JsonObject? variables = null)
    {
        (_tokenizer, _variables) = (tokenizer, variables);
        bool chatMl = tokenizer.TokenToId(Open) is not null && tokenizer.TokenToId(Close) is not null;
        ChatTemplate? own = ChatTemplate.TryFor(tokenizer);
        if (own is null && variables is { Count: > 0 })
        {
            throw new InvalidDataException(
                $"the tokenizer has no chat template, so there is nothing that the variable {variables.First().Key} could change; add a chat_template.jinja beside the model's tokenizer.json."
            );
        }
        _template = own ?? (chatMl ? new ChatTemplate(ChatTemplate.ChatMl) : null);
        IReadOnlyList<string> ends =
            own is not null ? own.EndOfTurn(tokenizer)
            : chatMl ? [Close, Open]
            : [];
        EndTokens = [.. ends.Select(tokenizer.TokenToId).OfType<int>()];
        Stops = _template is null ? ["\n"] : [];
        Manner = own is not null
            ? null
            : "the tokenizer has no chat template, so the conversation is written "
                + (chatMl ? "as ChatML" : "as questions and answers, line by line");
    }

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EndTokens { get; }

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> Stops { get; }

    /// <summary>What is done for want of a chat template; null when there is one.</summary>
    public string? Manner { get; }

    /// <summary>The template; null: the conversation is written line by line.</summary>
    public ChatTemplate? Template => _template;

    /// <summary>The tokens up to the answer to the last of <paramref name="messages"/>.</summary>
    /// <exception cref="InvalidDataException">A message is not an object with a role.</exception>
    public int[] Encode(JsonArray messages) => Encode(Render(messages));

    /// <summary>The tokens of a rendered conversation. A template writes the special tokens that it wants; without one the tokenizer adds
    /// its own.</summary>
    public int[] Encode(string rendered) => _tokenizer.Encode(rendered, addSpecialTokens: _template is null);

    /// <summary>The conversation as text.</summary>
    /// <param name="messages">objects with role and content</param>
    /// <param name="tools">functions that may be called, for templates that know tools</param>
    /// <param name="variables">further variables of the template, before those of this prompt</param>
    /// <param name="addGenerationPrompt">end where the assistant's answer begins</param>
    /// <exception cref="InvalidDataException">A message is not an object with a role.</exception>
    public string Render(JsonArray messages, JsonArray? tools = null, JsonObject? variables = null, bool addGenerationPrompt = true)
    {
        if (messages.Any(message => message is not JsonObject || message["role"] is not JsonValue role || !role.TryGetValue(out string? _)))
        {
            throw new InvalidDataException(
                "the messages of a conversation must be a JSON array of objects, each with a role and a content."
            );
        }
        return _template is null ? Lines(messages) : _template.Render(messages, tools, addGenerationPrompt, variables ?? _variables);
    }

    /// <summary>The same; the oldest turns (a user's message and what follows up to the next) are left out until <paramref name="room"/>
    /// tokens are free in <paramref name="context"/>.</summary>
    public (int[] Ids, int DroppedTurns) Encode(JsonArray messages, int context, int room)
    {
        int[] ids = Encode(messages);
        int dropped = 0;
        while (ids.Length + room > context && WithoutOldestTurn(messages) is { } shorter)
        {
            (messages, dropped) = (shorter, dropped + 1);
            ids = Encode(messages);
        }
        return (ids, dropped);
    }

    /// <summary>Null where the last turn is the only one.</summary>
    private static JsonArray? WithoutOldestTurn(JsonArray messages)
    {
        int first = IndexOfUser(messages, 0),
            second = first < 0 ? -1 : IndexOfUser(messages, first + 1);
        return second < 0 ? null : [.. messages.Take(first).Concat(messages.Skip(second)).Select(message => message!.DeepClone())];
    }

    private static int IndexOfUser(JsonArray messages, int from)
    {
        while (from < messages.Count && Role(messages[from]) != "user")
        {
            from++;
        }
        return from < messages.Count ? from : -1;
    }

    private static string Lines(JsonArray messages) =>
        string.Concat(
            messages.Select(message =>
                (Role(message), Content(message!)) switch
                {
                    ("user", string question) => question.Any(c => c is >= '\u4e00' and <= '\u9fff')
                        ? $"问：{question}\n答："
                        : $"Q: {question}\nA:",
                    (_, string text) => text + "\n",
                }
            )
        );

    private static string Content(JsonNode message) =>
        message["content"] is JsonValue value && value.TryGetValue(out string? text)
            ? text
            : throw new InvalidDataException(
                $"the content of a message must be a text where the tokenizer has no chat template, it is {message["content"]?.ToJsonString() ?? "missing"}."
            );

    private static string? Role(JsonNode? message) => (string?)message?["role"];
}
