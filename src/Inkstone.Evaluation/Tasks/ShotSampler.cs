using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Chooses the worked examples of a prompt.</summary>
internal sealed class ShotSampler
{
    private readonly IReadOnlyList<DictValue> _pool;
    private readonly bool _first,
        _excludes;
    private readonly string _place;
    private MersenneTwister _random = new(1234);

    private ShotSampler(IReadOnlyList<DictValue> pool, bool first, bool excludes, string place) =>
        (_pool, _first, _excludes, _place) = (pool, first, excludes, place);

    /// <summary>Leaves a document out of its own examples wherever they come from, and not only where lm-evaluation-harness does.</summary>
    public bool AlwaysExclude { get; set; }

    /// <summary>The pool: the split for examples, rows written in the task, or the training, validation or test split.</summary>
    public static ShotSampler For(EvaluationTask task)
    {
        DictValue shots = task.Config.Shots;
        string? split = shots.Text("split");
        string sampler = shots.Text("sampler") ?? "default";
        if (sampler is not ("default" or "first_n"))
        {
            throw new InvalidDataException(
                $"{task.Config.Place}: fewshot_config has the sampler '{sampler}'; there are default and first_n."
            );
        }
        IReadOnlyList<DictValue> pool =
            split is not null ? task.DatasetOf(split).Rows
            : shots.Get("samples") is ListValue samples ? [.. samples.Elements.OfType<DictValue>()]
            : (task.Config.Text("training_split") ?? task.Config.Text("validation_split")) is { } other ? task.DatasetOf(other).Rows
            : task.Documents.Rows;
        // The test split is compared with the split for examples, and two that are both absent are equal.
        return new ShotSampler(pool, sampler == "first_n", split == task.Config.Text("test_split"), task.Config.Place);
    }

    public void Seed(int seed) => _random = new MersenneTwister(seed);

    /// <summary>Whether a document may stand in its own prompt, its answer with it.</summary>
    public bool MayShow(DictValue document) => !_excludes && !AlwaysExclude && _pool.Any(document.Equals);

    /// <exception cref="InvalidDataException">There are fewer rows than are wanted.</exception>
    public IReadOnlyList<DictValue> Sample(int count, DictValue document)
    {
        bool excludes = _excludes || AlwaysExclude;
        if (_first)
        {
            List<DictValue> rows = [.. (excludes ? _pool.Where(d => !d.Equals(document)) : _pool).Take(count)];
            return rows.Count == count ? rows : throw TooFew(count);
        }
        int drawn = excludes ? count + 1 : count;
        if (drawn > _pool.Count)
        {
            throw TooFew(drawn);
        }
        List<DictValue> sample = _random.Sample(_pool, drawn);
        if (excludes)
        {
            sample = [.. sample.Where(d => !d.Equals(document)).Take(count)];
        }
        return sample.Count == count
            ? sample
            : throw new InvalidDataException(
                $"{_place}: the rows for examples hold the document itself more than once, so fewer than {count} are left; remove duplicates."
            );
    }

    private InvalidDataException TooFew(int count) =>
        new($"{_place}: {count} examples are wanted and there are {_pool.Count} rows for them; lower --num-fewshot.");
}
