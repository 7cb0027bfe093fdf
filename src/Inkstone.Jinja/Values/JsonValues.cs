using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Jinja;

/// <summary>JSON as values of the template language: objects keep the order of their keys, numbers are int or float as Python's json reads
/// them.</summary>
public static class JsonValues
{
    /// <summary>A value of parsed JSON.</summary>
    public static Value FromJson(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.Object => DictValue.FromPairs(json.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, FromJson(p.Value)))),
            JsonValueKind.Array => new ListValue([.. json.EnumerateArray().Select(FromJson)]),
            JsonValueKind.String => new StringValue(json.GetString()!),
            JsonValueKind.Number => Number(json.GetRawText()),
            JsonValueKind.True => BoolValue.True,
            JsonValueKind.False => BoolValue.False,
            _ => NoneValue.None,
        };

    /// <summary>A value of a JSON tree; null is None.</summary>
    public static Value FromJson(JsonNode? json) =>
        json switch
        {
            null => NoneValue.None,
            JsonObject members => DictValue.FromPairs(members.Select(m => KeyValuePair.Create(m.Key, FromJson(m.Value)))),
            JsonArray array => new ListValue([.. array.Select(FromJson)]),
            JsonValue value when value.TryGetValue(out JsonElement element) => FromJson(element),
            JsonValue value when value.TryGetValue(out string? text) => new StringValue(text),
            JsonValue value when value.TryGetValue(out bool flag) => BoolValue.FromBoolean(flag),
            _ => OfText(json.ToJsonString()),
        };

    /// <summary>json.dumps(value).</summary>
    /// <param name="value">what JSON can hold</param>
    /// <param name="indent">blanks of a level; all in one line when null</param>
    /// <param name="ascii">escape what is not ASCII</param>
    /// <exception cref="FormatException">The value, or a part of it, is none that JSON can hold.</exception>
    public static string Write(Value value, int? indent = null, bool ascii = true) =>
        new PythonJson(
            ascii,
            indent is { } width ? new string(' ', width) : null,
            indent is null ? ", " : ",",
            ": ",
            sortKeys: false
        ).Write(value);

    private static Value OfText(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return FromJson(document.RootElement);
    }

    private static Value Number(string text) =>
        text.AsSpan().IndexOfAny('.', 'e', 'E') < 0
            ? new IntValue(BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
            : new FloatValue(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture));
}
