using System.Globalization;
using System.Text;

namespace Inkstone.Text;

/// <summary>How token texts become text: the decoders of tokenizer.json that byte-level and SentencePiece-style vocabularies use.</summary>
/// <param name="ByteLevel">Tokens are spelled in the byte alphabet; ill-formed UTF-8 becomes U+FFFD.</param>
/// <param name="Replacements">Texts replaced in every token.</param>
/// <param name="ByteFallback">Tokens such as &lt;0xE4&gt; are bytes; a run of them that is no UTF-8 becomes one U+FFFD for each.</param>
/// <param name="Separator">Stands between tokens.</param>
/// <param name="Strip">This character is taken off the beginning of the text ...</param>
/// <param name="StripCount">... at most so many times.</param>
internal sealed record DecoderSettings(
    bool ByteLevel = false,
    IReadOnlyList<(string Pattern, string Content)>? Replacements = null,
    bool ByteFallback = false,
    string Separator = "",
    char Strip = ' ',
    int StripCount = 0)
{
    /// <summary>The bytes that a token adds to the text, and whether it is a byte-fallback token.</summary>
    public (byte[] Bytes, bool IsFallback) Piece(string token)
    {
        if (ByteLevel)
        {
            return (ByteAlphabet.ToBytes(token) ?? Encoding.UTF8.GetBytes(token), false);
        }
        foreach ((string pattern, string content) in Replacements ?? [])
        {
            token = token.Replace(pattern, content, StringComparison.Ordinal);
        }
        return ByteFallback && FallbackByte(token) is byte b ? ([b], true) : (Encoding.UTF8.GetBytes(token), false);
    }

    /// <summary>The byte of a token of the form &lt;0xE4&gt;.</summary>
    public static byte? FallbackByte(string token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b) ? b : null;
}

/// <summary>Texts of all tokens as bytes, ready to be joined.</summary>
internal sealed class TokenDecoder
{
    private readonly byte[] _bytes;
    private readonly int[] _start;
    private readonly bool[] _fallback;

    /// <param name="tokens">Token texts by id; null where an id is not used.</param>
    /// <param name="settings">How they become text.</param>
    public TokenDecoder(IReadOnlyList<string?> tokens, DecoderSettings settings)
    {
        Settings = settings;
        (_start, _fallback) = (new int[tokens.Count + 1], new bool[tokens.Count]);
        var all = new MemoryStream();
        for (int id = 0; id < tokens.Count; id++)
        {
            if (tokens[id] is { } token)
            {
                (byte[] piece, _fallback[id]) = settings.Piece(token);
                all.Write(piece);
            }
            _start[id + 1] = (int)all.Length;
        }
        _bytes = all.ToArray();
    }

    public DecoderSettings Settings { get; }

    public bool IsFallback(int id) => _fallback[id];

    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_start[id].._start[id + 1]);
}
