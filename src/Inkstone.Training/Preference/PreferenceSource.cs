using Inkstone.Data;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>How a <see cref="PreferenceSource"/> makes batches.</summary>
/// <param name="Rows">pairs, or single answers, of a batch</param>
/// <param name="ShuffleSeed">seed of a new order in each pass; null keeps the order</param>
/// <param name="Share">whether the answers to a prompt share it</param>
/// <param name="Finite">one pass instead of endless ones</param>
/// <param name="Epochs">passes that are kept apart; null lets them run into each other</param>
internal sealed record PreferenceSourceOptions(int Rows, ulong? ShuffleSeed, bool Share, bool Finite = false, double? Epochs = null);

/// <summary>
/// Batches of preferences. Pairs are dealt anew in each pass. Single answers stay in the batches that they are dealt to at first, good and
/// bad in each as they are in all, because
/// KTO measures on the answers of the others in the batch how far the policy has moved, and the reference of those is computed once.
/// </summary>
internal sealed class PreferenceSource : IBatchSource<PreferenceBatch>
{
    private readonly PreferenceSourceOptions _options;
    private readonly IReadOnlyList<PreferenceExample> _examples;
    private readonly int[][] _batches; // single answers alone: indexes of the examples of each batch
    private readonly RowCursor _cursor;
    private readonly bool _singles,
        _prompts;

    /// <summary>A source at the start of its first pass.</summary>
    /// <param name="examples">pairs, or single answers</param>
    /// <param name="options">how</param>
    /// <param name="prompts">whether the tokens of chosen answers' prompts are scored too</param>
    /// <param name="warn">is told of a single answer that is left out because no other is in its batch</param>
    /// <exception cref="InvalidDataException">Single answers of which none has another in its batch.</exception>
    public PreferenceSource(
        IReadOnlyList<PreferenceExample> examples,
        PreferenceSourceOptions options,
        bool prompts = false,
        Action<string>? warn = null
    )
    {
        (_examples, _options, _prompts) = (examples, options, prompts);
        _singles = examples.Count > 0 && examples[0].Answers.Length == 1;
        _batches = _singles ? Deal(warn) : [];
        _cursor = new RowCursor(_singles ? _batches.Length : examples.Count, options.ShuffleSeed, options.Finite, options.Epochs);
        RowLength = examples.Max(e => e.Tokens);
        Moved = new int[]?[examples.Count];
        foreach (int[] batch in _batches)
        {
            for (int i = 0; i < batch.Length; i++)
            {
                Moved[batch[i]] = examples[batch[(i + batch.Length - 1) % batch.Length]].Answers[0];
            }
        }
    }

    /// <summary>For each single answer the other one that stands behind its prompt in KTO.</summary>
    internal int[]?[] Moved { get; }

    /// <summary>Log-probabilities under the reference of each example's answers, and of its moved one behind them; null where they are not
    /// stored.</summary>
    internal float[][][]? Reference { get; set; }

    internal IReadOnlyList<PreferenceExample> Examples => _examples;

    /// <inheritdoc/>
    public long RowCount => _singles ? (long)_batches.Length * _options.Rows : _examples.Count;

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
    public PreferenceBatch NewBatch(int rows) => new(_options.Share);

    /// <inheritdoc/>
    public bool Next(PreferenceBatch batch)
    {
        batch.Clear();
        int slots = _singles ? 1 : 2;
        List<int> taken = [];
        while (taken.Count < (_singles ? 1 : _options.Rows) && _cursor.Take(first: taken.Count == 0) is { } row)
        {
            taken.Add((int)row);
        }
        if (_singles && taken.Count > 0)
        {
            taken = [.. _batches[taken[0]]];
        }
        foreach (int i in taken)
        {
            PreferenceExample example = _examples[i];
            batch.Answers.Add(example.Prompt, example.Answers, _prompts);
            if (_singles)
            {
                batch.Good.Add(example.Good);
                batch.Moved.Add(example.Prompt, [Moved[i]!]);
            }
        }
        batch.LabelCount = taken.Count;
        batch.Answers.Close(bySlot: !_singles);
        batch.Moved.Close();
        if (Reference is { } reference)
        {
            for (int slot = 0; slot < slots; slot++)
            {
                taken.ForEach(i => CopyRow(reference[i][slot], batch.Reference));
            }
            taken.ForEach(i => CopyRow(_singles ? reference[i][1] : [], batch.MovedReference));
        }
        return taken.Count > 0;
    }

    private static void CopyRow(float[] from, TokenRuns to)
    {
        Span<double> run = to.Add(from.Length);
        for (int t = 0; t < run.Length; t++)
        {
            run[t] = from[t];
        }
    }

    /// <summary>Good and bad ones shuffled each for themselves, then taken in turn by their shares, then cut into batches of which none
    /// holds a single answer.</summary>
    private int[][] Deal(Action<string>? warn)
    {
        (int Index, double Place)[] placed = [.. Side(true), .. Side(false)];
        int[] order = [.. placed.OrderBy(p => p.Place).ThenBy(p => p.Index).Select(p => p.Index)];
        List<int[]> batches = [.. order.Chunk(_options.Rows)];
        if (batches.Count > 1 && batches[^1].Length == 1 && _options.Rows > 2)
        {
            int[] before = batches[^2];
            (batches[^2], batches[^1]) = (before[..^1], [before[^1], batches[^1][0]]);
        }
        int alone = batches.RemoveAll(b => b.Length == 1);
        if (alone > 0 && batches.Count > 0)
        {
            warn?.Invoke($"{alone} judged answer was left out: no other is in its batch");
        }
        return batches.Count > 0
            ? [.. batches]
            : throw new InvalidDataException(
                "a judged answer that is alone in its batch has no other to be measured on; give at least two, and a train.batch_size of at least 2"
            );

        IEnumerable<(int, double)> Side(bool good)
        {
            int[] side = [.. Enumerable.Range(0, _examples.Count).Where(i => _examples[i].Good == good)];
            if (_options.ShuffleSeed is { } seed)
            {
                PhiloxRandom random = new(seed, good ? 1u : 2u);
                double[] keys = [.. side.Select((_, k) => random.UniformDouble((ulong)k))];
                Array.Sort(keys, side);
            }
            return side.Select((i, k) => (i, (k + 0.5) / side.Length));
        }
    }
}
