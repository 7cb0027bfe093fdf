using System.Text;

namespace Inkstone.Text;

/// <summary>Replace: every match of a pattern by a text.</summary>
internal sealed class ReplaceStep(TextPattern pattern, string content) : DecoderStep
{
    private readonly byte[] _content = Encoding.UTF8.GetBytes(content);

    public override string Anywhere(string token) =>
        pattern is LiteralPattern { Text: { Length: > 0 } text }
            ? token.Replace(text, content, StringComparison.Ordinal)
            : Encoding.UTF8.GetString(pattern.Replace(Encoding.UTF8.GetBytes(token), _content));

    // Where a regular expression ends only the end of the text can tell.
    public override TokenStage Start(TokenStage next, bool fused) =>
        !fused ? new MapStage(Anywhere, next)
        : pattern is LiteralPattern { Text.Length: > 0 } literal ? new ReplacingStage(literal.Text, content, next)
        : new WholeStage(Anywhere, next);
}

/// <summary>Replaces a text in a token that comes in parts: an end that may be the beginning of a match waits.</summary>
internal sealed class ReplacingStage(string pattern, string content, TokenStage next) : TokenStage
{
    private string _waiting = "";

    public override void Add(ReadOnlySpan<char> token)
    {
        string text = _waiting + token.ToString();
        int at = 0;
        for (int found; (found = text.IndexOf(pattern, at, StringComparison.Ordinal)) >= 0; at = found + pattern.Length)
        {
            next.Add(text.AsSpan(at, found - at));
            next.Add(content);
        }
        int rest = Math.Max(at, text.Length - pattern.Length + 1);
        while (!pattern.AsSpan().StartsWith(text.AsSpan(rest)))
        {
            rest++;
        }
        next.Add(text.AsSpan(at, rest - at));
        _waiting = text[rest..];
    }

    public override void End()
    {
        next.Add(_waiting);
        _waiting = "";
        next.End();
    }
}

/// <summary>Strip: takes a character off both ends of a token, at most so many times.</summary>
internal sealed class StripStep(Rune content, int start, int stop) : DecoderStep
{
    private readonly string _content = content.ToString();

    public override string Anywhere(string token)
    {
        int from = 0,
            to = token.Length;
        for (int i = 0; i < start && string.CompareOrdinal(token, from, _content, 0, _content.Length) == 0; i++)
        {
            from += _content.Length;
        }
        for (
            int i = 0;
            i < stop
                && to - _content.Length >= from
                && string.CompareOrdinal(token, to - _content.Length, _content, 0, _content.Length) == 0;
            i++
        )
        {
            to -= _content.Length;
        }
        return token[from..to];
    }

    /// <summary>Behind Fuse only the ends of the text lose anything.</summary>
    public override string Inside(string token) => token;

    public override TokenStage Start(TokenStage next, bool fused) =>
        !fused ? new MapStage(Anywhere, next)
        : stop == 0 && _content.Length == 1 ? new StrippingStage(_content[0], start, next)
        : new WholeStage(Anywhere, next);
}

/// <summary>Takes a character off the beginning of a token that comes in parts.</summary>
internal sealed class StrippingStage(char content, int count, TokenStage next) : TokenStage
{
    private readonly int _count = count;
    private int _left = count;

    public override void Add(ReadOnlySpan<char> token)
    {
        while (_left > 0 && token.Length > 0)
        {
            if (token[0] != content)
            {
                _left = 0;
                break;
            }
            token = token[1..];
            _left--;
        }
        next.Add(token);
    }

    public override void End()
    {
        _left = _count;
        next.End();
    }
}
