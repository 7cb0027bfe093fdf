namespace Inkstone.Jinja;

/// <summary>Filters that apply filters and tests to each value of a row, one by one as they are asked for.</summary>
internal static class SelectingFilters
{
    public static readonly BuiltinTable Table = new()
    {
        { "map", null, (run, v, a) => IteratorValue.Generator(v.IsTrue ? Mapped(run, v, a) : []) },
        { "select", null, (run, v, a) => IteratorValue.Generator(v.IsTrue ? Selected(run, v, a, byAttribute: false, wanted: true) : []) },
        { "reject", null, (run, v, a) => IteratorValue.Generator(v.IsTrue ? Selected(run, v, a, byAttribute: false, wanted: false) : []) },
        {
            "selectattr",
            null,
            (run, v, a) => IteratorValue.Generator(v.IsTrue ? Selected(run, v, a, byAttribute: true, wanted: true) : [])
        },
        {
            "rejectattr",
            null,
            (run, v, a) => IteratorValue.Generator(v.IsTrue ? Selected(run, v, a, byAttribute: true, wanted: false) : [])
        },
        { "attr", "name", (_, v, a) => v is UndefinedValue u ? throw u.Fault : v.Attribute(a.Text(0)) ?? UndefinedValue.Element(v, a[0]) },
    };

    private static IEnumerable<Value> Mapped(Interpreter run, Value value, Arguments a)
    {
        Func<Value, Value> map = Map(run, a);
        foreach (Value item in run.Iterate(value))
        {
            yield return map(item);
        }
    }

    private static Func<Value, Value> Map(Interpreter run, Arguments a)
    {
        if (a.Positional.Count > 0)
        {
            Builtin filter = run.Filter(a.Text(0));
            Arguments rest = a with { Positional = [.. a.Positional.Skip(1)] };
            return item => filter.Apply(run, item, rest);
        }
        Value? attribute = null,
            otherwise = null;
        foreach ((string name, Value value) in a.Named)
        {
            _ = name switch
            {
                "attribute" => attribute = value,
                "default" => otherwise = value is NoneValue ? null : value,
                _ => throw new TemplateFault($"map() got an unexpected keyword argument '{name}'"),
            };
        }
        AttributePath path = AttributePath.Parse(attribute ?? throw new TemplateFault("map requires a filter argument"));
        return item => path.Follow(item, otherwise);
    }

    private static IEnumerable<Value> Selected(Interpreter run, Value value, Arguments a, bool byAttribute, bool wanted)
    {
        AttributePath? path = !byAttribute
            ? null
            : AttributePath.Parse(a.Positional.Count > 0 ? a[0] : throw new TemplateFault("the name of an attribute is missing"));
        int at = byAttribute ? 1 : 0;
        Builtin? test = a.Positional.Count > at ? Tests.Named(a.Text(at)) : null;
        Arguments rest = a with { Positional = [.. a.Positional.Skip(at + 1)] };
        foreach (Value item in run.Iterate(value))
        {
            Value looked = path?.Follow(item) ?? item;
            if ((test?.Apply(run, looked, rest) ?? looked).IsTrue == wanted)
            {
                yield return item;
            }
        }
    }
}
