using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Inkstone.Text;

/// <summary>
/// The Jinja template that turns a conversation into the text that a model was trained on, rendered as jinja2 does it in transformers.
/// All members may be called from several threads at once.
/// </summary>
public sealed partial class ChatTemplate
{
    /// <summary>ChatML: turns between &lt;|im_start|&gt; with the role and &lt;|im_end|&gt;; what an assistant says is marked for loss masks.</summary>
    public const string ChatMl = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
        + "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private readonly string _name;
    private readonly IReadOnlyDictionary<string, Value> _specialTokens;
    private readonly ParsedTemplate _body;
    private readonly ParsedTemplate? _toolUse;
    private readonly string? _toolUseSource;

    /// <summary>Reads a template.</summary>
    /// <param name="source">the template</param>
    /// <param name="specialTokens">variables such as bos_token and eos_token</param>
    /// <param name="name">how complaints call the template</param>
    /// <exception cref="TemplateException">The template is not well-formed.</exception>
    public ChatTemplate(string source, IReadOnlyDictionary<string, string>? specialTokens = null, string name = "the chat template")
        : this(new ChatTemplateSource(name, source, null, (specialTokens ?? new Dictionary<string, string>()).ToDictionary(t => t.Key, Value (t) => new StringValue(t.Value), StringComparer.Ordinal)))
    {
    }

    private ChatTemplate(ChatTemplateSource source)
    {
        (_name, Source, _specialTokens) = (source.Name, source.Template, source.SpecialTokens);
        _body = Parse(source.Template);
        (_toolUseSource, _toolUse) = (source.ToolUse, source.ToolUse is null ? null : Parse(source.ToolUse));
    }

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>What strftime_now asks for the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Reads a tokenizer's directory, a tokenizer_config.json, or a file that is a template.</summary>
    public static ChatTemplate Read(string path) => new(ChatTemplateSource.Read(path));

    /// <summary>The template that travels with a tokenizer.</summary>
    /// <exception cref="InvalidDataException">The tokenizer has none.</exception>
    public static ChatTemplate For(Tokenizer tokenizer) => TryFor(tokenizer)
        ?? throw new InvalidDataException("The tokenizer has no chat template; add a chat_template.jinja beside its tokenizer.json, or name a template: --template chatml is built in.");

    /// <summary>The template that travels with a tokenizer, or null.</summary>
    public static ChatTemplate? TryFor(Tokenizer tokenizer)
        => ChatTemplateSource.Of(tokenizer.ConfigJson, "tokenizer_config.json", tokenizer.SeparateChatTemplate, "chat_template.jinja", null) is { } source ? new ChatTemplate(source) : null;

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">objects with a role and a content; other members are the template's business</param>
    /// <param name="tools">the functions that the model may call, as JSON schemas</param>
    /// <param name="addGenerationPrompt">end where the assistant's answer begins</param>
    /// <param name="variables">further variables, such as enable_thinking</param>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    public string Render(JsonArray messages, JsonArray? tools = null, bool addGenerationPrompt = false, JsonObject? variables = null)
        => Render(Messages(JsonValues.Of(messages)), tools is null ? null : JsonValues.Of(tools), addGenerationPrompt, Variables(variables));

    /// <summary>The text of a conversation.</summary>
    /// <inheritdoc cref="Render(JsonArray, JsonArray?, bool, JsonObject?)"/>
    public string Render(JsonElement messages, JsonElement? tools = null, bool addGenerationPrompt = false, JsonObject? variables = null)
        => Render(Messages(JsonValues.Of(messages)), tools is null ? null : JsonValues.Of(tools.Value), addGenerationPrompt, Variables(variables));

