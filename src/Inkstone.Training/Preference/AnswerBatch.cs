using System.Runtime.InteropServices;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// Prompts with answers, one behind the other in a single row without padding, each prompt once where the model can share it. What is asked
/// of the model are the
/// log-probabilities of the answers' tokens, as runs: by default in the order of the answers, or all first answers of the prompts, then all
/// second ones, and so on.
/// Kept and filled again: memory only grows.
/// </summary>
/// <param name="share">whether a prompt's answers share it; false: each stands behind a copy of its own</param>
/// <param name="ends">what is asked for is the hidden state of each answer's last token, such as a reward is read from, and no
/// log-probability</param>
public sealed class AnswerBatch(bool share, bool ends = false)
{
    private readonly List<int> _ids = [],
        _positions = [],
        _starts = [],
        _spread = [],
        _textStarts = [],
        _back = [],
        _rows = [],
        _labels = [];
    private readonly List<Answer> _answers = [];

    /// <summary>Tokens that are computed.</summary>
    public int TokenCount => _ids.Count;

    /// <summary>Tokens of all prompts with their answers, a prompt counted with each.</summary>
    public int TextTokens { get; private set; }

    /// <summary>Runs of zeros, as long as the answers' scored tokens. A prompt without tokens leaves its answer's first token
    /// unscored.</summary>
    public TokenRuns Shape { get; } = new();

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _ids.Clear();
        _positions.Clear();
        _starts.Clear();
        _spread.Clear();
        _textStarts.Clear();
        _back.Clear();
        _answers.Clear();
        TextTokens = 0;
    }

    /// <summary>A prompt with its answers.</summary>
    /// <param name="prompt">its tokens; may be none</param>
    /// <param name="answers">the answers' tokens, the end token included</param>
    /// <param name="scorePrompt">the prompt's own tokens are a further answer behind the others: they are scored but for the first</param>
    public void Add(ReadOnlySpan<int> prompt, ReadOnlySpan<int[]> answers, bool scorePrompt = false)
    {
        int shared = _ids.Count,
            slot = 0;
        foreach (int[] answer in answers)
        {
            bool first = slot == 0;
            int promptAt = first || !share ? _ids.Count : shared,
                textAt = _spread.Count;
            int documentStart = _ids.Count;
            for (int t = 0; t < prompt.Length; t++)
            {
                if (first || !share)
                {
                    AppendToken(prompt[t], t, documentStart, textAt + t);
                }
                Spread(promptAt + t, textAt);
            }
            int answerAt = _ids.Count;
            for (int t = 0; t < answer.Length - (ends ? 0 : 1); t++) // the last token is only a label
            {
                AppendToken(answer[t], prompt.Length + t, share ? shared : documentStart, textAt + prompt.Length + t);
                Spread(answerAt + t, textAt);
            }
            _answers.Add(new Answer(slot++, prompt.Length > 0 ? promptAt + prompt.Length - 1 : -1, answerAt, answer));
            TextTokens += prompt.Length + answer.Length;
        }
        if (scorePrompt)
        {
            _answers.Add(new Answer(slot, -1, shared, prompt.ToArray()));
        }
    }

    /// <summary>Ends filling.</summary>
    /// <param name="bySlot">runs are all first answers, then all second ones; else in the order of the answers</param>
    public void Close(bool bySlot = false)
    {
        _rows.Clear();
        _labels.Clear();
        Shape.Clear();
        int slots = bySlot && _answers.Count > 0 ? _answers.Max(a => a.Slot) + 1 : 1;
        for (int slot = 0; slot < slots; slot++)
        {
            foreach (Answer answer in _answers)
            {
                if (bySlot && answer.Slot != slot)
                {
                    continue;
                }
                if (ends)
                {
                    Shape.Add(1);
                    _rows.Add(answer.Tokens.Length > 0 ? answer.At + answer.Tokens.Length - 1 : answer.Before);
                }
                else
                {
                    int skipped = answer.Before < 0 ? 1 : 0;
                    Shape.Add(Math.Max(0, answer.Tokens.Length - skipped));
                    for (int t = skipped; t < answer.Tokens.Length; t++)
                    {
                        _rows.Add(t == 0 ? answer.Before : answer.At + t - 1);
                        _labels.Add(answer.Tokens[t]);
                    }
                }
            }
        }
    }

    /// <summary>Hidden states [N, C] from which the answers' tokens follow, in the order of the runs; to be called in a step.</summary>
    public Tensor Hidden(CausalLm model)
    {
        Device device = model.Device;
        Shape row = new(1, _ids.Count);
        SharedPrompts? shared =
            share && _spread.Count > _ids.Count
                ? new SharedPrompts(
                    Rent(device, _spread),
                    Rent(device, _back),
                    device.Rent(new Shape(1, _textStarts.Count), CollectionsMarshal.AsSpan(_textStarts))
                )
                : null;
        ForwardContext context = new(
            device.Rent(row, CollectionsMarshal.AsSpan(_positions)),
            shared is null ? device.Rent(row, CollectionsMarshal.AsSpan(_starts)) : null
        )
        {
            Shared = shared,
        };
        Tensor hidden = model.Hidden(device.Rent(row, CollectionsMarshal.AsSpan(_ids)), context); // [1, T, C]
        return Ops.GatherRows(hidden, Rent(device, _rows)); // [N, C]
    }

    /// <summary>The labels behind <see cref="Hidden"/>, int32 [N].</summary>
    public Tensor Labels(Device device) => Rent(device, _labels);

    /// <summary>Log-probabilities of the answers' tokens, by the arithmetic of a recorded step but without gradients; to be called outside
    /// of a step.</summary>
    public void LogProbs(CausalLm model, TokenRuns to)
    {
        using StepScope step = model.Device.Step(record: true);
        using TapePause pause = model.Device.Tape.Paused();
        LogProbsHere(model, to);
    }

    /// <summary>The same within the running step.</summary>
    internal void LogProbsHere(CausalLm model, TokenRuns to)
    {
        using TapePause pause = model.Device.Tape.Paused();
        to.ShapeAs(Shape);
        if (to.TokenCount > 0)
        {
            LabelStatistics statistics = new();
            model.LabelLoss(Hidden(model), Labels(model.Device), statistics, _ => 0);
            statistics.LogProbs.CopyTo(to.Values);
        }
    }

    private static Tensor Rent(Device device, List<int> values) => device.Rent(new Shape(values.Count), CollectionsMarshal.AsSpan(values));

    private void AppendToken(int id, int position, int start, int text)
    {
        _ids.Add(id);
        _positions.Add(position);
        _starts.Add(start);
        _back.Add(text);
    }

    private void Spread(int token, int textStart)
    {
        _spread.Add(token);
        _textStarts.Add(textStart);
    }

    /// <summary>An answer: its number behind its prompt, the token before it (−1: none), where its own tokens begin in the row, and
    /// these.</summary>
    private readonly record struct Answer(int Slot, int Before, int At, int[] Tokens);
}
