using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text;

/// <summary>A conversation as tokens, and which of them a model learns to write.</summary>
/// <param name="Ids">tokens of the whole conversation</param>
/// <param name="Learned">true for what an assistant says, the token that ends its turn included</param>
public sealed record MaskedConversation(int[] Ids, bool[] Learned);

/// <summary>
/// Loss masks by prefix difference: what an assistant's turn adds to the conversation, when the conversation before it is rendered with the
/// generation prompt, is what a model must write. That is right for every template whose renderings nest, and for no other.
/// </summary>
public sealed class ChatMasks(ChatTemplate template, Tokenizer tokenizer)
{
    /// <summary>Tokens and mask of a conversation.</summary>
    /// <exception cref="InvalidDataException">The template renders an early part of the conversation differently when more follows.</exception>
    public MaskedConversation Of(JsonArray messages, JsonArray? tools = null, JsonObject? variables = null)
        => Of(JsonValues.Of(messages), tools is null ? null : JsonValues.Of(tools), variables);

    /// <inheritdoc cref="Of(JsonArray, JsonArray?, JsonObject?)"/>
    public MaskedConversation Of(JsonElement messages, JsonElement? tools = null, JsonObject? variables = null)
        => Of(JsonValues.Of(messages), tools is null ? null : JsonValues.Of(tools.Value), variables);

    private MaskedConversation Of(Value conversation, Value? tools, JsonObject? variables)
    {
        ListValue messages = ChatTemplate.Messages(conversation);
        IReadOnlyList<KeyValuePair<string, Value>> more = ChatTemplate.Variables(variables);
        string whole = Render(messages.Elements.Count, false);
        List<(string Before, string After)> turns = [];
        for (int i = 0; i < messages.Elements.Count; i++)
        {
            if (messages.Elements[i].Item(new StringValue("role")) is StringValue { Content: "assistant" })
            {
                string before = Render(i, true), after = i + 1 == messages.Elements.Count ? whole : Render(i + 1, false);
                if (!after.StartsWith(before, StringComparison.Ordinal) || !whole.StartsWith(after, StringComparison.Ordinal))
                {
                    throw new InvalidDataException($"Message {i} has no loss mask: the chat template renders the conversation up to it differently when more follows; train on each turn by itself or use another template.");
                }
                turns.Add((before, after));
            }
        }
        return Nested(whole, turns) ?? InPieces(whole, turns);

        string Render(int count, bool addGenerationPrompt)
            => template.Render(new ListValue([.. messages.Elements.Take(count)]), tools, addGenerationPrompt, more);
    }

    /// <summary>The tokens of the whole text, when those of every part of it are their beginning; null when a token reaches over the border of a turn.</summary>
    private MaskedConversation? Nested(string whole, List<(string Before, string After)> turns)
    {
        int[] ids = Encode(whole);
        bool[] learned = new bool[ids.Length];
        foreach ((string before, string after) in turns)
        {
            int[] first = Encode(before), last = after.Length == whole.Length ? ids : Encode(after);
            if (!last.AsSpan().StartsWith(first) || !ids.AsSpan().StartsWith(last))
            {
                return null;
            }
            learned.AsSpan(first.Length..last.Length).Fill(true);
        }
        return new MaskedConversation(ids, learned);
    }

    /// <summary>
    /// Each turn's tokens by themselves. An answer that begins with a line break, say, may join the prompt's last one in a single token; a model that
    /// answers sees the prompt's tokens alone, so they must be the same here.
    /// </summary>
    private MaskedConversation InPieces(string whole, List<(string Before, string After)> turns)
    {
        List<int> ids = [];
        List<bool> learned = [];
        int at = 0;
        foreach ((string before, string after) in turns)
        {
            Add(before.Length, false);
            Add(after.Length, true);
        }
        Add(whole.Length, false);
        return new MaskedConversation([.. ids], [.. learned]);

        void Add(int end, bool learn)
        {
            ids.AddRange(Encode(whole[at..end]));
            learned.AddRange(Enumerable.Repeat(learn, ids.Count - learned.Count));
            at = end;
        }
    }

    private int[] Encode(string text) => text.Length == 0 ? [] : tokenizer.Encode(text, addSpecialTokens: false);
}
