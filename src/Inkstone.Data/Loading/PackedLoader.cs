namespace Inkstone.Data;

/// <summary>How a <see cref="PackedLoader"/> cuts and orders the tokens.</summary>
/// <param name="Length">Tokens per row, T.</param>
/// <param name="DocumentAware">Attention and positions begin anew with each document, and no label crosses a border.</param>
/// <param name="ShuffleSeed">Seed of a new order of windows in each epoch; null keeps the order of the files.</param>
/// <param name="Finite">One pass (validation) instead of endless ones.</param>
/// <param name="Epochs">Passes that are kept apart: the last batch of each holds what is left, and none is filled up from the next; null
/// lets passes run into each other.</param>
public sealed record PackedLoaderOptions(
    int Length,
    bool DocumentAware = false,
    ulong? ShuffleSeed = null,
    bool Finite = false,
    double? Epochs = null
);

/// <summary>
/// Rows of T tokens from a list of shards seen as one stream: window i is tokens [i*T, i*T+T], inputs the first T of these T+1,
/// labels the last T. In document order micro-batch m, row b is window m*B + b.
/// </summary>
public sealed class PackedLoader : IBatchSource<Batch>
{
    private readonly IReadOnlyList<TokenShard> _shards;
    private readonly PackedLoaderOptions _options;
    private readonly long[] _shardStarts; // of each shard in the stream; one more for the end
    private readonly int _endOfDocumentId;
    private readonly int[] _window;
    private WindowPermutation _permutation;
    private LoaderState _state;

    /// <summary>A loader at the start of its first pass. The shards stay the caller's to dispose.</summary>
    /// <exception cref="ArgumentException">There are fewer tokens than one window needs, or the shards do not name the one id that ends
    /// documents.</exception>
    public PackedLoader(IReadOnlyList<TokenShard> shards, PackedLoaderOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Length);
        _shards = shards;
        _options = options;
        _window = new int[options.Length + 1];
        _shardStarts = new long[shards.Count + 1];
        for (int i = 0; i < shards.Count; i++)
        {
            _shardStarts[i + 1] = _shardStarts[i] + shards[i].Count;
        }
        _endOfDocumentId = options.DocumentAware ? CommonEndOfDocumentId(shards) : -1;

        WindowCount = (TokenCount - 1) / options.Length;
        if (WindowCount < 1)
        {
            throw new ArgumentException(
                $"{TokenCount} tokens{(shards.Count > 0 ? $" in '{shards[0].Path}'" : "")} are too few for one row of {options.Length} + 1: give more text or a shorter sequence length."
            );
        }
        State = default;
    }

    /// <summary>Tokens in all shards.</summary>
    public long TokenCount => _shardStarts[^1];

    /// <inheritdoc/>
    public long RowCount => WindowCount;

    /// <inheritdoc/>
    public int RowLength => _options.Length;

    /// <inheritdoc/>
    public Batch NewBatch(int rows) => new(rows, _options.Length);

    /// <summary>Rows in one pass; the last tokens that fill no row are left out.</summary>
    public long WindowCount { get; }

    /// <inheritdoc/>
    public bool PassEnded => _options.Epochs is not null && _state.Position == PassRows;

    private long PassRows => _options.Epochs is { } epochs ? new EpochBudget(epochs, WindowCount).Rows(_state.Epoch) : WindowCount;

    /// <summary>The exact cursor: set to a stored value, the loader goes on as if it had never stopped.</summary>
    public LoaderState State
    {
        get => _state;
        set
        {
            if (value.Epoch < 0 || value.Position < 0 || value.Position > WindowCount)
            {
                throw new InvalidDataException(
                    $"the stored cursor (epoch {value.Epoch}, window {value.Position}) lies outside the data's {WindowCount} windows: the shards or the sequence length have changed since it was stored."
                );
            }
            _state = value;
            Rekey();
        }
    }

    /// <summary>Fills the batch with the next rows; false when a finite pass has none left.</summary>
    public bool Next(Batch batch)
    {
        if (batch.Length != _options.Length)
        {
            throw new ArgumentException($"the batch has rows of {batch.Length} tokens, the loader of {_options.Length}.");
        }

        batch.LabelCount = 0;
        batch.Reshape(batch.MaxRows, batch.Length);
        int filled = 0;
        for (; filled < batch.Rows; filled++)
        {
            if (_state.Position == PassRows)
            {
                // Where passes are kept apart, only the first row of a batch begins another.
                if (_options.Finite || (_options.Epochs is not null && filled > 0))
                {
                    break;
                }
                _state = new LoaderState(_state.Epoch + 1, 0);
                Rekey();
            }
            long window = _options.ShuffleSeed is null ? _state.Position : _permutation[_state.Position];
            ReadStream(window * _options.Length);
            FillRow(batch, filled);
            _state = _state with { Position = _state.Position + 1 };
        }
        batch.Reshape(filled, batch.Length);
        batch.TokenCount = filled * batch.Length;
        return filled > 0;
    }

    private static int CommonEndOfDocumentId(IReadOnlyList<TokenShard> shards)
    {
        int? id = shards.Count > 0 ? shards[0].Header.EndOfDocumentId : null;
        foreach (TokenShard shard in shards)
        {
            if (shard.Header.EndOfDocumentId is not { } own || own != id)
            {
                throw new ArgumentException(
                    $"the token shard '{shard.Path}' does not name the end-of-document id that the other shards have: give the id when opening it, or turn document-aware loading off."
                );
            }
        }
        return id ?? -1;
    }

    private void Rekey()
    {
        if (_options.ShuffleSeed is { } seed)
        {
            _permutation = new WindowPermutation(WindowCount, seed, _state.Epoch);
        }
    }

    private void ReadStream(long start)
    {
        int shard = Array.BinarySearch(_shardStarts, start);
        if (shard < 0)
        {
            shard = ~shard - 1;
        }

        Span<int> rest = _window;
        while (!rest.IsEmpty)
        {
            // Empty shards share their start with the next one: skip to the one that holds the token.
            while (_shardStarts[shard + 1] <= start)
            {
                shard++;
            }
            int take = (int)Math.Min(rest.Length, _shardStarts[shard + 1] - start);
            _shards[shard].Read(start - _shardStarts[shard], rest[..take]);
            rest = rest[take..];
            start += take;
        }
    }

    private void FillRow(Batch batch, int row)
    {
        int length = batch.Length,
            offset = row * length;
        _window.AsSpan(0, length).CopyTo(batch.Inputs[offset..]);
        _window.AsSpan(1, length).CopyTo(batch.Labels[offset..]);
        batch.LabelCount += length;

        int documentStart = 0;
        for (int t = 0; t < length; t++)
        {
            batch.DocumentStarts[offset + t] = documentStart;
            batch.Positions[offset + t] = t - documentStart;
            if (_window[t] != _endOfDocumentId)
            {
                continue;
            }

            // What follows the end of a document belongs to another one, and cannot be known from this one.
            batch.Labels[offset + t] = Batch.IgnoredLabel;
            batch.LabelCount--;
            documentStart = t + 1;
        }
    }
}
