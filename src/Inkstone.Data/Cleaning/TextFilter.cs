namespace Inkstone.Data;

/// <summary>What one step of the cleaning did: how many documents came to it, how many it changed, how many it dropped.</summary>
public sealed record FilterCount(string Name, long Seen, long Changed, long Dropped);

/// <summary>What a step says of one document.</summary>
/// <param name="Text">The text to go on with; null drops the document.</param>
/// <param name="Reason">Why it is dropped, where a step has several reasons.</param>
/// <param name="Value">The number that decided.</param>
/// <param name="Statistics">What was measured, for the histograms of the report.</param>
internal sealed record FilterVerdict(string? Text, string? Reason = null, double? Value = null, QualityStatistics? Statistics = null);

/// <summary>One step of the cleaning: a function from text to text (the same instance if unchanged), or to null to drop the document.
/// Several threads may apply it at once.</summary>
internal sealed class TextFilter
{
    private readonly Func<string, FilterVerdict> _judge;
    private long _seen,
        _changed,
        _dropped;

    /// <summary>A step that needs no reasons.</summary>
    public TextFilter(string name, Func<string, string?> apply)
        : this(name, text => new FilterVerdict(apply(text))) { }

    /// <summary>A step that tells why it drops a document.</summary>
    public TextFilter(string name, Func<string, FilterVerdict> judge) => (Name, _judge) = (name, judge);

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>Counts so far.</summary>
    public FilterCount Count => new(Name, _seen, _changed, _dropped);

    /// <summary>Applies the step and counts.</summary>
    public string? Apply(string text) => Judge(text).Text;

    /// <summary>Applies the step and counts.</summary>
    public FilterVerdict Judge(string text)
    {
        FilterVerdict verdict = _judge(text);
        Interlocked.Increment(ref _seen);
        if (verdict.Text is null)
        {
            Interlocked.Increment(ref _dropped);
        }
        else if (!ReferenceEquals(verdict.Text, text) && verdict.Text != text)
        {
            Interlocked.Increment(ref _changed);
        }
        return verdict;
    }

    /// <summary>Counts on from where an earlier run has stopped.</summary>
    internal void Restore(FilterCount count) => (_seen, _changed, _dropped) = (count.Seen, count.Changed, count.Dropped);
}
