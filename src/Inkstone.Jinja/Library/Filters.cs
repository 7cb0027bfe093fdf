namespace Inkstone.Jinja;

/// <summary>All filters of jinja2 by name.</summary>
internal static class Filters
{
    public static Builtin? Find(string name) =>
        TextFilters.Table.GetValueOrDefault(name)
        ?? NumberFilters.Table.GetValueOrDefault(name)
        ?? SequenceFilters.Table.GetValueOrDefault(name)
        ?? SelectingFilters.Table.GetValueOrDefault(name);
}
