namespace Inkstone.Jinja;

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

    /// <summary>Which of some values the innermost name stands for that stands for one of them (the same object, not an equal one); -1 when
    /// none does.</summary>
    public int InnermostOf(IReadOnlyList<Value> values)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
        {
            foreach (Value value in (IEnumerable<Value>?)scope._names?.Values ?? [])
            {
                for (int i = 0; i < values.Count; i++)
                {
                    if (ReferenceEquals(values[i], value))
                    {
                        return i;
                    }
                }
            }
        }
        return -1;
    }

    public void Set(string name, Value value) => (_names ??= new(StringComparer.Ordinal))[name] = value;

    private Scope? Outer => outer;
}
