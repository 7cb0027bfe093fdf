using System.Buffers;
using System.Text;

namespace Inkstone.Text;

/// <summary>A token that is found in the text before any splitting.</summary>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool LeftStrip, bool RightStrip, bool Normalized, bool Special);

/// <summary>Finds added tokens in text: the leftmost, among those the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly (byte[] Text, AddedToken Token)[]?[] _byFirst = new (byte[], AddedToken)[]?[256];
    private readonly SearchValues<byte> _first;

    /// <param name="tokens">The tokens, and as what text each is to be found.</param>
    public AddedTokenMatcher(IEnumerable<(AddedToken Token, byte[] Text)> tokens)
    {
        IGrouping<byte, (AddedToken Token, byte[] Text)>[] groups = [.. tokens.Where(t => t.Text.Length > 0).GroupBy(t => t.Text[0])];
        foreach (IGrouping<byte, (AddedToken Token, byte[] Text)> group in groups)
        {
            _byFirst[group.Key] = [.. group.OrderByDescending(t => t.Text.Length).Select(t => (t.Text, t.Token))];
        }
        _first = SearchValues.Create([.. groups.Select(g => g.Key)]);
        IsEmpty = groups.Length == 0;
    }

    public bool IsEmpty { get; }

    /// <summary>The next token whose text starts at or after <paramref name="from"/>, with the white space that it takes along.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="from">Where the search begins.</param>
    /// <param name="taken">Where the previous token ended: white space to the left of it is not taken twice.</param>
    /// <param name="start">Where the token begins.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="resume">Where the next search goes on.</param>
    public AddedToken? Find(ReadOnlySpan<byte> text, int from, int taken, out int start, out int end, out int resume)
    {
        for (int i = from; i < text.Length; i++)
        {
            int step = text[i..].IndexOfAny(_first);
            if (step < 0)
            {
                break;
            }
            i += step;
            foreach ((byte[] content, AddedToken token) in _byFirst[text[i]]!)
            {
                if (!text[i..].StartsWith(content))
                {
                    continue;
                }
                (start, end) = (i, i + content.Length);
                resume = end;
                if (token.SingleWord && !StandsAlone(text, start, end))
                {
                    i = end - 1;
                    break;
                }
                if (token.LeftStrip)
                {
                    start = Math.Max(taken, CharClass.StartOfSpace(text, start));
                }
                if (token.RightStrip)
                {
                    end = CharClass.EndOfRun(text, end, CharClass.Space);
                }
                return token;
            }
        }
        (start, end, resume) = (text.Length, text.Length, text.Length);
        return null;
    }

    private static bool StandsAlone(ReadOnlySpan<byte> text, int start, int end)
    {
        bool wordBefore =
            start > 0
            && Rune.DecodeLastFromUtf8(text[..start], out Rune before, out _) == OperationStatus.Done
            && CharClass.IsWord(before.Value);
        bool wordAfter =
            end < text.Length
            && Rune.DecodeFromUtf8(text[end..], out Rune after, out _) == OperationStatus.Done
            && CharClass.IsWord(after.Value);
        return !wordBefore && !wordAfter;
    }
}
