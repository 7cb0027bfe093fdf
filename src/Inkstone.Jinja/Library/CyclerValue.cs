namespace Inkstone.Jinja;

/// <summary>cycler(…): gives its items in turn.</summary>
internal sealed class CyclerValue(IReadOnlyList<Value> items) : Value
{
    private static readonly BuiltinTable Methods = new()
    {
        { "next", "", (_, cycler, _) => ((CyclerValue)cycler).Next() },
        { "reset", "", (_, cycler, _) => ((CyclerValue)cycler).Reset() },
    };

    private readonly IReadOnlyList<Value> _items = items.Count > 0 ? items : throw new TemplateFault("cycler needs at least one item");
    private int _at;

    public override string TypeName => "jinja2.utils.Cycler";

    internal override Value? Attribute(string name) =>
        name switch
        {
            "current" => _items[_at],
            "items" => new TupleValue(_items),
            "pos" => new IntValue(_at),
            _ => Methods.TryGetValue(name, out Builtin? method) ? new BoundMethod(this, method) : null,
        };

    private Value Next()
    {
        Value item = _items[_at];
        _at = (_at + 1) % _items.Count;
        return item;
    }

    private NoneValue Reset()
    {
        _at = 0;
        return NoneValue.None;
    }
}
