using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>Batches of pairs for a reward model, dealt anew in each pass.</summary>
internal sealed class RewardSource : IBatchSource<RewardBatch>
{
    private readonly IReadOnlyList<PreferenceExample> _examples;
    private readonly PreferenceSourceOptions _options;
    private readonly RowCursor _cursor;
    private readonly bool _margins;

    /// <summary>A source at the start of its first pass. Margins count where every pair has one.</summary>
    public RewardSource(IReadOnlyList<PreferenceExample> examples, PreferenceSourceOptions options)
    {
        (_examples, _options, _margins) = (examples, options, examples.All(e => e.Margin is not null));
        _cursor = new RowCursor(examples.Count, options.ShuffleSeed, options.Finite, options.Epochs);
        RowLength = examples.Max(e => e.Tokens);
    }

    /// <inheritdoc/>
    public long RowCount => _examples.Count;

    /// <inheritdoc/>
    public int RowLength { get; }

    /// <inheritdoc/>
    public LoaderState State
    {
        get => _cursor.State;
        set => _cursor.State = value;
    }

    /// <inheritdoc/>
    public bool PassEnded => _cursor.PassEnded;

    /// <inheritdoc/>
    public RewardBatch NewBatch(int rows) => new(_options.Share);

    /// <inheritdoc/>
    public bool Next(RewardBatch batch)
    {
        batch.Texts.Clear();
        batch.Margins.Clear();
        batch.LabelCount = 0;
        while (batch.LabelCount < _options.Rows && _cursor.Take(first: batch.LabelCount == 0) is { } row)
        {
            PreferenceExample example = _examples[(int)row];
            batch.Texts.Add(example.Prompt, example.Answers);
            if (_margins)
            {
                batch.Margins.Add(example.Margin!.Value);
            }
            batch.LabelCount++;
        }
        batch.Texts.Close(bySlot: true);
        return batch.LabelCount > 0;
    }
}
