namespace Inkstone.Jinja;

/// <summary>Gives a macro's parameters their values.</summary>
internal static class MacroArguments
{
    public static Scope Bind(MacroDefinition macro, Scope definedIn, Arguments given, Func<Expression, Scope, Value> evaluate)
    {
        Scope scope = new(definedIn);
        OrderedDictionary<string, Value> named = new(StringComparer.Ordinal);
        foreach ((string name, Value value) in given.Named)
        {
            named[name] = value;
        }
        string title = macro.Name is null ? "the caller" : $"macro '{macro.Name}'";
        int required = macro.Parameters.Count - macro.Defaults.Count;
        for (int i = 0; i < macro.Parameters.Count; i++)
        {
            string name = macro.Parameters[i];
            if (i < given.Positional.Count)
            {
                scope.Set(name, given.Positional[i]);
            }
            else
            {
                scope.Set(
                    name,
                    named.Remove(name, out Value? value) ? value
                        : i >= required ? evaluate(macro.Defaults[i - required], scope)
                        : new UndefinedValue($"parameter '{name}' was not provided")
                );
            }
        }
        if (macro.TakesCaller)
        {
            scope.Set("caller", named.Remove("caller", out Value? caller) ? caller : new UndefinedValue("No caller defined"));
        }
        if (macro.TakesMoreNamed)
        {
            scope.Set("kwargs", DictValue.FromPairs(named));
        }
        else if (named.Count > 0)
        {
            throw new TemplateFault($"{title} takes no keyword argument '{named.GetAt(0).Key}'");
        }
        if (macro.TakesMore)
        {
            scope.Set("varargs", new TupleValue([.. given.Positional.Skip(macro.Parameters.Count)]));
        }
        else if (given.Positional.Count > macro.Parameters.Count)
        {
            throw new TemplateFault($"{title} takes not more than {macro.Parameters.Count} argument(s)");
        }
        return scope;
    }
}
