using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>Messages of Anthropic's API as chat templates take them.</summary>
internal static class AnthropicFields
{
    /// <summary>system and messages; without a message the user says nothing.</summary>
    public static JsonArray Messages(Fields body)
    {
        Fields[] given = body.Objects("messages") ?? throw body.Missing("messages");
        JsonArray messages = [];
        if (body.Has("system"))
        {
            messages.Add((JsonNode)new JsonObject { ["role"] = "system", ["content"] = MessageFields.Content(body, "system", "\n") });
        }
        foreach (Fields message in given)
        {
            Add(messages, message);
        }
        if (given.Length == 0)
        {
            messages.Add((JsonNode)new JsonObject { ["role"] = "user", ["content"] = "" });
        }
        return messages;
    }

    /// <summary>A message of blocks becomes several: each result of a tool is one of its own.</summary>
    private static void Add(JsonArray messages, Fields message)
    {
        string role = message.NeededText("role");
        if (role is not ("user" or "assistant" or "system"))
        {
            throw message.Wrong("role", "user or assistant");
        }
        if (message["content"] is not { ValueKind: JsonValueKind.Array })
        {
            messages.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["role"] = role,
                        ["content"] = message.Has("content") ? message.Text("content") : throw message.Missing("content"),
                    }
            );
            return;
        }
        List<string> texts = [];
        JsonArray calls = [],
            results = [];
        string thought = "";
        foreach (Fields block in message.Objects("content")!)
        {
            switch (block.NeededText("type"))
            {
                case "text":
                    texts.Add(block.NeededText("text"));
                    break;
                case "thinking":
                    thought += block.Text("thinking");
                    break;
                case "redacted_thinking":
                    break;
                case "tool_use":
                    calls.Add((JsonNode)MessageFields.Call(block.Text("id") ?? "", block.NeededText("name"), block.Node("input") ?? []));
                    break;
                case "tool_result":
                    string said = MessageFields.Content(block, "content", "\n");
                    results.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["role"] = "tool",
                                ["tool_call_id"] = block.Text("tool_use_id") ?? "",
                                ["content"] = block.Flag("is_error") == true ? $"Error: {said}" : said,
                            }
                    );
                    break;
                case "image" or "document":
                    throw ApiException.Bad(block.Path("type"), "image input is not supported by this model; send text.");
                case string type:
                    throw ApiException.Bad(
                        block.Path("type"),
                        $"{block.Path("type")} must be text, thinking, tool_use or tool_result, it is '{type}'."
                    );
            }
        }
        while (results.Count > 0)
        {
            JsonNode result = results[0]!;
            results.RemoveAt(0);
            messages.Add(result);
        }
        if (texts.Count == 0 && calls.Count == 0 && messages.Count > 0 && role == "user" && (string?)messages[^1]!["role"] == "tool")
        {
            return;
        }
        JsonObject own = new() { ["role"] = role, ["content"] = string.Join(role == "assistant" ? "" : "\n", texts) };
        if (thought.Length > 0)
        {
            own["reasoning_content"] = thought;
        }
        if (calls.Count > 0)
        {
            own["tool_calls"] = calls;
        }
        messages.Add((JsonNode)own);
    }
}
