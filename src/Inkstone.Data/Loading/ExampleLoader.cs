using System.Runtime.InteropServices;
using Inkstone.Text;

namespace Inkstone.Data;

/// <summary>How examples of different lengths become batches.</summary>
public enum Batching
{
    /// <summary>Several examples in each row of a fixed length, best fit first; attention and positions begin anew with each.</summary>
    Packed,

    /// <summary>The examples of a batch one behind the other in a single row, without padding.</summary>
    PaddingFree,

    /// <summary>One example a row, padded to the longest of the batch.</summary>
    Padded,
}

/// <summary>How an <see cref="ExampleLoader"/> makes batches.</summary>
/// <param name="Rows">rows (packed, padded) or examples (padding-free) of a batch</param>
/// <param name="Length">longest row, T; examples are no longer than T + 1</param>
/// <param name="Batching">how</param>
/// <param name="ShuffleSeed">seed of a new order in each epoch; null keeps the order</param>
/// <param name="Finite">one pass (validation) instead of endless ones</param>
/// <param name="Epochs">passes that are kept apart: the last batch of each holds what is left, and none is filled up from the next; null
/// lets passes run into each other</param>
/// <param name="PadId">what fills the rest of a row; it is never learned from</param>
public sealed record ExampleLoaderOptions(
    int Rows,
    int Length,
    Batching Batching,
    ulong? ShuffleSeed = null,
    bool Finite = false,
    int PadId = 0,
    double? Epochs = null
);

/// <summary>Batches of conversations, whose labels are the tokens that an assistant says.</summary>
public sealed class ExampleLoader : IBatchSource<Batch>
{
    private readonly IReadOnlyList<MaskedConversation> _examples;
    private readonly ExampleLoaderOptions _options;
    private readonly int[][] _rows; // indexes of the examples of each row
    private readonly List<int> _taken = [];
    private readonly RowCursor _cursor;

    /// <summary>A loader at the start of its first pass.</summary>
    /// <exception cref="ArgumentException">There is no example, or one is longer than a row.</exception>
    public ExampleLoader(IReadOnlyList<MaskedConversation> examples, ExampleLoaderOptions options)
    {
        (_examples, _options) = (examples, options);
        int longest = examples.Count == 0 ? 0 : examples.Max(Length);
        if (longest == 0 || longest > options.Length)
        {
            throw new ArgumentException(
                examples.Count == 0
                    ? "There is no conversation to learn from."
                    : $"An example of {longest} tokens does not fit rows of {options.Length}.",
                nameof(examples)
            );
        }
        _rows =
            options.Batching == Batching.Packed
                ? BestFitPacking.Pack([.. examples.Select(Length)], options.Length)
                : [.. Enumerable.Range(0, examples.Count).Select(i => new[] { i })];
        _cursor = new RowCursor(_rows.Length, options.ShuffleSeed, options.Finite, options.Epochs);
    }

    /// <inheritdoc/>
    public long RowCount => _rows.Length;

    /// <inheritdoc/>
    public int RowLength => _options.Length;

    /// <inheritdoc/>
    public Batch NewBatch(int rows) => new(rows, _options.Length);

    /// <inheritdoc/>
    public bool PassEnded => _cursor.PassEnded;

    /// <inheritdoc/>
    public LoaderState State
    {
        get => _cursor.State;
        set => _cursor.State = value;
    }

    /// <inheritdoc/>
    public bool Next(Batch batch)
    {
        _taken.Clear();
        while (_taken.Count < _options.Rows && _cursor.Take(first: _taken.Count == 0) is { } row)
        {
            _taken.Add((int)row);
        }
        if (_taken.Count == 0)
        {
            return false;
        }
        ReadOnlySpan<int> rows = CollectionsMarshal.AsSpan(_taken);
        Shape(batch, rows);
        Clear(batch);
        int at = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            int rowStart = _options.Batching == Batching.PaddingFree ? 0 : i * batch.Length;
            at = Math.Max(at, rowStart);
            foreach (int example in _rows[rows[i]])
            {
                at = WriteExample(batch, _examples[example], at, at - rowStart);
            }
        }
        return true;
    }

    /// <summary>Tokens of a row that an example takes: its last one is only a label.</summary>
    private static int Length(MaskedConversation example) => example.Ids.Length - 1;

    private void Shape(Batch batch, ReadOnlySpan<int> rows)
    {
        int sum = 0,
            longest = 0;
        foreach (int row in rows)
        {
            int length = 0;
            foreach (int example in _rows[row])
            {
                length += Length(_examples[example]);
            }
            (sum, longest) = (sum + length, Math.Max(longest, length));
        }
        batch.Reshape(
            _options.Batching == Batching.PaddingFree ? 1 : rows.Length,
            _options.Batching switch
            {
                Batching.Packed => _options.Length,
                Batching.Padded => longest,
                _ => sum,
            }
        );
    }

    private void Clear(Batch batch)
    {
        batch.Inputs.Fill(_options.PadId);
        batch.Labels.Fill(Batch.IgnoredLabel);
        batch.AttentionMask.Clear();
        (batch.LabelCount, batch.TokenCount) = (0, 0);
        Span<int> starts = batch.DocumentStarts,
            positions = batch.Positions;
        for (int i = 0; i < starts.Length; i++)
        {
            // Padding looks at itself alone: it costs attention nothing.
            (starts[i], positions[i]) = (i % batch.Length, 0);
        }
    }

    private static int WriteExample(Batch batch, MaskedConversation example, int at, int column)
    {
        int length = Length(example);
        example.Ids.AsSpan(0, length).CopyTo(batch.Inputs[at..]);
        batch.AttentionMask.Slice(at, length).Fill(1);
        Span<int> labels = batch.Labels.Slice(at, length),
            starts = batch.DocumentStarts.Slice(at, length),
            positions = batch.Positions.Slice(at, length);
        for (int t = 0; t < length; t++)
        {
            (starts[t], positions[t]) = (column, t);
            if (example.LossMask[t + 1])
            {
                labels[t] = example.Ids[t + 1];
                batch.LabelCount++;
            }
        }
        batch.TokenCount += length;
        return at + length;
    }
}
