using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Jinja;

namespace Inkstone.Text;

/// <summary>
/// The Jinja template that turns a conversation into the text that a model was trained on, rendered as jinja2 does it in transformers.
/// All members may be called from several threads at once.
/// </summary>
public sealed partial class ChatTemplate
{
    /// <summary>ChatML: turns between &lt;|im_start|&gt; with the role and &lt;|im_end|&gt;; what an assistant says is marked for loss
    /// masks.</summary>
    public const string ChatMl =
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
        + "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private readonly IReadOnlyDictionary<string, Value> _specialTokens;
    private readonly Template _body;
    private readonly Template? _toolUse;

    /// <summary>Reads a template.</summary>
    /// <param name="source">the template</param>
    /// <param name="specialTokens">variables such as bos_token and eos_token</param>
    /// <param name="name">how complaints call the template</param>
    /// <exception cref="TemplateException">The template is not well-formed.</exception>
    public ChatTemplate(string source, IReadOnlyDictionary<string, string>? specialTokens = null, string name = "the chat template")
        : this(
            new ChatTemplateSource(
                name,
                source,
                null,
                (specialTokens ?? new Dictionary<string, string>()).ToDictionary(
                    t => t.Key,
                    Value (t) => new StringValue(t.Value),
                    StringComparer.Ordinal
                )
            )
        ) { }

    private ChatTemplate(ChatTemplateSource source)
    {
        _specialTokens = source.SpecialTokens;
        _body = Template.Parse(source.Template, source.Name);
        _toolUse = source.ToolUse is null ? null : Template.Parse(source.ToolUse, source.Name);
    }

    /// <summary>The template's text.</summary>
    public string Source => _body.Source;

    /// <summary>What strftime_now asks for the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Reads a tokenizer's directory, a tokenizer_config.json, or a file that is a template.</summary>
    public static ChatTemplate Read(string path) => new(ChatTemplateSource.Read(path));

    /// <summary>The template that travels with a tokenizer.</summary>
    /// <exception cref="InvalidDataException">The tokenizer has none.</exception>
    public static ChatTemplate For(Tokenizer tokenizer) =>
        TryFor(tokenizer)
        ?? throw new InvalidDataException(
            "the tokenizer has no chat template; add a chat_template.jinja beside its tokenizer.json, or name a template: --template chatml is built in."
        );

    /// <summary>The template that travels with a tokenizer, or null.</summary>
    public static ChatTemplate? TryFor(Tokenizer tokenizer) =>
        ChatTemplateSource.Choose(
            tokenizer.ConfigJson,
            "tokenizer_config.json",
            tokenizer.SeparateChatTemplate,
            "chat_template.jinja",
            null
        )
            is { } source
            ? new ChatTemplate(source)
            : null;

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">objects with a role and a content; other members are the template's business</param>
    /// <param name="tools">the functions that the model may call, as JSON schemas</param>
    /// <param name="addGenerationPrompt">end where the assistant's answer begins</param>
    /// <param name="variables">further variables, such as enable_thinking</param>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    public string Render(JsonArray messages, JsonArray? tools = null, bool addGenerationPrompt = false, JsonObject? variables = null) =>
        Render(
            Messages(JsonValues.FromJson(messages)),
            tools is null ? null : JsonValues.FromJson(tools),
            addGenerationPrompt,
            Variables(variables)
        );

    /// <summary>The text of a conversation.</summary>
    /// <inheritdoc cref="Render(JsonArray, JsonArray?, bool, JsonObject?)"/>
    public string Render(JsonElement messages, JsonElement? tools = null, bool addGenerationPrompt = false, JsonObject? variables = null) =>
        Render(
            Messages(JsonValues.FromJson(messages)),
            tools is null ? null : JsonValues.FromJson(tools.Value),
            addGenerationPrompt,
            Variables(variables)
        );

    /// <summary>Tokens that end an assistant's turn: the added token that the template puts behind an answer, and the tokenizer's end
    /// token.</summary>
    public IReadOnlyList<string> EndOfTurn(Tokenizer tokenizer)
    {
        const string answer = "answer";
        List<string> ends = tokenizer.EosId is { } eos ? [tokenizer.IdToToken(eos)] : [];
        try
        {
            string text = Render(
                new JsonArray(
                    new JsonObject { ["role"] = "user", ["content"] = "question" },
                    new JsonObject { ["role"] = "assistant", ["content"] = answer }
                )
            );
            string behind = text[(text.LastIndexOf(answer, StringComparison.Ordinal) + answer.Length)..];
            if (
                tokenizer.Encode(behind, addSpecialTokens: false).Where(tokenizer.IsAdded).Select(tokenizer.IdToToken).FirstOrDefault()
                    is { } end
                && !ends.Contains(end)
            )
            {
                ends.Insert(0, end);
            }
        }
        catch (TemplateException)
        {
            // A template that refuses such a conversation leaves only the tokenizer's own word.
        }
        return ends;
    }

