namespace Inkstone.Text;

/// <summary>A piece of text on its way to the model.</summary>
/// <param name="Text">UTF-8</param>
/// <param name="Place">where it begins</param>
internal readonly record struct Piece(ReadOnlyMemory<byte> Text, PiecePlace Place);

/// <summary>Where a piece begins, which decides whether a space is put before it.</summary>
internal enum PiecePlace
{
    /// <summary>Where the whole text begins.</summary>
    First,

    /// <summary>Behind another piece or an added token.</summary>
    Inside,

    /// <summary>In the middle of a text whose beginning is encoded already: nothing is put before it.</summary>
    Continuing,
}

/// <summary>One step that cuts pieces of text into smaller ones, or rewrites them.</summary>
internal abstract class SplitStep
{
    /// <summary>Appends what becomes of a piece that is not empty.</summary>
    public abstract void Split(Piece piece, List<Piece> pieces);
}

/// <summary>The split steps of a tokenizer, one behind the other.</summary>
internal sealed class PreTokenizer(IReadOnlyList<SplitStep> steps, bool addPrefixSpace)
{
    /// <summary>The only step, when that is a scanner: then words need not be collected first.</summary>
    public WordScanner? OnlyScanner { get; } = steps.Count == 1 ? (steps[0] as ScannerStep)?.Scanner : null;

    public bool HasSteps => steps.Count > 0;

    /// <summary>A space is put before text that does not begin with one.</summary>
    public bool AddPrefixSpace => addPrefixSpace;

    public List<Piece> Split(ReadOnlySpan<byte> text, PiecePlace place)
    {
        List<Piece> pieces = [new(text.ToArray(), place)];
        foreach (SplitStep step in steps)
        {
            List<Piece> smaller = new(pieces.Count * 2);
            foreach (Piece piece in pieces)
            {
                step.Split(piece, smaller);
            }
            pieces = smaller;
        }
        return pieces;
    }
}
