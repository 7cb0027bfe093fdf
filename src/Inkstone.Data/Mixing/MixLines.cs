using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>What one record becomes: a line for each file that it goes to, and its text, in which tokens are counted.</summary>
internal sealed class MixLines
{
    private static readonly JsonWriterOptions Form = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>How a turn begins where a conversation is written as a text, as the booklet's own sets have it.</summary>
    private static readonly Dictionary<string, string> Speakers = new()
    {
        [MessageRoles.System] = "[系统]",
        [MessageRoles.User] = "[用户]",
        [MessageRoles.Assistant] = "[助手]",
        [MessageRoles.Tool] = "[工具]",
    };

    private MixLines(string text) => Text = text;

    /// <summary>What the record was taken for.</summary>
    public MixKind Kind { get; private set; }

    /// <summary>The words of the record, without the marks of a format.</summary>
    public string Text { get; }

    /// <summary>Lines with their line ends.</summary>
    public Dictionary<MixOutputs, byte[]> Lines { get; } = [];

    /// <summary>Reads a record.</summary>
    /// <param name="record">the record</param>
    /// <param name="source">what it is taken as, and its name where it has none</param>
    /// <param name="category">the category that it is for</param>
    /// <exception cref="FormatException">Nothing can be learned from it, or nothing for these files; the message is the reason for leaving
    /// it out.</exception>
    /// <exception cref="InvalidDataException">It has no known form; the message lacks only the place.</exception>
    public static MixLines Create(JsonObject record, MixSource source, MixCategory category)
    {
        MixKind kind =
            source.Kind != MixKind.Auto ? source.Kind
            : PreferencePair.Fits(record) ? MixKind.Preference
            : ChoiceQuestion.Fits(record) ? MixKind.Choice
            : source.TextKeys.All(k => record[k] is JsonValue or JsonArray) && !record.Any(p => p.Key is "messages" or "conversations")
                ? MixKind.Text
            : MixKind.Conversation;
        string name = record["source"] is JsonValue own && own.TryGetValue(out string? said) && said.Length > 0 ? said : source.Name;
        MixLines lines = kind switch
        {
            MixKind.Text => OfText(record, source, name, category),
            MixKind.Preference => OfPair(record, name, category),
            MixKind.Choice => OfTurns(
                ChoiceQuestion.Fits(record)
                    ? ChoiceQuestion.Read(record)
                    : throw new InvalidDataException(
                        $"the keys {string.Join(", ", record.Select(p => p.Key))} are no question with choices"
                    ),
                null,
                name,
                category
            ),
            _ => OfConversation(record, name, category),
        };
        lines.Kind = kind;
        return lines.Lines.Count > 0
            ? lines
            : throw new FormatException($"a {kind.ToString().ToLowerInvariant()} goes to none of the files of its category");
    }

    private static MixLines OfText(JsonObject record, MixSource source, string name, MixCategory category)
    {
        string text = string.Join(
            '\n',
            source.TextKeys.Select(k =>
                record[k] switch
                {
                    JsonValue value => value.ToString(),
                    JsonArray list => string.Join('\n', list.Select(l => l?.ToString())),
                    _ => throw new FormatException($"a text lacks '{k}'"),
                }
            )
        );
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new FormatException("a text is empty");
        }
        return new MixLines(text).Add(MixOutputs.Pretrain, category, name, json => json.WriteString("text", text));
    }

    private static MixLines OfConversation(JsonObject record, string name, MixCategory category)
    {
        (_, JsonArray messages, JsonArray? tools, _) = ConversationShape.Read(record);
        return OfTurns(messages, tools, name, category);
    }

    private static MixLines OfTurns(JsonArray messages, JsonArray? tools, string name, MixCategory category)
    {
        return new MixLines(Words(messages))
            .Add(
                MixOutputs.Sft,
                category,
                name,
                json =>
                {
                    json.WritePropertyName("conversations");
                    messages.WriteTo(json);
                    if (tools is null)
                    {
                        return;
                    }
                    json.WritePropertyName("tools");
                    tools.WriteTo(json);
                }
            )
            .Add(
                MixOutputs.Pretrain,
                category,
                name,
                json =>
                    json.WriteString(
                        "text",
                        string.Join(
                            '\n',
                            messages.Select(m => $"{Speakers[m!["role"]!.GetValue<string>()]} {m["content"]!.GetValue<string>().Trim()}")
                        )
                    )
            );
    }

    private static MixLines OfPair(JsonObject record, string name, MixCategory category)
    {
        (JsonArray chosen, JsonArray rejected) = PreferencePair.Read(record);
        return new MixLines($"{Words(chosen)}\n{rejected[^1]!["content"]}").Add(
            MixOutputs.Dpo,
            category,
            name,
            json =>
            {
                json.WritePropertyName("chosen");
                chosen.WriteTo(json);
                json.WritePropertyName("rejected");
                rejected.WriteTo(json);
            }
        );
    }

    private static string Words(JsonArray messages) => string.Join('\n', messages.Select(m => m!["content"]!.GetValue<string>()));

    private MixLines Add(MixOutputs output, MixCategory category, string source, Action<Utf8JsonWriter> write)
    {
        if (category.Writes != MixOutputs.None && !category.Writes.HasFlag(output))
        {
            return this;
        }
        using MemoryStream line = new(1024);
        using (Utf8JsonWriter json = new(line, Form))
        {
            json.WriteStartObject();
            write(json);
            json.WriteString("source", source);
            json.WriteString("category", category.Name);
            json.WriteEndObject();
        }
        line.WriteByte((byte)'\n');
        Lines[output] = line.ToArray();
        return this;
    }
}
