using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Recognises what form a record has and brings it into the form of chat templates.</summary>
internal static class ConversationShape
{
    private static readonly string[] Lists = ["messages", "conversations", "conversation"];
    private static readonly string[] SystemKeys = ["system", "system_prompt"];
    private static readonly string[] ReasoningKeys = ["reasoning_content", "reasoning", "thinking"];

    /// <summary>Question key and answer keys, by decreasing peculiarity.</summary>
    private static readonly (string Question, string[] Answers)[] Pairs =
    [
        ("instruction", ["output", "response"]),
        ("prompt", ["response", "completion", "answer", "output"]),
        ("question", ["answer", "response"]),
        ("query", ["response", "answer"]),
    ];

    /// <summary>All keys that mean something here.</summary>
    public static IReadOnlyCollection<string> Keys { get; } =
        new HashSet<string>([
            .. Lists,
            .. SystemKeys,
            .. ReasoningKeys,
            .. Pairs.SelectMany(p => (string[])[p.Question, .. p.Answers]),
            "input",
            "history",
            "tools",
            "functions",
            "chat_template_kwargs",
        ]);

    /// <summary>The messages of a record.</summary>
    /// <exception cref="FormatException">The record teaches nothing; the message is the reason for leaving it out.</exception>
    /// <exception cref="InvalidDataException">It has no known form; the message lacks only the place.</exception>
    public static (string Format, JsonArray Messages, JsonArray? Tools, JsonObject? Variables) Read(JsonObject record)
    {
        JsonArray messages = new();
        JsonNode? toolsInMessage = null;
        string format = Lists.FirstOrDefault(key => record[key] is not null) ?? "";
        if (format.Length > 0)
        {
            foreach (JsonNode? message in List(record[format]!))
            {
                messages.Add((JsonNode)ChatMessage.Read(message, ref toolsInMessage));
            }
        }
        else
        {
            format = ReadPair(record, messages, ref toolsInMessage);
        }

        bool hasSystem = messages.Count > 0 && messages[0]!["role"]!.GetValue<string>() == MessageRoles.System;
        if (!hasSystem && Text(First(record, SystemKeys)) is { Length: > 0 } prompt)
        {
            messages.Insert(0, new JsonObject { ["role"] = MessageRoles.System, ["content"] = prompt });
        }
        JsonArray? tools =
            ToolCalls.Tools(record["tools"], areFunctions: false)
            ?? ToolCalls.Tools(record["functions"], areFunctions: true)
            ?? ToolCalls.Tools(toolsInMessage, areFunctions: false);
        Check(messages);
        return (format, messages, tools, Variables(record["chat_template_kwargs"]));
    }

    /// <summary>Variables of the template: an object, or JSON of one in a text; nulls, which Parquet has for keys of other rows, are left
    /// out.</summary>
    internal static JsonObject? Variables(JsonNode? value)
    {
        if (value is JsonValue text && text.TryGetValue(out string? json))
        {
            value = string.IsNullOrWhiteSpace(json) ? null : ToolCalls.TryParse(json) ?? value;
        }
        if (value is null)
        {
            return null;
        }
        JsonObject variables = value as JsonObject ?? throw new FormatException("chat_template_kwargs is no JSON object");
        return new JsonObject(variables.Where(v => v.Value is not null).Select(v => KeyValuePair.Create(v.Key, v.Value?.DeepClone())));
    }

    private static void Check(JsonArray messages)
    {
        bool hasAssistant = false;
        foreach (JsonNode? message in messages)
        {
            if (message!["role"]!.GetValue<string>() != MessageRoles.Assistant)
            {
                continue;
            }
            hasAssistant = true;
            if (
                string.IsNullOrWhiteSpace(message["content"]!.GetValue<string>())
                && message["tool_calls"] is null
                && !ChatMessage.HasReasoning(message)
            )
            {
                throw new FormatException("an assistant's turn is empty");
            }
        }
        if (messages.Count == 0)
        {
            throw new FormatException("there are no messages");
        }
        if (!hasAssistant)
        {
            throw new FormatException("there is no assistant's turn");
        }
    }

