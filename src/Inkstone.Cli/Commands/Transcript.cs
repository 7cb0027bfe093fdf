using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>
/// A conversation as text that a model continues, rendered anew for every turn: by the tokenizer's chat template; without one as ChatML, when
/// <c>&lt;|im_start|&gt;</c> is in the vocabulary; otherwise as questions and answers line by line, in the language of the question, which a
/// model that was only pretrained continues best.
/// </summary>
internal sealed class Transcript
{
    private const string Open = "<|im_start|>", Close = "<|im_end|>";

    private readonly Tokenizer _tokenizer;
    private readonly string? _system;
    private readonly ChatTemplate? _template;
    private readonly List<(string Question, string Answer)> _turns = [];

    public Transcript(Tokenizer tokenizer, string? system)
    {
        (_tokenizer, _system) = (tokenizer, system);
        bool chatMl = tokenizer.TokenToId(Open) is not null && tokenizer.TokenToId(Close) is not null;
        ChatTemplate? own = ChatTemplate.TryFor(tokenizer);
        _template = own ?? (chatMl ? new ChatTemplate(ChatTemplate.ChatMl) : null);
        Stops = own is not null ? own.EndOfTurn(tokenizer) : chatMl ? [Close, Open] : ["\n"];
        Manner = own is not null ? null
            : "the tokenizer has no chat template, so the conversation is written " + (chatMl ? "as ChatML" : "as questions and answers, line by line");
    }

    /// <summary>Texts at which an answer ends.</summary>
    public IReadOnlyList<string> Stops { get; }

    /// <summary>What is done for want of a chat template; null when there is one.</summary>
    public string? Manner { get; }

    public void Add(string question, string answer) => _turns.Add((question, answer));

    public void Clear() => _turns.Clear();

    /// <summary>The ids up to the answer; the oldest turns are left out until <paramref name="room"/> tokens remain free in the context.</summary>
    public int[] Prompt(string question, int context, int room)
    {
        for (int first = 0; ; first++)
        {
            // A template writes the special tokens that it wants; without one the tokenizer adds its own.
            int[] ids = _tokenizer.Encode(_template is null ? Lines(first, question) : _template.Render(Messages(first, question), addGenerationPrompt: true), addSpecialTokens: _template is null);
            if (ids.Length + room <= context || first == _turns.Count)
            {
                return ids;
            }
        }
    }

    private JsonArray Messages(int first, string question)
    {
        JsonArray messages = [];
        if (_system is not null)
        {
            Say("system", _system);
        }
        foreach ((string q, string a) in _turns.Skip(first))
        {
            Say("user", q);
            Say("assistant", a.Trim());
        }
        Say("user", question);
        return messages;

        void Say(string role, string content) => messages.Add((JsonNode)new JsonObject { ["role"] = role, ["content"] = content });
    }

    private string Lines(int first, string question)
    {
        IEnumerable<string> turns = _turns.Skip(first).Select(t => Line(t.Question) + t.Answer.Trim() + "\n");
        return (_system is null ? "" : _system + "\n") + string.Concat(turns) + Line(question);
    }

    private static string Line(string question) => question.Any(c => c is >= '\u4e00' and <= '\u9fff') ? $"问：{question}\n答：" : $"Q: {question}\nA:";
}
