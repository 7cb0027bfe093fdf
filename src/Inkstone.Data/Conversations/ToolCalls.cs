using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Tools and their calls, which data sets keep as JSON or as texts that hold JSON.</summary>
internal static class ToolCalls
{
    /// <summary>A list of tools; null when there is none.</summary>
    /// <exception cref="FormatException">It is no list of objects.</exception>
    public static JsonArray? Tools(JsonNode? value, bool areFunctions)
    {
        if (Objects(value, "the tools are no list of objects in JSON") is not { } tools)
        {
            return null;
        }
        for (int i = 0; areFunctions && i < tools.Count; i++)
        {
            if (tools[i]!["function"] is null)
            {
                tools[i] = new JsonObject { ["type"] = "function", ["function"] = tools[i]!.DeepClone() };
            }
        }
        return tools;
    }

    /// <summary>
    /// Calls as templates read them: <c>{"type": "function", "function": {"name", "arguments"}}</c> stays so, a bare name with arguments
    /// too; arguments in a text become an object, or templates would write them as a text within JSON.
    /// </summary>
    /// <exception cref="FormatException">It is no list of calls.</exception>
    public static JsonArray? Calls(JsonNode? value)
    {
        const string Reason = "a tool call is no JSON object with a name";
        if (Objects(value, Reason) is not { } calls)
        {
            return null;
        }
        foreach (JsonNode? call in calls)
        {
            JsonObject function = call!["function"] switch
            {
                JsonObject inner => inner,
                null => call.AsObject(),
                _ => throw new FormatException(Reason),
            };
            if (function["name"] is not JsonValue name || name.GetValueKind() != JsonValueKind.String)
            {
                throw new FormatException(Reason);
            }
            if (function["arguments"] is JsonValue text && text.TryGetValue(out string? json) && TryParse(json) is JsonObject arguments)
            {
                function["arguments"] = arguments;
            }
        }
        return calls;
    }

    /// <summary>JSON in a text, or null when it is something else.</summary>
    public static JsonNode? TryParse(string text)
    {
        try
        {
            return JsonNode.Parse(text, null, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonArray? Objects(JsonNode? value, string reason)
    {
        if (value is JsonValue text && text.TryGetValue(out string? json))
        {
            if (string.IsNullOrWhiteSpace(json) || json.Trim() is "null")
            {
                return null;
            }
            value = TryParse(json);
            if (value is null)
            {
                throw new FormatException(reason);
            }
        }
        JsonArray? list = value switch
        {
            null => null,
            JsonArray array => (JsonArray)array.DeepClone(),
            JsonObject one => [one.DeepClone()],
            _ => throw new FormatException(reason),
        };
        if (list is null or { Count: 0 })
        {
            return null;
        }
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] is JsonValue element && element.TryGetValue(out string? inner) && TryParse(inner) is JsonObject parsed)
            {
                list[i] = parsed;
            }
            if (list[i] is not JsonObject)
            {
                throw new FormatException(reason);
            }
            RemoveNulls(list[i]!);
        }
        return list;
    }

    /// <summary>Parquet gives every object of a column the keys of all of them, null where it has none.</summary>
    private static void RemoveNulls(JsonNode node)
    {
        if (node is JsonObject map)
        {
            foreach (string key in map.Where(p => p.Value is null).Select(p => p.Key).ToArray())
            {
                map.Remove(key);
            }
            foreach ((_, JsonNode? value) in map)
            {
                RemoveNulls(value!);
            }
        }
        else if (node is JsonArray list)
        {
            foreach (JsonNode? element in list)
            {
                if (element is not null)
                {
                    RemoveNulls(element);
                }
            }
        }
    }
}
