using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Inkstone.Jinja;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Evaluation;

/// <summary>YAML as PyYAML reads it (YAML 1.1): what a plain word is, and <c>!function</c> as a dict with that key.</summary>
internal static partial class YamlValues
{
    /// <summary>The key that stands for a Python function where a task file names one.</summary>
    public const string Function = "!function";

    /// <summary>A function's name where the value is one; else null.</summary>
    public static string? FunctionName(Value? value) => (value as DictValue)?.Text(Function);

    /// <exception cref="InvalidDataException">The file is no YAML, or no map at its top.</exception>
    public static DictValue ReadFile(string path)
    {
        using StreamReader reader = new(path);
        return Read(reader, path);
    }

    /// <inheritdoc cref="ReadFile"/>
    public static DictValue Read(TextReader reader, string path)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(reader);
            return stream.Documents.Count > 0 && ToValue(stream.Documents[0].RootNode) is DictValue map
                ? map
                : throw new InvalidDataException($"{path} holds no map of keys: it is no task file.");
        }
        catch (YamlException fault)
        {
            throw new InvalidDataException($"{path}, line {fault.Start.Line}: this is no YAML ({fault.Message.TrimEnd('.')}).", fault);
        }
    }

    private static Value ToValue(YamlNode node) =>
        node switch
        {
            YamlMappingNode map => Map(map),
            YamlSequenceNode row => new ListValue([.. row.Children.Select(ToValue)]),
            YamlScalarNode scalar => Scalar(scalar),
            _ => NoneValue.None,
        };

    private static DictValue Map(YamlMappingNode map)
    {
        OrderedDictionary<Value, Value> entries = [];
        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            if (key is YamlScalarNode { Value: "<<", Style: ScalarStyle.Plain })
            {
                foreach (
                    DictValue merged in (value is YamlSequenceNode several ? several.Children : [value]).Select(ToValue).OfType<DictValue>()
                )
                {
                    foreach ((Value name, Value inherited) in merged.Entries)
                    {
                        _ = entries.TryAdd(name, inherited);
                    }
                }
                continue;
            }
            entries[ToValue(key)] = ToValue(value);
        }
        return new DictValue(entries);
    }

    private static Value Scalar(YamlScalarNode scalar)
    {
        string text = scalar.Value ?? "";
        if (!scalar.Tag.IsEmpty && scalar.Tag.Value == Function)
        {
            return PythonValues.Dict((Function, new StringValue(text)));
        }
        return scalar.Style == ScalarStyle.Plain && (scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific) ? Plain(text) : new StringValue(text);
    }

    private static Value Plain(string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return NoneValue.None;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON":
                return BoolValue.True;
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF":
                return BoolValue.False;
        }
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        bool negative = digits.StartsWith('-');
        string unsigned = digits.TrimStart('-', '+');
        if (Decimal().IsMatch(text))
        {
            return new IntValue(BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
        }
        if (OtherBase().IsMatch(text))
        {
            int radix = unsigned[1] switch
            {
                'x' => 16,
                'b' => 2,
                _ => 8,
            };
            BigInteger value = unsigned
                .Skip(radix == 8 ? 1 : 2)
                .Aggregate(BigInteger.Zero, (sum, c) => (sum * radix) + Convert.ToInt32(c.ToString(), 16));
            return new IntValue(negative ? -value : value);
        }
        if (Real().IsMatch(text))
        {
            return new FloatValue(double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture));
        }
        return text.TrimStart('-', '+').ToUpperInvariant() switch
        {
            ".INF" => new FloatValue(negative ? double.NegativeInfinity : double.PositiveInfinity),
            ".NAN" => new FloatValue(double.NaN),
            _ => new StringValue(text),
        };
    }

    [GeneratedRegex("^[-+]?(?:0|[1-9][0-9_]*)$")]
    private static partial Regex Decimal();

    [GeneratedRegex("^[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+)$")]
    private static partial Regex OtherBase();

    [GeneratedRegex(@"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$")]
    private static partial Regex Real();
}
