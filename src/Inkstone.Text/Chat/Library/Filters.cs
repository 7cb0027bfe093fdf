namespace Inkstone.Text;

/// <summary>All filters by name.</summary>
internal static class Filters
{
    public static bool Exists(string name) => Find(name) is not null;

    public static Builtin? Find(string name) => TextFilters.Table.GetValueOrDefault(name)
        ?? NumberFilters.Table.GetValueOrDefault(name)
        ?? SequenceFilters.Table.GetValueOrDefault(name)
        ?? SelectingFilters.Table.GetValueOrDefault(name);

    public static Builtin Named(string name) => Find(name) ?? throw new TemplateFault($"there is no filter named '{name}'");
}
