using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>Messages of OpenAI's API as chat templates take them: one text as content, arguments of calls as objects.</summary>
internal static class MessageFields
{
    /// <summary>All messages of a body.</summary>
    public static JsonArray Read(Fields body)
    {
        Fields[] messages = body.Objects("messages") ?? throw body.Missing("messages");
        return messages.Length == 0
            ? throw body.Wrong("messages", "a list with at least one message")
            : Wire.Array(messages.Select(m => (JsonNode)Message(m)));
    }

    private static JsonObject Message(Fields m)
    {
        string given = m.NeededText("role");
        string role = given switch
        {
            "developer" => "system",
            "function" => "tool",
            "system" or "user" or "assistant" or "tool" => given,
            string other => throw ApiException.Bad(
                m.Path("role"),
                $"{m.Path("role")} must be system, developer, user, assistant or tool, it is '{other}'."
            ),
        };
        JsonObject message = new() { ["role"] = role, ["content"] = Content(m, "content", role == "assistant" ? "" : "\n") };
        if (!m.Has("content") && role is not ("assistant" or "tool"))
        {
            throw m.Missing("content");
        }
        foreach (string key in (string[])["name", "tool_call_id", "reasoning_content"])
        {
            if (m.Text(key) is { } text)
            {
                message[key] = text;
            }
        }
        if (role == "assistant" && Calls(m) is { Count: > 0 } calls)
        {
            message["tool_calls"] = calls;
        }
        return message;
    }

    /// <summary>A text, or the texts of a list of parts.</summary>
    public static string Content(Fields m, string name, string between)
    {
        if (m[name] is not { } content)
        {
            return "";
        }
        return content.ValueKind switch
        {
            JsonValueKind.String => content.GetString()!,
            JsonValueKind.Array => string.Join(between, m.Objects(name)!.Select(Part)),
            _ => throw m.Wrong(name, "a text or a list of parts", content),
        };
    }

    private static string Part(Fields part) =>
        part.NeededText("type") switch
        {
            "text" or "input_text" or "output_text" => part.NeededText("text"),
            "refusal" => part.NeededText("refusal"),
            string type when type.Contains("image", StringComparison.Ordinal) => throw ApiException.Bad(
                part.Path("type"),
                "image input is not supported by this model; send text."
            ),
            string type when type.Contains("audio", StringComparison.Ordinal) => throw ApiException.Bad(
                part.Path("type"),
                "audio input is not supported by this model; send text."
            ),
            string type => throw ApiException.Bad(part.Path("type"), $"{part.Path("type")} must be text, it is '{type}'."),
        };

    private static JsonArray Calls(Fields m)
    {
        JsonArray calls = [];
        foreach (Fields call in m.Objects("tool_calls") ?? [])
        {
            Fields function = call.Object("function") ?? throw call.Missing("function");
            calls.Add((JsonNode)Call(call.Text("id") ?? "", function.NeededText("name"), Arguments(function, "arguments")));
        }
        if (m.Object("function_call") is { } old)
        {
            calls.Add((JsonNode)Call("", old.NeededText("name"), Arguments(old, "arguments")));
        }
        return calls;
    }

    public static JsonObject Call(string id, string name, JsonNode arguments) =>
        new()
        {
            ["id"] = id,
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = name, ["arguments"] = arguments },
        };

    /// <summary>Arguments come as a text that holds JSON; templates write them anew, so that however a client indents them the prompt is
    /// the same.</summary>
    public static JsonNode Arguments(Fields function, string name)
    {
        if (function[name] is not { } given)
        {
            return new JsonObject();
        }
        if (given.ValueKind == JsonValueKind.Object)
        {
            return JsonObject.Create(given)!;
        }
        string text =
            given.ValueKind == JsonValueKind.String
                ? given.GetString()!
                : throw function.Wrong(name, "a text that holds a JSON object", given);
        try
        {
            JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? JsonObject.Create(document.RootElement)!
                : JsonValue.Create(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text); // what the model had made of it
        }
    }
}
