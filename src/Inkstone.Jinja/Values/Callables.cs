using System.Text;

namespace Inkstone.Jinja;

/// <summary>The work of a filter, test, method or function: on its input with its arguments.</summary>
internal delegate Value Operation(Interpreter run, Value input, Arguments arguments);

/// <summary>A filter, test, method or function; without a signature it takes its arguments as they come.</summary>
internal sealed record Builtin(string Name, Signature? Signature, Operation Work)
{
    public Value Apply(Interpreter run, Value input, Arguments arguments) =>
        Work(run, input, Signature?.Bind(Name, arguments) ?? arguments);
}

/// <summary>Builtins by name, written as one row each.</summary>
internal sealed class BuiltinTable : Dictionary<string, Builtin>
{
    public BuiltinTable()
        : base(StringComparer.Ordinal) { }

    /// <summary>A builtin under one name or several, <c>"count length"</c>.</summary>
    public void Add(string names, string? parameters, Operation work)
    {
        foreach (string name in names.Split(' '))
        {
            Add(name, new Builtin(name, parameters is null ? null : new Signature(parameters), work));
        }
    }
}

/// <summary>A method of a value.</summary>
internal sealed class BoundMethod(Value owner, Builtin method) : Value
{
    public override string TypeName => "builtin_function_or_method";

    internal override bool IsCallable => true;

    internal override Value Call(Interpreter run, Arguments arguments) => method.Apply(run, owner, arguments);

    internal override void WriteRepr(StringBuilder text) =>
        text.Append("<built-in method ").Append(method.Name).Append(" of ").Append(owner.TypeName).Append(" object>");
}

/// <summary>A function that templates find under a global name, or that the program made for them.</summary>
internal sealed class FunctionValue(Builtin function) : Value
{
    public override string TypeName => "function";

    internal override bool IsCallable => true;

    internal override Value Call(Interpreter run, Arguments arguments) => function.Apply(run, NoneValue.None, arguments);

    internal override void WriteRepr(StringBuilder text) => text.Append("<function ").Append(function.Name).Append('>');
}

/// <summary>A macro with the names that it sees where it was defined.</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope scope) : Value
{
    public override string TypeName => "jinja2.runtime.Macro";

    internal override bool IsCallable => true;

    internal override Value? Attribute(string name) =>
        name switch
        {
            "name" => definition.Name is null ? NoneValue.None : new StringValue(definition.Name),
            "arguments" => new ListValue([.. definition.Parameters.Select(p => new StringValue(p))]),
            "catch_kwargs" => BoolValue.FromBoolean(definition.TakesMoreNamed),
            "catch_varargs" => BoolValue.FromBoolean(definition.TakesMore),
            "caller" => BoolValue.FromBoolean(definition.TakesCaller),
            _ => null,
        };

    internal override Value Call(Interpreter run, Arguments arguments) => run.CallMacro(definition, scope, arguments);

    internal override void WriteRepr(StringBuilder text) =>
        text.Append("<Macro ").Append(definition.Name is null ? "anonymous" : $"'{definition.Name}'").Append('>');
}
