using System.Text;
using System.Text.Unicode;

namespace Inkstone.Text;

/// <summary>
/// Decodes token by token. What it returns is always whole characters: bytes of an unfinished one wait for the next token.
/// All returned texts together equal <see cref="Tokenizer.Decode"/> of all ids.
/// </summary>
public sealed class StreamDecoder(Tokenizer tokenizer, bool skipSpecialTokens = true)
{
    private readonly TokenDecoder _tokens = tokenizer.Decoder;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly List<byte> _fallback = [];
    private int _strip = tokenizer.Decoder.Settings.StripCount;
    private bool _first = true;
    private char[] _characters = new char[256];

    /// <summary>The text that became certain with this token; often empty inside a character. An id outside the vocabulary adds nothing.</summary>
    public string Add(int id)
    {
        int length = Add(id, 0);
        return length == 0 ? "" : new string(_characters, 0, length);
    }

    /// <summary>What was still waiting, with U+FFFD for an unfinished character; afterwards the decoder is as new.</summary>
    public string Flush()
    {
        int length = Emit([], FlushFallback(0), flush: true);
        (_strip, _first) = (_tokens.Settings.StripCount, true);
        return length == 0 ? "" : new string(_characters, 0, length);
    }

    /// <summary>Takes in what stands before the text: what follows it is decoded as its continuation, which keeps a first space that the beginning of a text would lose.</summary>
    public void Follow(IEnumerable<int> ids)
    {
        foreach (int id in ids)
        {
            _ = Add(id, 0);
        }
        if (Utf8.IsValid(_fallback.ToArray()))
        {
            _ = FlushFallback(0);   // whole characters belong to what stands before, the first bytes of one to what follows
        }
    }

    internal string AddAll(ReadOnlySpan<int> ids)
    {
        int length = 0;
        foreach (int id in ids)
        {
            length = Add(id, length);
        }
        length = Emit([], FlushFallback(length), flush: true);
        return new string(_characters, 0, length);
    }

    /// <summary>Writes behind the first <paramref name="length"/> characters and returns how many there are then.</summary>
    private int Add(int id, int length)
    {
        if (!tokenizer.Exists(id) || (skipSpecialTokens && tokenizer.IsSpecial(id)))
        {
            return length;
        }
        if (_tokens.Settings.Separator.Length > 0 && !_first)
        {
            length = Emit(Encoding.UTF8.GetBytes(_tokens.Settings.Separator), length);
        }
        _first = false;
        ReadOnlySpan<byte> bytes = _tokens.Bytes(id);
        if (_tokens.IsFallback(id))
        {
            _fallback.Add(bytes[0]);
            return length;
        }
        return Emit(bytes, FlushFallback(length));
    }

    /// <summary>A run of fallback bytes counts as characters only when all of it is well formed, so it waits for its end.</summary>
    private int FlushFallback(int length)
    {
        if (_fallback.Count == 0)
        {
            return length;
        }
        byte[] run = [.. _fallback];
        _fallback.Clear();
        if (Utf8.IsValid(run))
        {
            return Emit(run, length);
        }
        foreach (byte _ in run)
        {
            length = Emit("\uFFFD"u8, length);
        }
        return length;
    }

    private int Emit(ReadOnlySpan<byte> bytes, int length, bool flush = false)
    {
        while (_strip > 0 && bytes.Length > 0)
        {
            if (bytes[0] != _tokens.Settings.Strip)
            {
                _strip = 0;
                break;
            }
            bytes = bytes[1..];
            _strip--;
        }
        // Each byte makes at most one UTF-16 unit, and up to three may be waiting.
        if (_characters.Length - length < bytes.Length + 4)
        {
            Array.Resize(ref _characters, (_characters.Length * 2) + bytes.Length);
        }
        return length + _utf8.GetChars(bytes, _characters.AsSpan(length), flush);
    }
}
