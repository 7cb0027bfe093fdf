namespace Inkstone.Jinja;

/// <summary>The methods of list, tuple and dict that change nothing; those that would are refused where they are named.</summary>
internal static class ContainerMethods
{
    public static readonly Builtin Copy = new(
        "copy",
        new Signature(""),
        (_, row, _) => ((SequenceValue)row).With(((SequenceValue)row).Elements)
    );

    public static readonly BuiltinTable OfSequence = new()
    {
        { "count", "value", (_, row, a) => new IntValue(((SequenceValue)row).Elements.Count(e => e.Equals(a[0]))) },
        { "index", "value start=0 stop=none", (_, row, a) => IndexOf((SequenceValue)row, a) },
    };

    public static readonly BuiltinTable OfDict = new()
    {
        { "get", "key default=none", (_, d, a) => ((DictValue)d).Entries.GetValueOrDefault(a[0]) ?? a[1] },
        { "keys", "", (_, d, _) => new DictView("dict_keys", (DictValue)d, e => e.Key) },
        { "values", "", (_, d, _) => new DictView("dict_values", (DictValue)d, e => e.Value) },
        { "items", "", (_, d, _) => Items((DictValue)d) },
        { "copy", "", (_, d, _) => new DictValue(((DictValue)d).Entries) },
    };

    public static DictView Items(DictValue dict) => new("dict_items", dict, e => new TupleValue([e.Key, e.Value]));

    private static IntValue IndexOf(SequenceValue row, Arguments a)
    {
        SliceRange range = SliceRange.Create(a[1], a[2], NoneValue.None, row.Elements.Count);
        for (int i = 0; i < range.Count; i++)
        {
            if (row.Elements[range[i]].Equals(a[0]))
            {
                return new IntValue(range[i]);
            }
        }
        throw new TemplateFault($"{a[0].Repr} is not in {row.TypeName}");
    }
}
