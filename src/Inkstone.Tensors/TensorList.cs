namespace Inkstone.Tensors;

/// <summary>Tensors over which ops go in one pass, in pieces of a fixed size that are counted from each tensor's beginning.</summary>
public sealed class TensorList
{
    private readonly Tensor[] _tensors;
    private readonly int[] _firstPieces,
        _tensorOfPiece;

    /// <summary>A list of tensors on one device.</summary>
    public TensorList(IEnumerable<Tensor> tensors)
    {
        _tensors = [.. tensors];
        _firstPieces = new int[_tensors.Length + 1];
        for (int i = 0; i < _tensors.Length; i++)
        {
            _firstPieces[i + 1] = checked(_firstPieces[i] + Ops.PiecesOf(_tensors[i]).Number);
        }
        _tensorOfPiece = new int[_firstPieces[^1]];
        for (int i = 0; i < _tensors.Length; i++)
        {
            _tensorOfPiece.AsSpan(_firstPieces[i].._firstPieces[i + 1]).Fill(i);
        }
    }

    /// <summary>Number of tensors.</summary>
    public int Count => _tensors.Length;

    /// <summary>A tensor.</summary>
    public Tensor this[int index] => _tensors[index];

    /// <summary>Elements of a piece; the last one of a tensor may have fewer.</summary>
    public const int PieceLength = Ops.StepGrain;

    /// <summary>Pieces of all tensors together.</summary>
    public int Pieces => _tensorOfPiece.Length;

    /// <summary>The first piece of a tensor; that of the one behind the last is <see cref="Pieces"/>.</summary>
    public int FirstPiece(int tensor) => _firstPieces[tensor];

    /// <summary>The tensor to which a piece belongs.</summary>
    internal int TensorOf(int piece) => _tensorOfPiece[piece];
}
