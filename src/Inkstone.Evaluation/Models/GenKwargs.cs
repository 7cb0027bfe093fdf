using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Settings of generation as a command line has them.</summary>
public static class GenKwargs
{
    /// <summary>
    /// <c>temperature=0.7,do_sample=true,max_gen_toks=9</c>, or JSON. A comma always ends a value, so lists are for JSON: <c>{"until":
    /// ["Q:", "A:"]}</c>.
    /// </summary>
    /// <param name="text">the settings</param>
    /// <param name="warn">takes a sentence about a part without a value</param>
    public static DictValue Parse(string text, Action<string>? warn = null)
    {
        if (text.TrimStart().StartsWith('{'))
        {
            try
            {
                return (DictValue)JsonValues.FromJson(JsonNode.Parse(text));
            }
            catch (System.Text.Json.JsonException fault)
            {
                throw new ArgumentException($"--gen-kwargs begins with {{ and is no JSON: {fault.Message}", fault);
            }
        }
        OrderedDictionary<Value, Value> settings = [];
        foreach (string part in text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                warn?.Invoke(
                    $"--gen-kwargs has '{part}' without a value; a list is written as JSON: --gen-kwargs '{{\"until\": [\"Q:\", \"A:\"]}}'"
                );
            }
            settings.SetValue(equals < 0 ? part : part[..equals], Typed(equals < 0 ? "" : part[(equals + 1)..]));
        }
        return new DictValue(settings);
    }

    private static Value Typed(string text)
    {
        text = text.Trim();
        if (text.Length >= 2 && text[0] == text[^1] && text[0] is '"' or '\'')
        {
            return new StringValue(text[1..^1]);
        }
        return text.ToUpperInvariant() switch
        {
            "TRUE" => BoolValue.True,
            "FALSE" => BoolValue.False,
            "NONE" => NoneValue.None,
            _ when PythonValues.IsDigits(text.TrimStart('+', '-'))
                    && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => PythonValues.Int(
                whole
            ),
            _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) => new FloatValue(real),
            _ => new StringValue(text),
        };
    }
}
