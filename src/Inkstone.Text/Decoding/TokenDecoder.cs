using System.Text;

namespace Inkstone.Text;

/// <summary>
/// How token texts become text: the steps of a decoder. What a step does to a token wherever it stands is done once, when the tokenizer is
/// loaded; the others (<see cref="Start"/>) work while a text is decoded.
/// </summary>
internal sealed class TokenDecoder
{
    private readonly DecoderStep[] _rest;
    private readonly string[] _texts; // what goes into the remaining steps
    private readonly byte[] _bytes;
    private readonly int[] _start;

    /// <param name="tokens">Token texts by id; null where an id is not used.</param>
    /// <param name="steps">The steps in their order.</param>
    public TokenDecoder(IReadOnlyList<string?> tokens, IReadOnlyList<DecoderStep> steps)
    {
        int fixedSteps = steps.TakeWhile(s => s.Anywhere("") != null).Count();
        DecoderStep[] first = [.. steps.Take(fixedSteps)];
        _rest = [.. steps.Skip(fixedSteps)];
        ByteLevel = _rest is [ByteLevelStep];
        _texts = ByteLevel ? [] : new string[tokens.Count];
        _start = new int[tokens.Count + 1];
        MemoryStream all = new();
        for (int id = 0; id < tokens.Count; id++)
        {
            if (tokens[id] is { } token)
            {
                token = first.Aggregate(token, (text, step) => step.Anywhere(text)!);
                if (!ByteLevel)
                {
                    _texts[id] = token;
                }
                all.Write(Piece(token));
            }
            _start[id + 1] = (int)all.Length;
        }
        _bytes = all.ToArray();
    }

    /// <summary>Nothing but bytes: the usual decoder, which needs no stages.</summary>
    public bool ByteLevel { get; }

    /// <summary>The bytes that a token stands for in the middle of a text.</summary>
    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_start[id].._start[id + 1]);

    /// <summary>What goes into the stages for a token.</summary>
    public string Text(int id) => _texts[id];

    /// <summary>The remaining steps at work on one text.</summary>
    public TokenStage Start(TokenStage end)
    {
        TokenStage stage = end;
        for (int i = _rest.Length - 1; i >= 0; i--)
        {
            stage = _rest[i].Start(stage, _rest.Take(i).Any(s => s.Fuses));
        }
        return stage;
    }

    private byte[] Piece(string token)
    {
        bool fused = false;
        for (int i = 0; i < _rest.Length; i++)
        {
            switch (_rest[i])
            {
                case ByteFallbackStep when ByteFallbackStep.Byte(token) is { } b && !fused:
                    return [b];
                case ByteLevelStep when i == _rest.Length - 1:
                    return ByteLevelStep.Bytes(token);
                default:
                    token = (fused ? null : _rest[i].Anywhere(token)) ?? _rest[i].Inside(token);
                    break;
            }
            fused |= _rest[i].Fuses;
        }
        return Encoding.UTF8.GetBytes(token);
    }
}
