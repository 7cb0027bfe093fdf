using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text;

/// <summary>JSON as values of the template language: objects keep the order of their keys, numbers are int or float as Python's json reads them.</summary>
internal static class JsonValues
{
    public static Value Of(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => DictValue.Of(json.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, Of(p.Value)))),
        JsonValueKind.Array => new ListValue([.. json.EnumerateArray().Select(Of)]),
        JsonValueKind.String => new StringValue(json.GetString()!),
        JsonValueKind.Number => Number(json.GetRawText()),
        JsonValueKind.True => BoolValue.True,
        JsonValueKind.False => BoolValue.False,
        _ => NoneValue.None,
    };

    public static Value Of(JsonNode? json) => json switch
    {
        null => NoneValue.None,
        JsonObject members => DictValue.Of(members.Select(m => KeyValuePair.Create(m.Key, Of(m.Value)))),
        JsonArray array => new ListValue([.. array.Select(Of)]),
        JsonValue value when value.TryGetValue(out JsonElement element) => Of(element),
        JsonValue value when value.TryGetValue(out string? text) => new StringValue(text),
        JsonValue value when value.TryGetValue(out bool flag) => BoolValue.Of(flag),
        _ => OfText(json.ToJsonString()),
    };

    private static Value OfText(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return Of(document.RootElement);
    }

    private static Value Number(string text) => text.AsSpan().IndexOfAny('.', 'e', 'E') < 0
        ? new IntValue(BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
        : new FloatValue(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture));
}
