using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Verification;

/// <summary>How far two JSON values are apart.</summary>
internal static class JsonDifference
{
    /// <summary>The worst relative difference of numbers; infinity where the form, a text or a truth value differs.</summary>
    public static double Worst(JsonNode? expected, JsonNode? actual)
    {
        switch (expected, actual)
        {
            case (null, null):
                return 0;
            case (JsonObject a, JsonObject b):
                return a.Count != b.Count || a.Any(m => !b.ContainsKey(m.Key))
                    ? double.PositiveInfinity
                    : a.Select(m => Worst(m.Value, b[m.Key])).DefaultIfEmpty(0).Max();
            case (JsonArray a, JsonArray b):
                return a.Count != b.Count
                    ? double.PositiveInfinity
                    : a.Zip(b).Select(p => Worst(p.First, p.Second)).DefaultIfEmpty(0).Max();
            case (JsonValue a, JsonValue b) when Number(a) is { } x && Number(b) is { } y:
                return x == y ? 0
                    : Math.Abs(x - y) / Math.Max(Math.Abs(x), 1e-30) is var relative && Math.Abs(x - y) < 1e-15 ? 0
                    : relative;
            case (JsonValue a, JsonValue b):
                return JsonNode.DeepEquals(a, b) ? 0 : double.PositiveInfinity;
            default:
                return double.PositiveInfinity;
        }
    }

    private static double? Number(JsonValue value) =>
        value.GetValueKind() switch
        {
            JsonValueKind.Number => value.GetValue<double>(),
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            _ => null,
        };
}
