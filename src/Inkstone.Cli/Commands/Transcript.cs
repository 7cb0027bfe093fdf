using System.Text;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>
/// A conversation as text that a model continues. With <c>&lt;|im_start|&gt;</c> in the vocabulary it is ChatML; otherwise questions and answers
/// line by line, in the language of the question, which a model that was only pretrained continues best.
/// </summary>
internal sealed class Transcript(Tokenizer tokenizer, string? system)
{
    private const string Open = "<|im_start|>", Close = "<|im_end|>";

    private readonly List<(string Question, string Answer)> _turns = [];
    private readonly bool _chatMl = tokenizer.TokenToId(Open) is not null && tokenizer.TokenToId(Close) is not null;

    /// <summary>Texts at which an answer ends.</summary>
    public IReadOnlyList<string> Stops => _chatMl ? [Close, Open] : ["\n"];

    public int Turns => _turns.Count;

    public void Add(string question, string answer) => _turns.Add((question, answer));

    public void Clear() => _turns.Clear();

    /// <summary>The ids up to the answer; the oldest turns are left out until <paramref name="room"/> tokens remain free in the context.</summary>
    public int[] Prompt(string question, int context, int room)
    {
        for (int first = 0; ; first++)
        {
            int[] ids = tokenizer.Encode(Render(first, question));
            if (ids.Length + room <= context || first == _turns.Count)
            {
                return ids;
            }
        }
    }

    private string Render(int first, string question)
    {
        StringBuilder text = new();
        if (system is not null)
        {
            text.Append(_chatMl ? $"{Open}system\n{system}{Close}\n" : system + "\n");
        }
        foreach ((string q, string a) in _turns.Skip(first))
        {
            text.Append(Turn(q)).Append(a.Trim()).Append(_chatMl ? Close + "\n" : "\n");
        }
        return text.Append(Turn(question)).ToString();
    }

    private string Turn(string question) => _chatMl ? $"{Open}user\n{question}{Close}\n{Open}assistant\n"
        : question.Any(c => c is >= '\u4e00' and <= '\u9fff') ? $"问：{question}\n答：" : $"Q: {question}\nA:";
}
