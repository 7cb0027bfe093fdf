using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>A question with choices, as C-Eval, CMMLU, ARC, C3 and others keep it, as a question and its answer.</summary>
internal static class ChoiceQuestion
{
    private static readonly string[] Questions = ["question", "Question", "query", "stem"];
    private static readonly string[] Lists = ["choices", "options", "choice", "endings"];
    private static readonly string[] Answers = ["answerKey", "answer", "Answer", "answer_idx", "label"];

    /// <summary>All keys that mean something here.</summary>
    public static IReadOnlyCollection<string> Keys { get; } =
    [.. Questions, .. Lists, .. Answers, "context", "explanation", .. Enumerable.Range('A', 10).Select(c => $"{(char)c}")];

    public static bool Fits(JsonObject record) => Text(record, Questions) is not null && Options(record) is { Count: >= 2 };

    /// <summary>The turns of a user and an assistant.</summary>
    /// <exception cref="FormatException">It names no answer, or none of its choices; the message is the reason for leaving it
    /// out.</exception>
    public static JsonArray Read(JsonObject record)
    {
        List<(string Label, string Text)> options = Options(record)!;
        JsonNode? answer = Answers.Select(k => record[k]).FirstOrDefault(v => v is JsonValue);
        (string label, string text) = Right(options, answer);
        StringBuilder asked = new();
        if (record["context"] is { } context)
        {
            asked
                .Append(context is JsonArray lines ? string.Join('\n', lines.Select(l => l?.ToString())) : context.ToString())
                .Append('\n');
        }
        asked.Append(Text(record, Questions)!.Trim());
        foreach ((string l, string t) in options)
        {
            asked.Append('\n').Append(l).Append(". ").Append(t);
        }
        string told = $"{label}. {text}";
        if (Text(record, ["explanation"]) is { } explanation && !string.IsNullOrWhiteSpace(explanation))
        {
            told += "\n" + explanation.Trim();
        }
        return
        [
            (JsonNode)new JsonObject { ["role"] = MessageRoles.User, ["content"] = asked.ToString() },
            (JsonNode)new JsonObject { ["role"] = MessageRoles.Assistant, ["content"] = told },
        ];
    }

    private static (string Label, string Text) Right(List<(string Label, string Text)> options, JsonNode? answer)
    {
        string said = answer?.ToString().Trim() ?? "";
        if (said.Length == 0)
        {
            throw new FormatException("a question has no answer");
        }
        int at = options.FindIndex(o => o.Label.Equals(said, StringComparison.OrdinalIgnoreCase));
        if (at < 0)
        {
            at = options.FindIndex(o => o.Text == said);
        }
        // A number that is no label counts from 0, as data sets with class labels do.
        if (at < 0 && int.TryParse(said, out int index) && index >= 0 && index < options.Count)
        {
            at = index;
        }
        return at >= 0 ? options[at] : throw new FormatException("the answer to a question is none of its choices");
    }

    private static List<(string Label, string Text)>? Options(JsonObject record)
    {
        JsonNode? list = Lists.Select(k => record[k]).FirstOrDefault(v => v is JsonArray or JsonObject);
        switch (list)
        {
            case JsonObject columns
                when columns["text"] is JsonArray texts && columns["label"] is JsonArray labels && texts.Count == labels.Count:
                return [.. texts.Select((t, i) => ($"{labels[i]}", $"{t}"))];
            case JsonObject named:
                return [.. named.Where(o => o.Value is JsonValue).Select(o => (o.Key, $"{o.Value}"))];
            case JsonArray plain when plain.All(o => o is JsonValue):
                return [.. plain.Select((t, i) => ($"{(char)('A' + i)}", $"{t}"))];
            case JsonArray rows when rows.All(o => o is JsonObject r && r["text"] is JsonValue):
                return [.. rows.Select((o, i) => ($"{o!["label"] ?? o["key"] ?? $"{(char)('A' + i)}"}", $"{o["text"]}"))];
        }
        List<(string, string)> letters = [];
        for (
            char letter = 'A';
            letter <= 'J' && record[$"{letter}"] is JsonValue value && value.GetValueKind() != JsonValueKind.Null;
            letter++
        )
        {
            letters.Add(($"{letter}", value.ToString()));
        }
        return letters.Count >= 2 ? letters : null;
    }

    private static string? Text(JsonObject record, string[] keys) =>
        keys.Select(k => record[k]).OfType<JsonValue>().FirstOrDefault(v => v.GetValueKind() == JsonValueKind.String)?.GetValue<string>();
}
