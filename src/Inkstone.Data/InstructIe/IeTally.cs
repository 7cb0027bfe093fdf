namespace Inkstone.Data;

/// <summary>Removed records by their first reason, and by every reason.</summary>
internal sealed class IeTally
{
    public Dictionary<string, long> First { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, long> All { get; } = new(StringComparer.Ordinal);

    public long Count => First.Values.Sum();

    public void Add(string[] reasons)
    {
        First[reasons[0]] = First.GetValueOrDefault(reasons[0]) + 1;
        foreach (string reason in reasons)
        {
            All[reason] = All.GetValueOrDefault(reason) + 1;
        }
    }
}
