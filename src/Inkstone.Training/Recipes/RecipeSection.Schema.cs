using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Files;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

internal sealed partial class RecipeSection
{
    /// <summary>What may stand here, as JSON Schema: the keys that were asked for, their kinds, ranges and defaults. No key is required,
    /// for flags may bring it.</summary>
    internal JsonObject Schema()
    {
        JsonObject properties = [];
        foreach ((string key, object? value) in _read)
        {
            JsonObject shape = value is RecipeSection inner ? inner.Schema() : _shapes.GetValueOrDefault(key)?.DeepClone().AsObject() ?? [];
            if (
                properties[key] is JsonObject { } before
                && before["properties"] is JsonObject old
                && shape["properties"] is JsonObject added
            )
            {
                foreach ((string name, JsonNode? more) in added)
                {
                    old.TryAdd(name, more?.DeepClone());
                }
            }
            else
            {
                properties[key] = shape;
            }
        }
        foreach (string key in _alsoKnown)
        {
            properties.TryAdd(key, _shapes.GetValueOrDefault(key)?.DeepClone() ?? new JsonObject());
        }
        return new JsonObject
        {
            ["type"] = new JsonArray("object", "null"),
            ["properties"] = properties,
            ["additionalProperties"] = _isOpen,
        };
    }

    private void Shape(string key, JsonObject shape, JsonNode? fallback)
    {
        if (fallback is not null)
        {
            shape["default"] = fallback;
        }
        _shapes[key] = shape;
    }

    private static JsonObject Kind(string type) => new() { ["type"] = type };

    /// <summary>A number in its range; 50_000 is a text for YAML's readers.</summary>
    private static JsonObject NumberShape(string type, double min, double max)
    {
        JsonObject number = Kind(type);
        if (min > double.MinValue && min > long.MinValue)
        {
            number["minimum"] = min;
        }
        if (max < double.MaxValue && max < int.MaxValue)
        {
            number["maximum"] = max;
        }
        return new()
        {
            ["anyOf"] = new JsonArray(number, new JsonObject { ["type"] = "string", ["pattern"] = "^[0-9][0-9_]*$" }, Kind("null")),
        };
    }
}
