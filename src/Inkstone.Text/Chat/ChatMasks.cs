using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>A conversation, or a part of one, as tokens, and which of them a model learns to write.</summary>
/// <param name="Ids">all tokens</param>
/// <param name="LossMask">true for what an assistant says, the token that ends its turn included</param>
public sealed record MaskedConversation(int[] Ids, bool[] LossMask);

/// <summary>Whether a conversation becomes one example, or one for each answer: the answer behind the conversation before it, rendered as a
/// model sees that when it answers.</summary>
public enum TurnSplitting
{
    /// <summary>One example, where the template renders a turn the same whatever follows, or marks what is learned; else one for each
    /// answer.</summary>
    Auto,

    /// <summary>One example for each answer.</summary>
    Always,

    /// <summary>One example; conversations for which that is not possible are refused.</summary>
    Never,
}

/// <summary>How conversations become examples.</summary>
/// <param name="Splitting">one example or several</param>
/// <param name="Everything">learn all tokens and not only what an assistant says</param>
/// <param name="Variables">further variables of the template</param>
public sealed record ChatMaskOptions(TurnSplitting Splitting = TurnSplitting.Auto, bool Everything = false, JsonObject? Variables = null);

/// <summary>
/// Conversations as examples. What is learned is what the template marks with <c>{% generation %}</c>; in a template without marks, what an
/// assistant's turn
/// adds to the conversation before it, rendered with the generation prompt. Messages whose own keys say so (<c>weight: 0</c>) are read and
/// not learned.
/// </summary>
public sealed class ChatMasks(ChatTemplate template, Tokenizer tokenizer, ChatMaskOptions? options = null)
{
    private const string ToolCalls = "tool_calls";

    private readonly ChatMaskOptions _options = options ?? new ChatMaskOptions();

    /// <summary>The examples of a conversation: one, or one for each answer that is learned.</summary>
    /// <param name="messages">objects with a role and a content</param>
    /// <param name="tools">the functions that the model may call</param>
    /// <param name="variables">variables of this conversation alone, which count more than those of the options</param>
    /// <exception cref="InvalidDataException">An answer cannot be told from what stands before it; the message says why.</exception>
    public IReadOnlyList<MaskedConversation> Mask(JsonArray messages, JsonArray? tools = null, JsonObject? variables = null) =>
        Mask(JsonValues.FromJson(messages), tools is null ? null : JsonValues.FromJson(tools), variables);

    /// <inheritdoc cref="Mask(JsonArray, JsonArray?, JsonObject?)"/>
    public IReadOnlyList<MaskedConversation> Mask(JsonElement messages, JsonElement? tools = null, JsonObject? variables = null) =>
        Mask(JsonValues.FromJson(messages), tools is null ? null : JsonValues.FromJson(tools.Value), variables);

    private IReadOnlyList<MaskedConversation> Mask(Value conversation, Value? tools, JsonObject? variables)
    {
        ListValue messages = ChatTemplate.Messages(conversation);
        ChatRenderings renderings = new(
            template,
            messages,
            tools,
            [.. ChatTemplate.Variables(_options.Variables), .. ChatTemplate.Variables(variables)]
        );
        int[] assistants =
        [
            .. Enumerable
                .Range(0, messages.Elements.Count)
                .Where(i => messages.Elements[i].Item(new StringValue("role")) is StringValue { Content: "assistant" }),
        ];
        HashSet<int> learned = [.. assistants.Where(i => MessageWeight.IsLearned(messages.Elements[i]))];
        if (
            assistants.FirstOrDefault(i => messages.Elements[i].Item(new StringValue(ToolCalls)) is { IsTrue: true }, -1)
                is >= 0
                    and var caller
            && !template.Names(ToolCalls, tools is not null)
        )
        {
            throw new InvalidDataException(
                $"message {caller} calls a tool, but the chat template does not write {ToolCalls}, so the call would be lost without a trace; use a template that does, or leave the conversation out."
            );
        }
        bool always = _options.Splitting == TurnSplitting.Always,
            marks = template.MarksGeneration(tools is not null) && !_options.Everything;
        if (always)
        {
            return [.. learned.Order().Select(i => marks ? Marked(renderings.Marked(i + 1), m => m == i) : Alone(renderings.Answer(i)))];
        }
        if (marks)
        {
            return
            [
                Marked(
                    renderings.Marked(messages.Elements.Count),
                    m => learned.Contains(m) || (m < 0 && (learned.Count == assistants.Length ? true : throw NoName()))
                ),
            ];
        }
        if (_options.Everything && learned.Count == assistants.Length)
        {
            return [Tokens([(renderings.Whole, true)])];
        }
        if (renderings.Nested(assistants) is { } turns)
        {
            return [InOne(renderings.Whole, turns, learned)];
        }
        return _options.Splitting == TurnSplitting.Auto && !_options.Everything
            ? [.. learned.Order().Select(i => Alone(renderings.Answer(i)))]
            : throw new InvalidDataException(
                "the conversation cannot be learned in one piece: the chat template renders early turns differently when more follows. "
                    + (
                        _options.Everything
                            ? "Messages that are not to be learned cannot be told from the others then; leave their weights out, or learn completions only."
                            : "Let it be split into one example for each answer."
                    )
            );
    }

    private static InvalidDataException NoName() =>
        new(
            "A message is not to be learned, but the chat template marks what is ({% generation %}) where no name stands for the message, so it cannot be told which; use a template without marks."
        );

    /// <summary>An answer behind what a model sees before it.</summary>
    private MaskedConversation Alone((string Before, string Answer) turn) =>
        Tokens([(turn.Before, _options.Everything), (turn.Answer, true)]);

    private MaskedConversation InOne(string whole, IReadOnlyList<AssistantTurn> turns, HashSet<int> learned)
    {
        List<(string, bool)> pieces = [];
        int at = 0;
        foreach (AssistantTurn turn in turns)
        {
            pieces.Add((whole[at..turn.Start], _options.Everything));
            pieces.Add((whole[turn.Start..turn.End], learned.Contains(turn.Message)));
            at = turn.End;
        }
        pieces.Add((whole[at..], _options.Everything));
        return Tokens(pieces);
    }

    private MaskedConversation Marked((string Text, IReadOnlyList<GenerationMark> Marks) rendered, Func<int, bool> isLearned)
    {
        List<(string, bool)> pieces = [];
        int at = 0;
        foreach (GenerationMark mark in rendered.Marks)
        {
            pieces.Add((rendered.Text[at..mark.Start], false));
            pieces.Add((rendered.Text[mark.Start..mark.End], isLearned(mark.Message)));
            at = mark.End;
        }
        pieces.Add((rendered.Text[at..], false));
        return Tokens(pieces);
    }

    /// <summary>
    /// Each piece's tokens by themselves. An answer that begins with a line break, say, may join the prompt's last one in a single token; a
    /// model that
    /// answers sees the prompt's tokens alone, so they must be the same here.
    /// </summary>
    private MaskedConversation Tokens(IEnumerable<(string Text, bool Learned)> pieces)
    {
        List<int> ids = [];
        List<bool> learned = [];
        foreach ((string text, bool learn) in pieces)
        {
            if (text.Length > 0)
            {
                ids.AddRange(
                    ids.Count == 0 ? tokenizer.Encode(text, addSpecialTokens: false) : tokenizer.EncodeContinuation(text, ids[^1])
                );
                learned.AddRange(Enumerable.Repeat(learn, ids.Count - learned.Count));
            }
        }
        return new MaskedConversation([.. ids], [.. learned]);
    }
}
