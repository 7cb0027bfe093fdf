namespace Inkstone.Jinja;

/// <summary>All tests by name: what may stand behind <c>is</c>.</summary>
internal static class Tests
{
    private static readonly BuiltinTable Table = new()
    {
        { "defined", "", (_, v, _) => BoolValue.FromBoolean(v is not UndefinedValue) },
        { "undefined", "", (_, v, _) => BoolValue.FromBoolean(v is UndefinedValue) },
        { "none", "", (_, v, _) => BoolValue.FromBoolean(v is NoneValue) },
        { "boolean", "", (_, v, _) => BoolValue.FromBoolean(v is BoolValue) },
        { "true", "", (_, v, _) => BoolValue.FromBoolean(v == BoolValue.True) },
        { "false", "", (_, v, _) => BoolValue.FromBoolean(v == BoolValue.False) },
        { "integer", "", (_, v, _) => BoolValue.FromBoolean(v is IntValue) },
        { "float", "", (_, v, _) => BoolValue.FromBoolean(v is FloatValue) },
        { "number", "", (_, v, _) => BoolValue.FromBoolean(PythonNumber.IsNumber(v)) },
        { "string", "", (_, v, _) => BoolValue.FromBoolean(v is StringValue) },
        { "mapping", "", (_, v, _) => BoolValue.FromBoolean(v is DictValue) },
        { "sequence", "", (_, v, _) => BoolValue.FromBoolean(v.HasItems && v.Count is not null) },
        { "iterable", "", (_, v, _) => BoolValue.FromBoolean(v.Items is not null) },
        { "callable", "", (_, v, _) => BoolValue.FromBoolean(v.IsCallable) },
        { "escaped", "", (_, v, _) => BoolValue.FromBoolean(v is StringValue { IsMarkup: true }) },
        { "lower", "", (_, v, _) => BoolValue.FromBoolean(PythonCase.IsLower(v.Text)) },
        { "upper", "", (_, v, _) => BoolValue.FromBoolean(PythonCase.IsUpper(v.Text)) },
        { "odd", "", (_, v, _) => BoolValue.FromBoolean(Arithmetic.Apply("%", v, new IntValue(2)).Equals(new IntValue(1))) },
        { "even", "", (_, v, _) => BoolValue.FromBoolean(Arithmetic.Apply("%", v, new IntValue(2)).Equals(new IntValue(0))) },
        { "divisibleby", "num", (_, v, a) => BoolValue.FromBoolean(Arithmetic.Apply("%", v, a[0]).Equals(new IntValue(0))) },
        {
            "sameas",
            "other",
            (_, v, a) =>
                BoolValue.FromBoolean(
                    ReferenceEquals(v, a[0])
                        || (v is IntValue { Number: var n } && n >= -5 && n <= 256 && a[0] is IntValue && v.Equals(a[0]))
                )
        },
        { "filter", "", (run, v, _) => BoolValue.FromBoolean(v is StringValue name && run.Options.Filter(name.Content) is not null) },
        { "test", "", (_, v, _) => BoolValue.FromBoolean(v is StringValue name && Exists(name.Content)) },
        { "in", "seq", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply("in", v, a[0])) },
        { "== eq equalto", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply("==", v, a[0])) },
        { "!= ne", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply("!=", v, a[0])) },
        { "> gt greaterthan", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply(">", v, a[0])) },
        { ">= ge", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply(">=", v, a[0])) },
        { "< lt lessthan", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply("<", v, a[0])) },
        { "<= le", "other", (_, v, a) => BoolValue.FromBoolean(Comparison.Apply("<=", v, a[0])) },
    };

    public static bool Exists(string name) => Table.ContainsKey(name);

    public static Builtin Named(string name) =>
        Table.GetValueOrDefault(name) ?? throw new TemplateFault($"there is no test named '{name}'");
}
