using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Recognises what form a record of preferences has. A <see cref="FormatException"/> is a reason to leave it out, an
/// <see cref="InvalidDataException"/> lacks only the place.</summary>
internal static class PreferenceShape
{
    private const string Chosen = "chosen",
        Rejected = "rejected",
        Prompt = "prompt",
        Label = "label";

    private static readonly string[] SingleKeys = ["completion", "response", "answer"],
        ListKeys = ["messages", "conversations", "conversation"];

    /// <summary>All keys that mean something here.</summary>
    public static IReadOnlyCollection<string> Keys { get; } =
        new HashSet<string>([
            Chosen,
            Rejected,
            Prompt,
            Label,
            .. SingleKeys,
            .. ListKeys,
            "margin",
            "instruction",
            "completions",
            "system",
            "tools",
            "chat_template_kwargs",
        ]);

    public static IReadOnlyList<PreferenceRecord> Pair(JsonObject record, string place) => [OfPair(record, place)];

    public static IReadOnlyList<PreferenceRecord> Singles(JsonObject record, string place)
    {
        if (record[Chosen] is not null || record["completions"] is JsonArray)
        {
            PreferenceRecord pair = OfPair(record, place);
            return [pair with { Answers = [pair.Answers[0]], Good = true }, pair with { Answers = [pair.Answers[1]], Good = false }];
        }
        JsonNode? label =
            record[Label]
            ?? throw new InvalidDataException(
                $"the keys {Names(record)} are no known form of a judged answer: give prompt, completion and label, or chosen and rejected."
            );
        bool good = label.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number when (double)label is 0 or 1 => (double)label == 1,
            JsonValueKind.String when bool.TryParse((string?)label, out bool said) => said,
            _ => throw new FormatException("the label is neither true nor false"),
        };
        string? key = SingleKeys.FirstOrDefault(k => record[k] is not null),
            list = ListKeys.FirstOrDefault(k => record[k] is not null);
        (TextOrMessages prompt, TextOrMessages answer) =
            key is not null ? Joined(Read(record[Prompt]), Read(record[key]))
            : list is not null ? Last(Messages(record[list]!))
            : throw new InvalidDataException($"the keys {Names(record)} hold no answer: give prompt and completion, or messages.");
        return [Make(record, prompt, [answer], good, null, place)];
    }

    private static PreferenceRecord OfPair(JsonObject record, string place)
    {
        if (record["completions"] is JsonArray scored && record["instruction"] is { } instruction)
        {
            return OfScored(record, instruction, scored, place);
        }
        if (record[Chosen] is not { } first || record[Rejected] is not { } second)
        {
            throw record.ContainsKey(Chosen) && record.ContainsKey(Rejected)
                ? new FormatException("an answer is null")
                : new InvalidDataException(
                    $"the keys {Names(record)} are no known form of a pair: give prompt, chosen and rejected, or chosen and rejected that begin alike."
                );
        }
        TextOrMessages chosen = Read(first),
            rejected = Read(second),
            prompt = Read(record[Prompt]);
        if (chosen.Messages is null != rejected.Messages is null)
        {
            throw new FormatException("one answer is a text and the other is messages");
        }
        double? margin = record["margin"] is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? (double)value : null;
        if (chosen.Messages is null)
        {
            (prompt, chosen, TextOrMessages other) = prompt.Messages is null
                ? record[Prompt] is null
                    ? CommonText.Part(chosen.Text, rejected.Text)
                    : (prompt, chosen, rejected)
                : (prompt, Said(chosen), Said(rejected));
            return Make(record, prompt, [chosen, other], true, margin, place);
        }
        JsonArray a = chosen.Messages,
            b = rejected.Messages!;
        if (prompt.Messages is { } asked)
        {
            return Make(record, prompt, [Behind(asked, a), Behind(asked, b)], true, margin, place);
        }
        int common = 0;
        while (common < Math.Min(a.Count, b.Count) && JsonNode.DeepEquals(a[common], b[common]))
        {
            common++;
        }
        if (common == a.Count && common == b.Count)
        {
            throw new FormatException("the two answers are equal");
        }
        JsonArray shared = [.. a.Take(common).Select(m => m!.DeepClone())];
        if (prompt.Text.Length > 0)
        {
            if (shared.Count == 0)
            {
                shared = [(JsonNode)User(prompt.Text)];
            }
            else if (!shared.Any(m => (string?)m!["content"] == prompt.Text))
            {
                throw new FormatException("prompt is a text that is none of the messages which both answers begin with");
            }
        }
        return Make(record, new TextOrMessages("", shared), [new("", From(a, common)), new("", From(b, common))], true, margin, place);
    }

    /// <summary>UltraFeedback as published: an instruction and completions with a score each.</summary>
    private static PreferenceRecord OfScored(JsonObject record, JsonNode instruction, JsonArray completions, string place)
    {
        (string Text, double Score)[] scored =
        [
            .. completions
                .OfType<JsonObject>()
                .Where(c => c["response"] is not null)
                .Select(c => (Read(c["response"]).Text, Score(c)))
                .Where(c => !double.IsNaN(c.Item2)),
        ];
        if (scored.Length < 2)
        {
            throw new FormatException("fewer than two completions have a response and a score");
        }
        (string best, double most) = scored.MaxBy(c => c.Score);
        (string worst, double least) = scored.MinBy(c => c.Score);
        return most > least
            ? Make(
                record,
                new TextOrMessages("", [(JsonNode)User(Read(instruction).Text)]),
                [Said(new(best)), Said(new(worst))],
                true,
                null,
                place
            )
            : throw new FormatException("all completions have the same score");
    }

    private static double Score(JsonObject completion)
    {
        foreach (string key in (string[])["overall_score", "fine-grained_score", "score"])
        {
            if (
                completion[key] is JsonValue value
                && double.TryParse(value.ToString(), System.Globalization.CultureInfo.InvariantCulture, out double score)
            )
            {
                return score;
            }
        }
        return double.NaN;
    }

    private static PreferenceRecord Make(
        JsonObject record,
        TextOrMessages prompt,
        TextOrMessages[] answers,
        bool good,
        double? margin,
        string place
    )
    {
        if (answers.Any(a => a.IsEmpty))
        {
            throw new FormatException("an answer is empty");
        }
        if (answers is [var one, var other] && one.Key == other.Key)
        {
            throw new FormatException("the two answers are equal");
        }
        if (
            prompt.Messages is { } messages
            && record["system"] is JsonValue system
            && system.TryGetValue(out string? text)
            && text.Length > 0
            && (string?)messages.FirstOrDefault()?["role"] != MessageRoles.System
        )
        {
            messages.Insert(0, new JsonObject { ["role"] = MessageRoles.System, ["content"] = text });
        }
        return new PreferenceRecord(
            prompt,
            answers,
            good,
            margin,
            ToolCalls.Tools(record["tools"], areFunctions: false),
            ConversationShape.Variables(record["chat_template_kwargs"]),
            place
        );
    }

    private static (TextOrMessages, TextOrMessages) Joined(TextOrMessages prompt, TextOrMessages answer) =>
        prompt.Messages is null == answer.Messages is null ? (prompt, answer)
        : prompt.Messages is null ? (new("", [(JsonNode)User(prompt.Text)]), answer)
        : (prompt, Said(answer));

    private static (TextOrMessages, TextOrMessages) Last(JsonArray messages) =>
        messages.Count > 0 && (string?)messages[^1]!["role"] == MessageRoles.Assistant
            ? (new("", [.. messages.Take(messages.Count - 1).Select(m => m!.DeepClone())]), new("", From(messages, messages.Count - 1)))
            : throw new FormatException("the last message is no assistant's");

    /// <summary>What stands behind the prompt: all, or what follows it where the answer repeats it.</summary>
    private static TextOrMessages Behind(JsonArray prompt, JsonArray answer)
    {
        bool repeats = answer.Count > prompt.Count && Enumerable.Range(0, prompt.Count).All(i => JsonNode.DeepEquals(prompt[i], answer[i]));
        return new TextOrMessages("", From(answer, repeats ? prompt.Count : 0));
    }

    private static JsonArray From(JsonArray messages, int first) => [.. messages.Skip(first).Select(m => m!.DeepClone())];

    private static TextOrMessages Said(TextOrMessages text) =>
        new("", [(JsonNode)new JsonObject { ["role"] = MessageRoles.Assistant, ["content"] = text.Text }]);

    private static JsonObject User(string text) => new() { ["role"] = MessageRoles.User, ["content"] = text };

    /// <summary>A text, or messages, also as JSON in a text.</summary>
    private static TextOrMessages Read(JsonNode? value) =>
        value switch
        {
            null => new TextOrMessages(""),
            JsonArray list => new TextOrMessages("", Messages(list)),
            JsonValue text when text.TryGetValue(out string? said) => said.StartsWith("[{", StringComparison.Ordinal)
            && ToolCalls.TryParse(said) is JsonArray list
                ? new TextOrMessages("", Messages(list))
                : new TextOrMessages(said),
            _ => throw new FormatException("a prompt or an answer is neither a text nor a list of messages"),
        };

    private static JsonArray Messages(JsonNode value)
    {
        JsonNode? tools = null;
        return value is JsonArray list
            ? [.. list.Select(m => (JsonNode)ChatMessage.Read(m, ref tools))]
            : throw new FormatException("the messages are no list");
    }

    private static string Names(JsonObject record) => string.Join(", ", record.Select(p => p.Key));
}
