using System.Text;

namespace Inkstone.Text;

/// <summary>
/// Decodes token by token. What it returns is always whole characters: bytes of an unfinished one wait for the next token, and so does
/// whatever a later token may still change. All returned texts together equal <see cref="Tokenizer.Decode"/> of all ids.
/// </summary>
public sealed class StreamDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly TokenDecoder _tokens;
    private readonly TextStage _text = new();
    private readonly Decoder? _utf8; // for byte-level vocabularies
    private readonly TokenStage? _stages; // for all others

    /// <param name="tokenizer">whose tokens</param>
    /// <param name="skipSpecialTokens">leaves special tokens out of the text</param>
    public StreamDecoder(Tokenizer tokenizer, bool skipSpecialTokens = true)
    {
        (_tokenizer, _skipSpecialTokens, _tokens) = (tokenizer, skipSpecialTokens, tokenizer.Decoder);
        if (_tokens.ByteLevel)
        {
            _utf8 = Encoding.UTF8.GetDecoder();
        }
        else
        {
            _stages = _tokens.Start(_text);
        }
    }

    /// <summary>The text that became certain with this token; often empty inside a character. An id outside the vocabulary adds
    /// nothing.</summary>
    public string Add(int id)
    {
        Append(id);
        return _text.Take();
    }

    /// <summary>What was still waiting, with U+FFFD for an unfinished character; afterwards the decoder is as new.</summary>
    public string Flush()
    {
        Emit([], flush: true);
        _stages?.End();
        return _text.Take();
    }

    /// <summary>Takes in what stands before the text: what follows it is decoded as its continuation, which keeps a first space that the
    /// beginning of a text would lose.</summary>
    public void Follow(IEnumerable<int> ids)
    {
        foreach (int id in ids)
        {
            Append(id);
        }
        _ = Settle(); // whole characters belong to what stands before, the first bytes of one to what follows
    }

    /// <summary>Whole characters that still wait in case a later byte spoils them, as belonging to the tokens so far: for showing tokens
    /// one by one.</summary>
    public string Settle()
    {
        _stages?.Settle();
        return _text.Take();
    }

    internal string AddAll(ReadOnlySpan<int> ids)
    {
        foreach (int id in ids)
        {
            Append(id);
        }
        return Flush();
    }

    private void Append(int id)
    {
        if (!_tokenizer.Exists(id) || (_skipSpecialTokens && _tokenizer.IsSpecial(id)))
        {
            return;
        }
        if (_stages != null)
        {
            _stages.Add(_tokens.Text(id));
            return;
        }
        Emit(_tokens.Bytes(id), flush: false);
    }

    private void Emit(ReadOnlySpan<byte> bytes, bool flush)
    {
        // Each byte makes at most one UTF-16 unit, and up to three may be waiting.
        if (_utf8 != null)
        {
            _text.Advance(_utf8.GetChars(bytes, _text.Room(bytes.Length + 4), flush));
        }
    }
}
