using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Brings one message into the form of chat templates.</summary>
internal static class ChatMessage
{
    /// <summary>
    /// A message with role and content first; other keys follow as they are, without nulls. Tools that are kept in a message (as a text
    /// in its system turn, say) are taken out of it.
    /// </summary>
    /// <exception cref="FormatException">It has no content, or another than text; the message is the reason for leaving the record
    /// out.</exception>
    /// <exception cref="InvalidDataException">It has no role, or an unknown one; the message lacks only the place.</exception>
    public static JsonObject Read(JsonNode? node, ref JsonNode? tools)
    {
        if (node is not JsonObject source)
        {
            throw new FormatException("a message is no object");
        }
        if ((source["role"] ?? source["from"]) is not JsonValue roleValue || !roleValue.TryGetValue(out string? roleName))
        {
            throw new InvalidDataException(
                $"a message with the keys {string.Join(", ", source.Select(p => p.Key))} has no role: give role (or from) and content (or value)."
            );
        }

        string role = MessageRoles.Normalize(roleName);
        JsonNode? content = source["content"] ?? source["value"];
        JsonArray? calls = ToolCalls.Calls(source["tool_calls"] ?? source["function_call"]);
        if (role == MessageRoles.Call)
        {
            role = MessageRoles.Assistant;
            calls ??= ToolCalls.Calls(content) ?? throw new FormatException("a tool call is no JSON object with a name");
            content = null;
            for (int i = 0; i < calls.Count; i++)
            {
                if (calls[i]!["function"] is null)
                {
                    calls[i] = new JsonObject { ["type"] = "function", ["function"] = calls[i]!.DeepClone() };
                }
            }
        }
        bool hasReasoning = IsText(source["reasoning_content"]) || IsText(source["reasoning"]) || IsText(source["thinking"]);
        string text = Text(content) ?? (calls is not null || hasReasoning ? "" : throw new FormatException("a message has no content"));

        JsonObject message = new JsonObject { ["role"] = role, ["content"] = text };
        foreach ((string key, JsonNode? value) in source)
        {
            if (value is null)
            {
                continue;
            }
            switch (key)
            {
                case "role" or "from" or "content" or "value" or "tool_calls" or "function_call":
                    break;
                case "tools":
                    tools ??= value;
                    break;
                case "functions":
                    tools ??= ToolCalls.Tools(value, areFunctions: true);
                    break;
                case "reasoning" or "thinking" when IsText(value):
                    message[key] = value.DeepClone();
                    message["reasoning_content"] ??= (source["reasoning_content"] ?? value).DeepClone(); // The name that most templates know.
                    break;
                default:
                    message[key] = value.DeepClone();
                    break;
            }
        }
        if (calls is not null)
        {
            message["tool_calls"] = calls;
        }
        return message;
    }

    public static bool HasReasoning(JsonNode message) =>
        IsText(message["reasoning_content"]) && message["reasoning_content"]!.GetValue<string>().Length > 0;

    /// <summary>A text, a number as it stands, or the texts of a list of parts.</summary>
    private static string? Text(JsonNode? content)
    {
        switch (content)
        {
            case JsonValue value:
                return value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString();
            case JsonObject map:
                return map.ToJsonString(Readable); // What a tool returned.
            case JsonArray parts:
                StringBuilder text = new();
                foreach (JsonNode? part in parts)
                {
                    if (
                        (part is JsonObject { } o ? o["text"] : part) is not JsonValue value
                        || value.GetValueKind() != JsonValueKind.String
                    )
                    {
                        throw new FormatException("a message has parts that are no text");
                    }
                    text.Append(value.GetValue<string>());
                }
                return text.ToString();
            default:
                return null;
        }
    }

    private static bool IsText(JsonNode? value) => value is JsonValue text && text.GetValueKind() == JsonValueKind.String;

    private static readonly JsonSerializerOptions Readable = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
