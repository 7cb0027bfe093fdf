namespace Inkstone.Jinja;

/// <summary>A filter that a program adds to the language.</summary>
/// <param name="Parameters">its parameters behind the value, as in <c>"pattern repl count=0"</c></param>
/// <param name="Work">the value and one argument for each parameter; a <see cref="FormatException"/> becomes a fault of the
/// template</param>
public sealed record TemplateFilter(string Parameters, Func<Value, IReadOnlyList<Value>, Value> Work)
{
    internal Builtin As(string name) =>
        new(
            name,
            new Signature(Parameters),
            (_, value, arguments) =>
            {
                try
                {
                    return Work(value, arguments.Positional);
                }
                catch (FormatException fault) when (fault is not TemplateFault)
                {
                    throw new TemplateFault(fault.Message);
                }
            }
        );
}