    /// <summary>
    /// Texts such as <c>&lt;|im_start|&gt;</c> that the template writes around a question and an answer and that look like special tokens,
    /// but are none of the tokenizer's:
    /// it cuts them into pieces, and a model has to learn each piece.
    /// </summary>
    public IReadOnlyList<string> SplitSpecialTokens(Tokenizer tokenizer)
    {
        try
        {
            string text = Render(
                [
                    (JsonNode)new JsonObject { ["role"] = "user", ["content"] = "question" },
                    (JsonNode)new JsonObject { ["role"] = "assistant", ["content"] = "answer" },
                ],
                addGenerationPrompt: true
            );
            return
            [
                .. LooksSpecial()
                    .Matches(text)
                    .Select(m => m.Value)
                    .Distinct()
                    .Where(t => tokenizer.TokenToId(t) is not { } id || !tokenizer.IsAdded(id)),
            ];
        }
        catch (TemplateException)
        {
            return []; // what it does with real conversations will be seen
        }
    }

    [GeneratedRegex(@"<\|[^|<>\s]+\|>|<｜[^｜<>\s]+｜>|</?s>|<(?:start|end)_of_turn>", RegexOptions.CultureInvariant)]
    private static partial Regex LooksSpecial();

    internal static ListValue Messages(Value messages) =>
        messages as ListValue is { } list && list.Elements.All(m => m is DictValue)
            ? list
            : throw new InvalidDataException(
                "the messages of a conversation must be a JSON array of objects, each with a role and a content."
            );

    internal static IReadOnlyList<KeyValuePair<string, Value>> Variables(JsonObject? variables) =>
        variables is null ? [] : [.. variables.Select(v => KeyValuePair.Create(v.Key, JsonValues.FromJson(v.Value)))];

    /// <summary>Whether the template marks what an assistant says.</summary>
    internal bool MarksGeneration(bool withTools) => Body(withTools).MarksGeneration;

    /// <summary>Whether the template knows a key of messages, or writes messages as they are.</summary>
    internal bool Names(string key, bool withTools)
    {
        string source = Body(withTools).Source;
        return source.Contains(key, StringComparison.Ordinal) || WholeMessage().IsMatch(source);
    }

    [GeneratedRegex(@"\b(?:message|m|msg|messages)\s*\|\s*(?:tojson|items|dictsort)|\.items\(", RegexOptions.CultureInvariant)]
    private static partial Regex WholeMessage();

    /// <summary>The text of a conversation, and which parts of it the template marks as an assistant's.</summary>
    internal (string Text, IReadOnlyList<GenerationMark> Marks) RenderMarked(
        ListValue messages,
        Value? tools,
        IReadOnlyList<KeyValuePair<string, Value>> variables
    ) => Body(tools is not null).RenderMarked([.. Names(messages, tools, false, variables)], messages.Elements, Clock);

    internal string Render(
        ListValue messages,
        Value? tools,
        bool addGenerationPrompt,
        IReadOnlyList<KeyValuePair<string, Value>> variables
    ) => Body(tools is not null).Render(Names(messages, tools, addGenerationPrompt, variables), Clock);

    private IEnumerable<KeyValuePair<string, Value>> Names(
        ListValue messages,
        Value? tools,
        bool addGenerationPrompt,
        IReadOnlyList<KeyValuePair<string, Value>> variables
    ) =>
        [
            // None, not undefined: so transformers calls every template.
            KeyValuePair.Create("tools", tools ?? NoneValue.None),
            KeyValuePair.Create<string, Value>("documents", NoneValue.None),
            KeyValuePair.Create<string, Value>("messages", messages),
            KeyValuePair.Create<string, Value>("add_generation_prompt", BoolValue.FromBoolean(addGenerationPrompt)),
            .. _specialTokens,
            .. variables,
        ];

    private Template Body(bool withTools) => withTools ? _toolUse ?? _body : _body;
}