    private static string ReadPair(JsonObject record, JsonArray messages, ref JsonNode? tools)
    {
        (string question, string? answer) = Pair(key => record[key] is not null);
        if (answer is null)
        {
            (question, answer) = Pair(record.ContainsKey); // Parquet has a null for every key that other rows use.
        }
        if (answer is null)
        {
            throw new InvalidDataException(
                $"the keys {string.Join(", ", record.Select(p => p.Key))} are no known form of a conversation: give messages (role, content), conversations (from, value), instruction and output, prompt and response, or question and answer."
            );
        }
        JsonNode? asked = record[question],
            answered = record[answer];
        if (asked is JsonArray || answered is JsonArray) // Conversational prompts and completions.
        {
            foreach (JsonNode? message in Turns(asked, MessageRoles.User))
            {
                messages.Add((JsonNode)ChatMessage.Read(message, ref tools));
            }
            foreach (JsonNode? message in Turns(answered, MessageRoles.Assistant))
            {
                messages.Add((JsonNode)ChatMessage.Read(message, ref tools));
            }
            return $"{question}/{answer}";
        }
        foreach (JsonNode? turn in record["history"] as JsonArray ?? [])
        {
            if (turn is not JsonArray { Count: 2 } pair)
            {
                throw new FormatException("the history is no list of pairs");
            }
            Add(messages, MessageRoles.User, pair[0]);
            Add(messages, MessageRoles.Assistant, pair[1]);
        }
        string input = question == "instruction" ? Text(record["input"]) ?? "" : "";
        string text = Text(asked) ?? throw new FormatException($"the {question} is no text");
        Add(
            messages,
            MessageRoles.User,
            string.IsNullOrWhiteSpace(input) ? text
                : string.IsNullOrWhiteSpace(text) ? input
                : $"{text}\n{input}"
        );
        Add(messages, MessageRoles.Assistant, answered);
        if (Text(First(record, ReasoningKeys)) is { Length: > 0 } thought)
        {
            messages[^1]!["reasoning_content"] = thought;
        }
        return $"{question}/{answer}";
    }

    private static (string Question, string? Answer) Pair(Predicate<string> isThere)
    {
        foreach ((string question, string[] answers) in Pairs)
        {
            if (isThere(question) && Array.Find(answers, isThere) is { } answer)
            {
                return (question, answer);
            }
        }
        return ("", null);
    }

    private static void Add(JsonArray messages, string role, JsonNode? content) =>
        messages.Add(
            (JsonNode)
                new JsonObject { ["role"] = role, ["content"] = Text(content) ?? throw new FormatException("a message has no content") }
        );

    private static JsonArray Turns(JsonNode? value, string role) =>
        value as JsonArray ?? [(JsonNode)new JsonObject { ["role"] = role, ["content"] = value?.DeepClone() }];

    /// <summary>A list, JSON of a list in a text, or an object of lists, as some writers turn lists of objects around.</summary>
    private static JsonArray List(JsonNode value)
    {
        if (value is JsonValue text && text.TryGetValue(out string? json))
        {
            value = ToolCalls.TryParse(json) ?? throw new FormatException("the messages are no list");
        }
        if (value is JsonObject columns && columns.Count > 0 && columns.All(c => c.Value is null or JsonArray))
        {
            JsonArray turned = new();
            int count = columns.Max(c => c.Value?.AsArray().Count ?? 0);
            for (int i = 0; i < count; i++)
            {
                turned.Add(
                    (JsonNode)
                        new JsonObject(
                            columns
                                .Where(c => c.Value?.AsArray().Count > i)
                                .Select(c => KeyValuePair.Create(c.Key, c.Value![i]?.DeepClone()))
                        )
                );
            }
            return turned;
        }
        return value as JsonArray ?? throw new FormatException("the messages are no list");
    }

    private static JsonNode? First(JsonObject record, string[] keys)
    {
        foreach (string key in keys)
        {
            if (record[key] is { } value)
            {
                return value;
            }
        }
        return null;
    }

    private static string? Text(JsonNode? value) =>
        value is JsonValue one
            ? one.GetValueKind() == JsonValueKind.String
                ? one.GetValue<string>()
                : one.ToJsonString()
            : null;
}
