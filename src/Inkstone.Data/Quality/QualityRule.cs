namespace Inkstone.Data;

/// <summary>On which side of its limit a statistic has to be.</summary>
internal enum QualityBound
{
    /// <summary>Dropped below the limit.</summary>
    Least,

    /// <summary>Dropped above the limit.</summary>
    Most,

    /// <summary>Dropped at and above the limit.</summary>
    Below,
}

/// <summary>One rule of a filter.</summary>
/// <param name="Statistic">What it looks at.</param>
/// <param name="Bound">Which side is good.</param>
/// <param name="Limit">The published limit, or the one of the options.</param>
internal sealed record QualityRule(string Statistic, QualityBound Bound, double Limit)
{
    /// <summary>What the rule is called where its limit is set.</summary>
    public string Name => $"{Statistic}.{(Bound == QualityBound.Least ? "least" : "most")}";

    /// <summary>Whether the rule asks anything of a document with these statistics; always, unless said otherwise.</summary>
    internal Func<QualityStatistics, bool> AppliesTo { get; init; } = _ => true;

    internal bool Drops(QualityStatistics statistics) =>
        statistics[Statistic] is { } value
        && AppliesTo(statistics)
        && Bound switch
        {
            QualityBound.Least => value < Limit,
            QualityBound.Most => value > Limit,
            _ => value >= Limit,
        };
}

/// <summary>One number of a document.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Value">Null where it has no meaning.</param>
/// <param name="IsShare">Whether it is a part of a whole.</param>
internal readonly record struct QualityStatistic(string Name, double? Value, bool IsShare);

/// <summary>Named numbers of one document in the order in which they were computed; one that has no meaning for it is null.</summary>
internal sealed class QualityStatistics
{
    private readonly List<QualityStatistic> _values = [];

    /// <summary>All of them.</summary>
    public IReadOnlyList<QualityStatistic> All => _values;

    /// <summary>One of them; null where it was not computed.</summary>
    public double? this[string name]
    {
        get
        {
            foreach (QualityStatistic value in _values)
            {
                if (value.Name == name)
                {
                    return value.Value;
                }
            }
            return null;
        }
    }

    /// <summary>The text as the filter would keep it, where it changes any.</summary>
    public string? Text { get; internal set; }

    internal void Add(string name, double? value) => _values.Add(new(name, value, IsShare: false));

    /// <summary>A share; null of nothing.</summary>
    internal void Share(string name, double part, double whole) => _values.Add(new(name, whole > 0 ? part / whole : null, IsShare: true));
}

/// <summary>Why a document was dropped.</summary>
/// <param name="Rule">The first rule that it breaks.</param>
/// <param name="Value">Its value there.</param>
internal sealed record QualityFinding(QualityRule Rule, double Value);

/// <summary>A named filter: statistics of a text, and rules over them, of which the first that is broken drops the document.</summary>
internal sealed class QualityFilter
{
    private readonly Func<string, QualityStatistics> _measure;

    internal QualityFilter(string name, string about, Func<string, QualityStatistics> measure, params IReadOnlyList<QualityRule> rules) =>
        (Name, About, _measure, Rules) = (name, about, measure, rules);

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Where it comes from, in a line.</summary>
    public string About { get; }

    /// <summary>Its rules in their order.</summary>
    public IReadOnlyList<QualityRule> Rules { get; }

    /// <summary>The statistics of a text.</summary>
    public QualityStatistics Measure(string text) => _measure(text);

    /// <summary>The first rule that drops a text with these statistics; null keeps it.</summary>
    public QualityFinding? Judge(QualityStatistics statistics)
    {
        foreach (QualityRule rule in Rules)
        {
            if (rule.Drops(statistics))
            {
                return new QualityFinding(rule, statistics[rule.Statistic]!.Value);
            }
        }
        return null;
    }

    /// <summary>The same filter with other limits.</summary>
    /// <param name="limits">pairs such as ("words.least", 20)</param>
    /// <exception cref="ArgumentException">There is no such rule.</exception>
    public QualityFilter With(IEnumerable<KeyValuePair<string, double>> limits)
    {
        Dictionary<string, double> set = new(limits);
        if (set.Keys.FirstOrDefault(name => Rules.All(r => r.Name != name)) is { } unknown)
        {
            throw new ArgumentException(
                $"the filter {Name} has no limit '{unknown}': it has {string.Join(", ", Rules.Select(r => r.Name))}."
            );
        }
        return new QualityFilter(
            Name,
            About,
            _measure,
            [.. Rules.Select(r => set.TryGetValue(r.Name, out double limit) ? r with { Limit = limit } : r)]
        );
    }
}