    /// <summary>Tokens that end an assistant's turn: the added token that the template puts behind an answer, and the tokenizer's end token.</summary>
    public IReadOnlyList<string> EndOfTurn(Tokenizer tokenizer)
    {
        const string answer = "answer";
        List<string> ends = tokenizer.EosId is { } eos ? [tokenizer.IdToToken(eos)] : [];
        try
        {
            string text = Render([new JsonObject { ["role"] = "user", ["content"] = "question" }, new JsonObject { ["role"] = "assistant", ["content"] = answer }]);
            string behind = text[(text.LastIndexOf(answer, StringComparison.Ordinal) + answer.Length)..];
            if (tokenizer.Encode(behind, addSpecialTokens: false).Where(tokenizer.IsAdded).Select(tokenizer.IdToToken).FirstOrDefault() is { } end && !ends.Contains(end))
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
    /// Texts such as <c>&lt;|im_start|&gt;</c> that the template writes around a question and an answer and that look like special tokens, but are none of the tokenizer's:
    /// it cuts them into pieces, and a model has to learn each piece.
    /// </summary>
    public IReadOnlyList<string> SplitSpecialTokens(Tokenizer tokenizer)
    {
        try
        {
            string text = Render([new JsonObject { ["role"] = "user", ["content"] = "question" }, new JsonObject { ["role"] = "assistant", ["content"] = "answer" }], addGenerationPrompt: true);
            return [.. LooksSpecial().Matches(text).Select(m => m.Value).Distinct().Where(t => tokenizer.TokenToId(t) is not { } id || !tokenizer.IsAdded(id))];
        }
        catch (TemplateException)
        {
            return [];   // what it does with real conversations will be seen
        }
    }

    [GeneratedRegex(@"<\|[^|<>\s]+\|>|<｜[^｜<>\s]+｜>|</?s>|<(?:start|end)_of_turn>", RegexOptions.CultureInvariant)]
    private static partial Regex LooksSpecial();

    internal static ListValue Messages(Value messages) => messages as ListValue is { } list && list.Elements.All(m => m is DictValue) ? list
        : throw new InvalidDataException("The messages of a conversation must be a JSON array of objects, each with a role and a content.");

    internal static IReadOnlyList<KeyValuePair<string, Value>> Variables(JsonObject? variables)
        => variables is null ? [] : [.. variables.Select(v => KeyValuePair.Create(v.Key, JsonValues.Of(v.Value)))];

    /// <summary>Whether the template marks what an assistant says.</summary>
    internal bool MarksGeneration(bool withTools) => Body(withTools).MarksGeneration;

    /// <summary>Whether the template knows a key of messages, or writes messages as they are.</summary>
    internal bool Names(string key, bool withTools)
    {
        string source = (withTools ? _toolUseSource : null) ?? Source;
        return source.Contains(key, StringComparison.Ordinal) || WholeMessage().IsMatch(source);
    }

    [GeneratedRegex(@"\b(?:message|m|msg|messages)\s*\|\s*(?:tojson|items|dictsort)|\.items\(", RegexOptions.CultureInvariant)]
    private static partial Regex WholeMessage();

    /// <summary>The text of a conversation, and which parts of it the template marks as an assistant's.</summary>
    internal (string Text, IReadOnlyList<GenerationMark> Marks) RenderMarked(ListValue messages, Value? tools, IReadOnlyList<KeyValuePair<string, Value>> variables)
    {
        // Marks travel within the text, through macros and filters. A filter that makes something else of them, or text that has such characters, shows in the comparison.
        string plain = Render(messages, tools, false, variables);
        (string text, IReadOnlyList<GenerationMark> marks) = GenerationMarks.Read(Render(messages, tools, false, variables, marked: messages.Elements));
        return text == plain ? (text, marks)
            : throw new InvalidDataException($"{_name}: {{% generation %}} stands where a filter changes it, so what is learned cannot be followed; put it around what is written out.");
    }

    internal string Render(ListValue messages, Value? tools, bool addGenerationPrompt, IReadOnlyList<KeyValuePair<string, Value>> variables, IReadOnlyList<Value>? marked = null)
    {
        Scope scope = Globals.Scope();
        // None, not undefined: so transformers calls every template.
        scope.Set("tools", tools ?? NoneValue.None);
        scope.Set("documents", NoneValue.None);
        scope.Set("messages", messages);
        scope.Set("add_generation_prompt", BoolValue.Of(addGenerationPrompt));
        foreach ((string name, Value value) in _specialTokens.Concat(variables))
        {
            scope.Set(name, value);
        }
        Interpreter run = new(Clock.GetLocalNow().DateTime) { Marked = marked };
        return Guarded(() => run.Render(Body(tools is not null).Body, scope), () => run.Line);
    }

    private ParsedTemplate Body(bool withTools) => withTools ? _toolUse ?? _body : _body;

    private ParsedTemplate Parse(string source) => Guarded(() => TemplateParser.Parse(source), () => 1);

    /// <summary>Says of every fault where it lies, and ends runaway templates with a word instead of the process.</summary>
    private T Guarded<T>(Func<T> work, Func<int> line)
    {
        try
        {
            return work();
        }
        catch (TemplateFault fault)
        {
            throw new TemplateException(_name, fault.Line > 0 ? fault.Line : line(), fault.Message, fault);
        }
        catch (InsufficientExecutionStackException fault)
        {
            throw new TemplateException(_name, line(), "the template nests too deeply, or calls itself without end", fault);
        }
        catch (OutOfMemoryException fault)
        {
            throw new TemplateException(_name, line(), "the template makes more text than memory holds", fault);
        }
    }
}
