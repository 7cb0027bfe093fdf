using System.Text;

namespace Inkstone.Text;

/// <summary>When a mark for a space is put before a piece that does not begin with one.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Metaspace: spaces become a visible mark, which begins the words.</summary>
internal sealed class MetaspaceStep(string mark, PrependScheme scheme, bool split) : SplitStep
{
    private static readonly LiteralPattern Space = new(" ");

    private readonly byte[] _mark = Encoding.UTF8.GetBytes(mark);
    private readonly PatternStep _split = new(new LiteralPattern(mark), SplitBehavior.MergedWithNext, false);

    public override void Split(Piece piece, List<Piece> pieces)
    {
        byte[] text = Space.Replace(piece.Text.Span, _mark).ToArray();
        bool prepend =
            piece.Place != PiecePlace.Continuing
            && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.Place == PiecePlace.First));
        if (prepend && !text.AsSpan().StartsWith(_mark))
        {
            text = [.. _mark, .. text];
        }
        if (split)
        {
            _split.Split(new(text, piece.Place), pieces);
        }
        else
        {
            pieces.Add(new(text, piece.Place));
        }
    }
}

/// <summary>A space before every piece that does not begin with one.</summary>
internal sealed class PrefixSpaceStep : SplitStep
{
    public override void Split(Piece piece, List<Piece> pieces) =>
        pieces.Add(
            piece.Place == PiecePlace.Continuing || piece.Text.Span[0] == ' '
                ? piece
                : new((byte[])[(byte)' ', .. piece.Text.Span], piece.Place)
        );
}

/// <summary>Every byte spelled in the byte alphabet, where the vocabulary cannot take the bytes themselves.</summary>
internal sealed class AlphabetStep : SplitStep
{
    public override void Split(Piece piece, List<Piece> pieces) =>
        pieces.Add(new(Encoding.UTF8.GetBytes(ByteAlphabet.ToText(piece.Text.Span)), piece.Place));
}
