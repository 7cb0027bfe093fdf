using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>The functions that every template finds: Jinja's own, and those that transformers adds for chat templates.</summary>
internal static class Globals
{
    private static readonly BuiltinTable Table = new()
    {
        {
            "range",
            "start stop=none step=1",
            (_, _, a) => a.Has(1) ? RangeValue.Create(Whole(a[0]), Whole(a[1]), Whole(a[2])) : RangeValue.Create(0, Whole(a[0]), 1)
        },
        { "dict", null, (run, _, a) => new DictValue(Entries(run, a)) },
        { "namespace", null, (run, _, a) => new NamespaceValue(Entries(run, a)) },
        { "joiner", "sep=', '", (_, _, a) => Joiner(a[0]) },
        { "cycler", null, (_, _, a) => new CyclerValue(a.Positional) },
        { "raise_exception", "message", (_, _, a) => throw new TemplateFault(a[0].Text) },
        { "strftime_now", "format", (run, _, a) => new StringValue(Strftime.Apply(run.Now, a.Text(0))) },
    };

    /// <summary>A scope that holds them, for variables to be laid over.</summary>
    public static Scope Scope()
    {
        Scope scope = new(null);
        foreach ((string name, Builtin function) in Table)
        {
            scope.Set(name, new FunctionValue(function));
        }
        return scope;
    }

    private static BigInteger Whole(Value value) =>
        PythonNumber.Index(value)
        ?? throw (
            value is UndefinedValue undefined
                ? undefined.Fault
                : new TemplateFault($"'{value.TypeName}' object cannot be interpreted as an integer")
        );

    private static OrderedDictionary<Value, Value> Entries(Interpreter run, Arguments a)
    {
        OrderedDictionary<Value, Value> entries = a.Positional.Count switch
        {
            0 => [],
            1 when a.Positional[0] is DictValue dict => new(dict.Entries),
            1 => Pairs(run, a.Positional[0]),
            int count => throw new TemplateFault($"dict expected at most 1 argument, got {count}"),
        };
        foreach ((string name, Value value) in a.Named)
        {
            entries[new StringValue(name)] = value;
        }
        return entries;
    }

    private static OrderedDictionary<Value, Value> Pairs(Interpreter run, Value pairs)
    {
        OrderedDictionary<Value, Value> entries = [];
        foreach (Value pair in run.Iterate(pairs))
        {
            IReadOnlyList<Value> entry = run.Unpack(pair, 2);
            entries[entry[0]] = entry[1];
        }
        return entries;
    }

    /// <summary>Nothing the first time, the separator from then on.</summary>
    private static FunctionValue Joiner(Value separator)
    {
        bool used = false;
        return new FunctionValue(
            new Builtin(
                "joiner",
                new Signature(""),
                (_, _, _) =>
                {
                    Value text = used ? separator : StringValue.Empty;
                    used = true;
                    return text;
                }
            )
        );
    }
}
