using System.Text.Json.Nodes;

namespace Inkstone.Chat;

/// <summary>Tools for templates that know none: they are described to the model in words, and calls and results become plain messages in
/// the form of Hermes.</summary>
internal static class ToolsAsText
{
    /// <summary>The messages with everything about tools written out.</summary>
    /// <param name="messages">the conversation</param>
    /// <param name="tools">what may be called</param>
    /// <param name="forced">whether the answer has to be a call, so that the form need not be told: the call has begun already</param>
    public static JsonArray Write(JsonArray messages, JsonArray? tools, bool forced = false)
    {
        JsonArray written = [];
        foreach (JsonNode? node in messages)
        {
            JsonObject message = node!.DeepClone().AsObject();
            string content = Text(message);
            if (message["tool_calls"] is JsonArray calls)
            {
                message.Remove("tool_calls");
                message["content"] = string.Join('\n', [.. content.Length > 0 ? [content] : Array.Empty<string>(), .. calls.Select(Call)]);
            }
            else if ((string?)message["role"] == "tool")
            {
                // Results of several calls follow one another and are one message of the user.
                string result = $"<tool_response>\n{content}\n</tool_response>";
                if (
                    written is [.., JsonObject last]
                    && (string?)last["role"] == "user"
                    && Text(last).StartsWith("<tool_response>", StringComparison.Ordinal)
                )
                {
                    last["content"] = $"{Text(last)}\n{result}";
                    continue;
                }
                message = new JsonObject { ["role"] = "user", ["content"] = result };
            }
            written.Add((JsonNode)message);
        }
        if (tools is { Count: > 0 })
        {
            Describe(written, tools, forced);
        }
        return written;
    }

    private static void Describe(JsonArray messages, JsonArray tools, bool forced)
    {
        // As short as it can be said: the smallest models have contexts of 256 tokens, and nothing of this was in their training.
        string lines = string.Join(
            '\n',
            tools.Select(tool => ((tool as JsonObject)?["function"] ?? tool!).ToJsonString(ChatJson.Readable))
        );
        string text =
            $"Functions you can call:\n<tools>\n{lines}\n</tools>"
            + (
                forced
                    ? ""
                    : "\nTo call one, answer only:\n<tool_call>\n{\"name\": \"function\", \"arguments\": {\"key\": \"value\"}}\n</tool_call>"
            );
        if (messages is [JsonObject first, ..] && (string?)first["role"] == "system")
        {
            first["content"] = $"{Text(first)}\n\n{text}";
        }
        else
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = text });
        }
    }

    private static string Call(JsonNode? call)
    {
        JsonObject written = new()
        {
            ["name"] = call?["function"]?["name"]?.DeepClone(),
            ["arguments"] = call?["function"]?["arguments"]?.DeepClone(),
        };
        return $"<tool_call>\n{written.ToJsonString(ChatJson.Readable)}\n</tool_call>";
    }

    private static string Text(JsonObject message) =>
        message["content"] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
}
