namespace Inkstone.Data;

/// <summary>The order in which rows are taken: pass after pass, each in an order of its own, or one pass alone.</summary>
/// <param name="count">rows of a pass</param>
/// <param name="shuffleSeed">seed of a new order in each pass; null keeps the order</param>
/// <param name="finite">one pass instead of endless ones</param>
/// <param name="epochs">passes that are kept apart; null lets them run into each other</param>
public sealed class RowCursor(long count, ulong? shuffleSeed, bool finite, double? epochs)
{
    private WindowPermutation _permutation = shuffleSeed is { } first ? new WindowPermutation(count, first, 0) : default;
    private LoaderState _state;

    /// <summary>Rows of a pass.</summary>
    public long Count => count;

    /// <summary>Whether the pass is over, where passes are kept apart.</summary>
    public bool PassEnded => epochs is not null && _state.Position == PassRows;

    /// <summary>Where it stands.</summary>
    /// <exception cref="InvalidDataException">A stored place lies outside the rows.</exception>
    public LoaderState State
    {
        get => _state;
        set
        {
            if (value.Epoch < 0 || value.Position < 0 || value.Position > count)
            {
                throw new InvalidDataException(
                    $"the stored cursor (epoch {value.Epoch}, row {value.Position}) lies outside the data's {count} rows: the data, the template or the lengths have changed since it was stored."
                );
            }
            _state = value;
            Rekey();
        }
    }

    /// <summary>The next row; null where a batch must end. Where passes are kept apart, only the first row of a batch begins
    /// another.</summary>
    /// <param name="first">whether the batch has no row yet</param>
    public long? Take(bool first)
    {
        if (_state.Position == PassRows)
        {
            if (finite || (epochs is not null && !first))
            {
                return null;
            }
            _state = new LoaderState(_state.Epoch + 1, 0);
            Rekey();
        }
        long row = shuffleSeed is null ? _state.Position : _permutation[_state.Position];
        _state = _state with { Position = _state.Position + 1 };
        return row;
    }

    private long PassRows => epochs is { } passes ? new EpochBudget(passes, count).Rows(_state.Epoch) : count;

    private void Rekey()
    {
        if (shuffleSeed is { } seed)
        {
            _permutation = new WindowPermutation(count, seed, _state.Epoch);
        }
    }
}
