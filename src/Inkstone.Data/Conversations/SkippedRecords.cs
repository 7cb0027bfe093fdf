namespace Inkstone.Data;

/// <summary>Records left out for one reason.</summary>
/// <param name="Reason">what is wrong with them</param>
/// <param name="Count">how many</param>
/// <param name="Places">where the first few are</param>
public sealed record SkippedRecords(string Reason, long Count, IReadOnlyList<string> Places)
{
    /// <summary>How many, why and where, such as <c>2 records were skipped: the messages are no list (a.jsonl:1, a.jsonl:7)</c>.</summary>
    /// <param name="what">what they are, in the singular</param>
    /// <param name="done">what became of them</param>
    public string Sentence(string what, string done) =>
        FormattableString.Invariant(
            $"{Count:N0} {what}{(Count == 1 ? " was" : "s were")} {done}: {Reason} ({string.Join(", ", Places)}{(Count > Places.Count ? ", …" : "")})"
        );
}

/// <summary>Counts records by reason and remembers where the first few are.</summary>
public sealed class SkippedRecordCounter
{
    private const int PlacesPerReason = 5;
    private readonly Dictionary<string, (long Count, List<string> Places)> _reasons = [];

    /// <summary>What was counted so far, the most frequent first.</summary>
    public IReadOnlyList<SkippedRecords> Records =>
        [
            .. _reasons
                .OrderByDescending(s => s.Value.Count)
                .ThenBy(s => s.Key, StringComparer.Ordinal)
                .Select(s => new SkippedRecords(s.Key, s.Value.Count, [.. s.Value.Places])),
        ];

    /// <summary>Counts one more.</summary>
    public void Add(string reason, string place)
    {
        (long count, List<string> places) = _reasons.GetValueOrDefault(reason, (0, []));
        if (places.Count < PlacesPerReason)
        {
            places.Add(place);
        }
        _reasons[reason] = (count + 1, places);
    }
}
