namespace Inkstone.Data;

/// <summary>One micro-batch, row-major [rows, length]; filled in place by <see cref="PackedLoader.Next"/> and reused.</summary>
public sealed class Batch(int rows, int length)
{
    /// <summary>The label that is not learned from.</summary>
    public const int IgnoredLabel = -100;

    /// <summary>B.</summary>
    public int Rows { get; } = rows;

    /// <summary>T.</summary>
    public int Length { get; } = length;

    /// <summary>Token ids.</summary>
    public int[] Inputs { get; } = new int[rows * length]; // [B, T]

    /// <summary>The id that follows each input, or <see cref="IgnoredLabel"/>.</summary>
    public int[] Labels { get; } = new int[rows * length]; // [B, T]

    /// <summary>For each token the index within its row at which its document begins: attention reaches no further back.</summary>
    public int[] DocumentStarts { get; } = new int[rows * length]; // [B, T]

    /// <summary>The position of each token within its document (or within the row).</summary>
    public int[] Positions { get; } = new int[rows * length]; // [B, T]

    /// <summary>Rows that hold data; fewer than <see cref="Rows"/> only in the last batch of a finite pass, whose other rows are all ignored.</summary>
    public int FilledRows { get; internal set; }

    /// <summary>Number of labels that are learned from.</summary>
    public int LabelCount { get; internal set; }
}
