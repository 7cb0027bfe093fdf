using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Inkstone.Text;

/// <summary>ByteFallback: tokens such as &lt;0xE4&gt; are bytes; a run of them that is no UTF-8 becomes one U+FFFD for each.</summary>
internal sealed class ByteFallbackStep : DecoderStep
{
    public override string Inside(string token) => token;

    public override TokenStage Start(TokenStage next, bool fused) => fused ? new WholeStage(One, next) : new Stage(next);

    /// <summary>The byte of a token of the form &lt;0xE4&gt;.</summary>
    public static byte? Byte(ReadOnlySpan<char> token) =>
        token.Length == 6
        && token.StartsWith("<0x")
        && token[5] == '>'
        && byte.TryParse(token.Slice(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b)
            ? b
            : null;

    private static string One(string token) =>
        Byte(token) is not { } b ? token
        : b < 0x80 ? ((char)b).ToString()
        : "\uFFFD";

    private sealed class Stage(TokenStage next) : TokenStage
    {
        private readonly List<byte> _run = [];

        public override void Add(ReadOnlySpan<char> token)
        {
            if (Byte(token) is { } b)
            {
                _run.Add(b);
                return;
            }
            Flush();
            next.Add(token);
        }

        public override void End()
        {
            Flush();
            next.End();
        }

        public override void Settle()
        {
            if (Utf8.IsValid([.. _run]))
            {
                Flush();
            }
            next.Settle();
        }

        private void Flush()
        {
            if (_run.Count == 0)
            {
                return;
            }
            byte[] run = [.. _run];
            _run.Clear();
            if (Utf8.IsValid(run))
            {
                next.Add(Encoding.UTF8.GetString(run));
                return;
            }
            foreach (byte _ in run)
            {
                next.Add("\uFFFD");
            }
        }
    }
}

/// <summary>ByteLevel: tokens are spelled in the byte alphabet; ill-formed UTF-8 becomes U+FFFD.</summary>
internal sealed class ByteLevelStep : DecoderStep
{
    public override bool Fuses => true;

    public override string Inside(string token) => Encoding.UTF8.GetString(Bytes(token));

    public override TokenStage Start(TokenStage next, bool fused) => fused ? new WholeStage(Inside, next) : new Stage(next);

    /// <summary>The bytes of a token; one with a character outside the alphabet stands for itself.</summary>
    public static byte[] Bytes(string token) => ByteAlphabet.ToBytes(token) ?? Encoding.UTF8.GetBytes(token);

    private sealed class Stage(TokenStage next) : TokenStage
    {
        private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

        public override void Add(ReadOnlySpan<char> token) => Emit(Bytes(token.ToString()), flush: false);

        public override void End()
        {
            Emit([], flush: true);
            next.End();
        }

        private void Emit(byte[] bytes, bool flush)
        {
            // Each byte makes at most one UTF-16 unit, and up to three may be waiting.
            char[] characters = new char[bytes.Length + 4];
            next.Add(characters.AsSpan(0, _utf8.GetChars(bytes, characters, flush)));
        }
    }
}
