using System.Diagnostics;
using System.Text;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>Text from a model: tokens are decoded as they come, as the continuation of the prompt that they are, and stop texts end it.</summary>
public sealed class TextGenerator(CausalLm model, Tokenizer tokenizer)
{
    private readonly Generator _generator = new(model);
    private readonly List<int> _ids = [];
    private readonly StringBuilder _text = new();

    /// <summary>Tokens of the last text, those of a stop text of several tokens included.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>The last text, as far as it was handed out.</summary>
    public string Text => _text.ToString();

    /// <summary>Why the last text ended.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Seconds until the first token of the last text.</summary>
    public double FirstTokenSeconds { get; private set; }

    /// <summary>Seconds until the last token.</summary>
    public double TotalSeconds { get; private set; }

    /// <summary>Tokens per second after the first; NaN when there were fewer than two.</summary>
    public double DecodeRate => _ids.Count > 1 ? (_ids.Count - 1) / (TotalSeconds - FirstTokenSeconds) : double.NaN;

    /// <summary>Pieces of text as they are decided; together they are the output without the stop text.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="p">how tokens are chosen, and what ends the text</param>
    /// <param name="useCache">false computes the whole sequence anew for each token</param>
    /// <param name="cancelled">looked at before each part of the prompt and each token</param>
    public IEnumerable<string> Generate(IReadOnlyList<int> prompt, SamplingParams p, bool useCache = true, CancellationToken cancelled = default)
        => Decode(prompt, p, _generator.Generate(prompt, Ends(p), useCache, cancelled));

    /// <summary>The same; what <paramref name="kept"/> holds of a text that began alike is not computed again.</summary>
    /// <inheritdoc cref="Generate(IReadOnlyList{int}, SamplingParams, bool, CancellationToken)"/>
    public IEnumerable<string> Generate(IReadOnlyList<int> prompt, SamplingParams p, PromptCache kept, CancellationToken cancelled = default)
        => Decode(prompt, p, _generator.Generate(prompt, Ends(p), kept, cancelled));

    /// <summary>
    /// With the tokens that the tokenizer adds to what ends a text: a stop text that is one of its added tokens is that token, and its own end token ends the
    /// text where neither generation_config.json nor config.json names one.
    /// </summary>
    private SamplingParams Ends(SamplingParams p)
    {
        List<int> ends = [.. p.StopTokenIds];
        foreach (string stop in p.Stop ?? [])
        {
            if (tokenizer.TokenToId(stop) is { } id && tokenizer.IsAdded(id))
            {
                ends.Add(id);
            }
        }
        if (!p.IgnoreEos && model.EosTokenIds.Count == 0 && tokenizer.EosId is { } eos)
        {
            ends.Add(eos);
        }
        return p with { StopTokenIds = ends };
    }

    private IEnumerable<string> Decode(IReadOnlyList<int> prompt, SamplingParams p, IEnumerable<int> tokens)
    {
        StreamDecoder decoder = new(tokenizer);
        decoder.Follow(prompt);
        StopMatcher stop = new(p.Stop ?? []);
        _ids.Clear();
        _text.Clear();
        (FirstTokenSeconds, TotalSeconds, FinishReason) = (0, 0, FinishReason.Length);
        long began = Stopwatch.GetTimestamp();
        foreach (int id in tokens)
        {
            TotalSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            FirstTokenSeconds = _ids.Count == 0 ? TotalSeconds : FirstTokenSeconds;
            _ids.Add(id);
            string piece = stop.Push(decoder.Add(id));
            if (tokenizer.IsSpecial(id))
            {
                piece += stop.Push(tokenizer.IdToToken(id), hidden: true);
            }
            if (piece.Length > 0)
            {
                _text.Append(piece);
                yield return piece;
            }
            if (stop.Stopped)
            {
                FinishReason = FinishReason.Stop;
                yield break;
            }
        }
        TotalSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        FirstTokenSeconds = _ids.Count == 0 ? TotalSeconds : FirstTokenSeconds;
        string rest = stop.Push(decoder.Flush());
        FinishReason = stop.Stopped ? FinishReason.Stop : _generator.FinishReason;
        if (rest + stop.Flush() is { Length: > 0 } last)
        {
            _text.Append(last);
            yield return last;
        }
    }
}
