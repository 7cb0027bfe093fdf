using System.Globalization;

namespace Inkstone.Text;

/// <summary>The parameters of a filter, test, method or function, written as in <c>"old new count=none"</c>.</summary>
internal sealed class Signature
{
    private readonly string[] _names;
    private readonly Value?[] _defaults;

    public Signature(string parameters)
    {
        string[][] parts = [.. parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2))];
        _names = [.. parts.Select(p => p[0])];
        _defaults = [.. parts.Select(p => p.Length == 1 ? null : Default(p[1]))];
    }

    /// <summary>One value for every parameter.</summary>
    public Arguments Bind(string function, Arguments given)
    {
        if (given.Positional.Count > _names.Length)
        {
            throw new TemplateFault($"{function}() takes at most {_names.Length} arguments, and {given.Positional.Count} were given");
        }
        var values = new Value?[_names.Length];
        for (int i = 0; i < given.Positional.Count; i++)
        {
            values[i] = given.Positional[i];
        }
        foreach ((string name, Value value) in given.Named)
        {
            int at = Array.IndexOf(_names, name);
            if (at < 0 || values[at] is not null)
            {
                throw new TemplateFault(at < 0 ? $"{function}() got an unexpected keyword argument '{name}'" : $"{function}() got multiple values for argument '{name}'");
            }
            values[at] = value;
        }
        for (int i = 0; i < values.Length; i++)
        {
            values[i] ??= _defaults[i] ?? throw new TemplateFault($"{function}() is missing the argument '{_names[i]}'");
        }
        return new Arguments(values!, []);
    }

    private static Value Default(string literal) => literal switch
    {
        "none" => NoneValue.None,
        "true" => BoolValue.True,
        "false" => BoolValue.False,
        _ when int.TryParse(literal, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) => new IntValue(number),
        _ when double.TryParse(literal, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => new FloatValue(number),
        _ => new StringValue(literal.Trim('\'')),
    };
}
