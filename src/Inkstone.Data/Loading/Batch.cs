namespace Inkstone.Data;

/// <summary>One micro-batch of token rows, row-major [rows, length]; filled in place by an <see cref="IBatchSource{TBatch}"/> and
/// reused.</summary>
public sealed class Batch : ITrainingBatch
{
    /// <summary>The label that is not learned from.</summary>
    public const int IgnoredLabel = -100;

    private int[] _inputs = [],
        _labels = [],
        _documentStarts = [],
        _positions = [],
        _attentionMask = [];

    /// <summary>A batch of <paramref name="rows"/> × <paramref name="length"/> tokens.</summary>
    public Batch(int rows, int length)
    {
        MaxRows = rows;
        Reshape(rows, length);
    }

    /// <summary>Rows that were asked for; the last batch of a pass may have fewer.</summary>
    public int MaxRows { get; }

    /// <summary>B.</summary>
    public int Rows { get; private set; }

    /// <summary>T.</summary>
    public int Length { get; private set; }

    /// <summary>Token ids, [B, T].</summary>
    public Span<int> Inputs => _inputs.AsSpan(0, Rows * Length);

    /// <summary>The id that follows each input, or <see cref="IgnoredLabel"/>; [B, T].</summary>
    public Span<int> Labels => _labels.AsSpan(0, Rows * Length);

    /// <summary>For each token the index within its row at which its document begins: attention reaches no further back. [B, T].</summary>
    public Span<int> DocumentStarts => _documentStarts.AsSpan(0, Rows * Length);

    /// <summary>The position of each token within its document (or within the row); [B, T].</summary>
    public Span<int> Positions => _positions.AsSpan(0, Rows * Length);

    /// <summary>1 for tokens of the data, 0 for padding; set only where there is padding. [B, T].</summary>
    public Span<int> AttentionMask => _attentionMask.AsSpan(0, Rows * Length);

    /// <inheritdoc/>
    public int TokenCount { get; set; }

    /// <summary>Whether there is padding.</summary>
    public bool HasPadding => TokenCount < Rows * Length;

    /// <inheritdoc/>
    public int LabelCount { get; set; }

    /// <summary>Gives the batch other sizes; memory only grows.</summary>
    public void Reshape(int rows, int length)
    {
        int count = checked(rows * length);
        if (count > _inputs.Length)
        {
            (_inputs, _labels, _documentStarts, _positions, _attentionMask) = (
                new int[count],
                new int[count],
                new int[count],
                new int[count],
                new int[count]
            );
        }
        (Rows, Length) = (rows, length);
    }
}
