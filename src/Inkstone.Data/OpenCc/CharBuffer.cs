using System.Buffers;

namespace Inkstone.Data;

/// <summary>A growing row of characters in pooled memory.</summary>
internal sealed class CharBuffer : IDisposable
{
    private const int Short = 8;
    private char[] _chars = ArrayPool<char>.Shared.Rent(1024);

    public int Length { get; private set; }

    public ReadOnlySpan<char> Text => _chars.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Append(ReadOnlySpan<char> text)
    {
        if (_chars.Length - Length < text.Length)
        {
            Grow(text.Length);
        }
        text.CopyTo(_chars.AsSpan(Length));
        Length += text.Length;
    }

    /// <summary>Appends two texts, most of which are a few characters long.</summary>
    public void Append(ReadOnlySpan<char> text, ReadOnlySpan<char> more)
    {
        if (_chars.Length - Length < text.Length + more.Length)
        {
            Grow(text.Length + more.Length);
        }
        Span<char> to = _chars.AsSpan(Length, text.Length + more.Length);
        if (text.Length <= Short)
        {
            for (int i = 0; i < text.Length; i++)
            {
                to[i] = text[i];
            }
        }
        else
        {
            text.CopyTo(to);
        }
        to = to[text.Length..];
        for (int i = 0; i < more.Length && i < to.Length; i++)
        {
            to[i] = more[i];
        }
        Length += text.Length + more.Length;
    }

    public void Dispose() => ArrayPool<char>.Shared.Return(_chars);

    private void Grow(int more)
    {
        char[] larger = ArrayPool<char>.Shared.Rent(Math.Max(2 * _chars.Length, checked(Length + more)));
        Text.CopyTo(larger);
        ArrayPool<char>.Shared.Return(_chars);
        _chars = larger;
    }
}
