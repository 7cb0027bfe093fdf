namespace Inkstone.Data;

/// <summary>What one step of the cleaning did: how many documents came to it, how many it changed, how many it dropped.</summary>
public sealed record FilterCount(string Name, long Seen, long Changed, long Dropped);

/// <summary>One step of the cleaning: a function from text to text (the same instance if unchanged), or to null to drop the document.</summary>
public sealed class TextFilter(string name, Func<string, string?> apply)
{
    private long _seen, _changed, _dropped;

    /// <summary>Counts so far.</summary>
    public FilterCount Count => new(name, _seen, _changed, _dropped);

    /// <summary>Applies the step and counts.</summary>
    public string? Apply(string text)
    {
        _seen++;
        string? result = apply(text);
        if (result is null) _dropped++;
        else if (!ReferenceEquals(result, text) && result != text) _changed++;
        return result;
    }
}
