using System.Text;

namespace Inkstone.Text;

/// <summary>
/// One step of a decoder of tokenizer.json. Whole tokens come to it one by one; behind a step that fuses them (<see cref="Fuses"/>) all
/// text is
/// one token, which comes in parts.
/// </summary>
internal abstract class DecoderStep
{
    /// <summary>Whether what leaves the step is one token.</summary>
    public virtual bool Fuses => false;

    /// <summary>What becomes of a token wherever it stands; null where that depends on its place or on other tokens.</summary>
    public virtual string? Anywhere(string token) => null;

    /// <summary>What a token stands for in the middle of a text.</summary>
    public virtual string Inside(string token) => Anywhere(token)!;

    /// <summary>The step at work on one text.</summary>
    /// <param name="next">where its result goes</param>
    /// <param name="fused">whether what comes is one token in parts</param>
    public abstract TokenStage Start(TokenStage next, bool fused);
}

/// <summary>A step of a decoder at work on one text.</summary>
internal abstract class TokenStage
{
    /// <summary>Takes a token, or the next part of the only one.</summary>
    public abstract void Add(ReadOnlySpan<char> token);

    /// <summary>The text has ended: passes on what was held back.</summary>
    public abstract void End();

    /// <summary>A continuation follows: passes on what belongs to the text before it, whole characters, and holds only what the
    /// continuation completes.</summary>
    public virtual void Settle() { }
}

/// <summary>Tokens on their own.</summary>
internal sealed class MapStage(Func<string, string> map, TokenStage next) : TokenStage
{
    public override void Add(ReadOnlySpan<char> token) => next.Add(map(token.ToString()));

    public override void End() => next.End();

    public override void Settle() => next.Settle();
}

/// <summary>The only token, changed as a whole when it is complete: for steps that cannot begin earlier.</summary>
internal sealed class WholeStage(Func<string, string> map, TokenStage next) : TokenStage
{
    private readonly StringBuilder _text = new();

    public override void Add(ReadOnlySpan<char> token) => _text.Append(token);

    public override void End()
    {
        next.Add(map(_text.ToString()));
        _text.Clear();
        next.End();
    }
}

/// <summary>The last stage: gathers the text.</summary>
internal sealed class TextStage : TokenStage
{
    private char[] _text = new char[256];
    private int _length;

    public override void Add(ReadOnlySpan<char> token)
    {
        token.CopyTo(Room(token.Length));
        _length += token.Length;
    }

    public override void End() { }

    /// <summary>Room for so many characters, which <see cref="Advance"/> then counts.</summary>
    public Span<char> Room(int characters)
    {
        if (_text.Length - _length < characters)
        {
            Array.Resize(ref _text, (_text.Length * 2) + characters);
        }
        return _text.AsSpan(_length);
    }

    public void Advance(int characters) => _length += characters;

    /// <summary>The text since the last call.</summary>
    public string Take()
    {
        string text = _length == 0 ? "" : new string(_text, 0, _length);
        _length = 0;
        return text;
    }
}
