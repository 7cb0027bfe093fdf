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
        int[] ids = Tokens(messages.Elements.Count, false);
        bool[] learned = new bool[ids.Length];
        for (int i = 0; i < messages.Elements.Count; i++)
        {
            if (messages.Elements[i].Item(new StringValue("role")) is StringValue { Content: "assistant" })
            {
                int[] before = Tokens(i, true), after = i + 1 == messages.Elements.Count ? ids : Tokens(i + 1, false);
                if (!after.AsSpan().StartsWith(before) || !ids.AsSpan().StartsWith(after))
                {
                    throw new InvalidDataException($"Message {i} has no loss mask: the chat template renders the conversation up to it differently when more follows; train on each turn by itself or use another template.");
                }
                learned.AsSpan(before.Length..after.Length).Fill(true);
            }
        }
        return new MaskedConversation(ids, learned);

        int[] Tokens(int count, bool addGenerationPrompt)
            => tokenizer.Encode(template.Render(new ListValue([.. messages.Elements.Take(count)]), tools, addGenerationPrompt, more), addSpecialTokens: false);
    }
}
