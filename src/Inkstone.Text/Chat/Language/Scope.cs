namespace Inkstone.Text;

/// <summary>Names and their values; what is not here is looked for further out, and what is set here ends here.</summary>
internal sealed class Scope(Scope? outer)
{
    private Dictionary<string, Value>? _names;

    public Value? Find(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._names is { } names && names.TryGetValue(name, out Value? value))
            {
                return value;
            }
        }
        return null;
    }

    public void Set(string name, Value value) => (_names ??= new(StringComparer.Ordinal))[name] = value;

    private Scope? Outer => outer;
}
