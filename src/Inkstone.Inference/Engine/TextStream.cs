using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>Tokens of an answer as text, piece by piece, up to a stop text: decoded as the continuation of the prompt that they
/// are.</summary>
internal sealed class TextStream
{
    private readonly Tokenizer _tokenizer;
    private readonly StreamDecoder _decoder;
    private readonly StopMatcher _stop;
    private readonly IReadOnlyList<string> _stops;

    public TextStream(Tokenizer tokenizer, IReadOnlyList<int> prompt, IReadOnlyList<string> stops)
    {
        (_tokenizer, _stops, _decoder, _stop) = (tokenizer, stops, new StreamDecoder(tokenizer), new StopMatcher(stops));
        _decoder.Follow(prompt);
    }

    /// <summary>The stop text that was found, or null.</summary>
    public string? StopText => _stop.Found;

    /// <summary>What may be shown now that a token has come.</summary>
    public string Add(int id)
    {
        string piece = _stop.Push(_decoder.Add(id));
        return _tokenizer.IsSpecial(id) ? piece + _stop.Push(_tokenizer.IdToToken(id), hidden: true) : piece;
    }

    /// <summary>What was held back.</summary>
    public string Flush() => _stop.Push(_decoder.Flush()) + _stop.Flush();

    /// <summary>The stop text that is this token, or null.</summary>
    public string? StopOf(int id)
    {
        for (int i = 0; i < _stops.Count; i++)
        {
            if (_tokenizer.TokenToId(_stops[i]) == id)
            {
                return _stops[i];
            }
        }
        return null;
    }

    /// <summary>
    /// With the tokens that the tokenizer adds to what ends a text: a stop text that is one of its added tokens is that token, and its own
    /// end token ends the
    /// text where neither generation_config.json nor config.json names one.
    /// </summary>
    public static SamplingParams Ends(SamplingParams p, IReadOnlyList<int> modelEnds, Tokenizer? tokenizer)
    {
        List<int> ends = [.. p.StopTokenIds];
        foreach (string stop in p.Stop ?? [])
        {
            if (tokenizer?.TokenToId(stop) is { } id && tokenizer.IsAdded(id))
            {
                ends.Add(id);
            }
        }
        if (!p.IgnoreEos)
        {
            ends.AddRange(modelEnds);
            if (modelEnds.Count == 0 && tokenizer?.EosId is { } eos)
            {
                ends.Add(eos);
            }
        }
        return p with { StopTokenIds = [.. ends.Distinct()] };
    }
}
