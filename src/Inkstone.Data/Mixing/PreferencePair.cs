using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// Two answers to one prompt as two whole conversations: <c>chosen</c> and <c>rejected</c> may be messages, with the prompt or without, or
/// texts beside
/// <c>prompt</c> (or <c>instruction</c>, <c>question</c>).
/// </summary>
internal static class PreferencePair
{
    private static readonly string[] Prompts = ["prompt", "instruction", "question", "query"];
    private static readonly (string Chosen, string Rejected)[] Names =
    [
        ("chosen", "rejected"),
        ("chosen_conversation", "rejected_conversation"),
        ("preferred", "other"),
        ("response_chosen", "response_rejected"),
    ];

    /// <summary>All keys that mean something here.</summary>
    public static IReadOnlyCollection<string> Keys { get; } =
    [.. Prompts, .. Names.Select(n => n.Chosen), .. Names.Select(n => n.Rejected), "system"];

    public static bool Fits(JsonObject record) => Array.Exists(Names, n => record[n.Chosen] is not null && record[n.Rejected] is not null);

    /// <exception cref="FormatException">Nothing can be learned from it; the message is the reason for leaving it out.</exception>
    /// <exception cref="InvalidDataException">A message has no role, or an unknown one; the message lacks only the place.</exception>
    public static (JsonArray Chosen, JsonArray Rejected) Read(JsonObject record)
    {
        (string chosenKey, string rejectedKey) = Array.Find(Names, n => record[n.Chosen] is not null && record[n.Rejected] is not null);
        JsonArray chosen = Conversation(record, record[chosenKey]!),
            rejected = Conversation(record, record[rejectedKey]!);
        return JsonNode.DeepEquals(chosen, rejected) ? throw new FormatException("both answers are the same") : (chosen, rejected);
    }

    private static JsonArray Conversation(JsonObject record, JsonNode answer)
    {
        JsonNode? tools = null;
        JsonArray messages = [];
        JsonNode? prompt = Prompts.Select(k => record[k]).FirstOrDefault(v => v is not null);
        bool isWhole =
            answer is JsonArray turns
            && turns.Any(t =>
                t is JsonObject o && (o["role"] ?? o["from"])?.ToString() is { } role && MessageRoles.Normalize(role) == MessageRoles.User
            );
        if (!isWhole)
        {
            if (record["system"] is JsonValue system && !string.IsNullOrWhiteSpace(system.ToString()))
            {
                messages.Add((JsonNode)new JsonObject { ["role"] = MessageRoles.System, ["content"] = system.ToString() });
            }
            foreach (
                JsonNode? turn in prompt switch
                {
                    JsonArray list => list,
                    JsonValue text => [(JsonNode)new JsonObject { ["role"] = MessageRoles.User, ["content"] = text.ToString() }],
                    _ => throw new FormatException("a preference has no prompt"),
                }
            )
            {
                messages.Add((JsonNode)ChatMessage.Read(turn, ref tools));
            }
        }
        foreach (
            JsonNode? turn in answer switch
            {
                JsonArray list => list,
                JsonObject one => new JsonArray(one.DeepClone()),
                _ => [(JsonNode)new JsonObject { ["role"] = MessageRoles.Assistant, ["content"] = answer.ToString() }],
            }
        )
        {
            messages.Add((JsonNode)ChatMessage.Read(turn, ref tools));
        }
        return
            messages.Count > 0
            && messages[^1]!["role"]!.GetValue<string>() == MessageRoles.Assistant
            && !string.IsNullOrWhiteSpace(messages[^1]!["content"]!.GetValue<string>())
            ? messages
            : throw new FormatException("an answer is empty or not an assistant's");
    }
}
