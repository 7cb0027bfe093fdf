using System.Text.Json.Nodes;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Values of Python as JSON; a number that JSON does not have, such as NaN, becomes null.</summary>
public static class ValueNodes
{
    /// <summary>The JSON of a value; null for None.</summary>
    public static JsonNode? ToNode(Value value) =>
        value switch
        {
            NoneValue => null,
            DictValue dict => new JsonObject(dict.Entries.Select(e => KeyValuePair.Create(e.Key.Text, ToNode(e.Value)))),
            SequenceValue row => new JsonArray([.. row.Elements.Select(ToNode)]),
            FloatValue { Number: var number } when !double.IsFinite(number) => null,
            _ => JsonNode.Parse(JsonValues.Write(value)),
        };
}
