using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>Text from a model: tokens are decoded as they come, and stop texts end it.</summary>
public sealed class TextGenerator(CausalLm model, Tokenizer tokenizer)
{
    private readonly Generator _generator = new(model);
    private readonly List<int> _ids = [];

    /// <summary>Tokens made by the last call, those of a stop text included.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>Why the last text ended.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Pieces of text as they are decided; together they are the output without the stop text.</summary>
    public IEnumerable<string> Generate(IReadOnlyList<int> prompt, SamplingParams p)
    {
        StreamDecoder decoder = new(tokenizer);
        StopMatcher stop = new(p.Stop ?? []);
        _ids.Clear();
        foreach (int id in _generator.Generate(prompt, p))
        {
            _ids.Add(id);
            if (stop.Push(decoder.Add(id)) is { Length: > 0 } text)
            {
                yield return text;
            }
            if (stop.Stopped)
            {
                FinishReason = FinishReason.Stop;
                yield break;
            }
        }
        FinishReason = _generator.FinishReason;
        string rest = stop.Push(decoder.Flush());
        FinishReason = stop.Stopped ? FinishReason.Stop : FinishReason;
        if (rest + stop.Flush() is { Length: > 0 } last)
        {
            yield return last;
        }
    }
}
