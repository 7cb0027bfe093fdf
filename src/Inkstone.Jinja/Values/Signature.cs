using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Jinja;

/// <summary>The parameters of a filter, test, method or function, written as in <c>"old new count=none"</c>.</summary>
internal sealed partial class Signature
{
    private readonly string[] _names;
    private readonly Value?[] _defaults;

    public Signature(string parameters)
    {
        MatchCollection parts = Parameter().Matches(parameters);
        _names = [.. parts.Select(p => p.Groups[1].Value)];
        _defaults = [.. parts.Select(p => p.Groups[2].Success ? Default(p.Groups[2].Value) : null)];
    }

    /// <summary>One value for every parameter.</summary>
    public Arguments Bind(string function, Arguments given)
    {
        if (given.Positional.Count > _names.Length)
        {
            throw new TemplateFault($"{function}() takes at most {_names.Length} arguments, and {given.Positional.Count} were given");
        }
        Value?[] values = new Value?[_names.Length];
        for (int i = 0; i < given.Positional.Count; i++)
        {
            values[i] = given.Positional[i];
        }
        foreach ((string name, Value value) in given.Named)
        {
            int at = Array.IndexOf(_names, name);
            if (at < 0 || values[at] is not null)
            {
                throw new TemplateFault(
                    at < 0
                        ? $"{function}() got an unexpected keyword argument '{name}'"
                        : $"{function}() got multiple values for argument '{name}'"
                );
            }
            values[at] = value;
        }
        for (int i = 0; i < values.Length; i++)
        {
            values[i] ??= _defaults[i] ?? throw new TemplateFault($"{function}() is missing the argument '{_names[i]}'");
        }
        return new Arguments(values!, []);
    }

    private static Value Default(string literal) =>
        literal switch
        {
            "none" => NoneValue.None,
            "true" => BoolValue.True,
            "false" => BoolValue.False,
            _ when int.TryParse(literal, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) => new IntValue(
                number
            ),
            _ when double.TryParse(literal, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => new FloatValue(number),
            _ => new StringValue(literal.Trim('\'')),
        };

    [GeneratedRegex(@"(\w+)(?:=('[^']*'|\S+))?")]
    private static partial Regex Parameter();
}
