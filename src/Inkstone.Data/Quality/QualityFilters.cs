namespace Inkstone.Data;

/// <summary>The filters by their names.</summary>
internal static class QualityFilters
{
    /// <summary>All that there are.</summary>
    public static IReadOnlyList<QualityFilter> All { get; } =
    [UnitFilter.Filter, PublishedFilters.GopherQuality, PublishedFilters.GopherRepetition, PublishedFilters.C4, PublishedFilters.FineWeb];

    /// <summary>The filters of these names, with the limits that are set.</summary>
    /// <param name="names">such as units, c4</param>
    /// <param name="limits">limits such as ("units.units.least", 20): filter, statistic and side</param>
    /// <exception cref="ArgumentException">There is no such filter or limit.</exception>
    public static IReadOnlyList<QualityFilter> Named(IReadOnlyList<string> names, IReadOnlyDictionary<string, double> limits)
    {
        QualityFilter[] filters =
        [
            .. names.Select(name =>
                All.FirstOrDefault(f => f.Name == name)
                ?? throw new ArgumentException($"there is no filter '{name}': there are {string.Join(", ", All.Select(f => f.Name))}.")
            ),
        ];
        if (limits.Keys.FirstOrDefault(key => !filters.Any(f => key.StartsWith(f.Name + ".", StringComparison.Ordinal))) is { } stray)
        {
            throw new ArgumentException(
                $"the limit '{stray}' belongs to no filter in use ({string.Join(", ", names)}): write FILTER.STATISTIC.least or .most, such as units.units.least."
            );
        }
        return
        [
            .. filters.Select(f =>
                f.With(
                    limits
                        .Where(l => l.Key.StartsWith(f.Name + ".", StringComparison.Ordinal))
                        .Select(l => KeyValuePair.Create(l.Key[(f.Name.Length + 1)..], l.Value))
                )
            ),
        ];
    }
}
