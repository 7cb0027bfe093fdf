using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// Reads the data of supervised fine-tuning: JSONL, JSON arrays (gzipped or not) and Parquet, one conversation at a time. Each record may
/// be
/// <c>messages</c> or <c>conversations</c> (role and content, or ShareGPT's from and value), <c>instruction</c> with <c>input</c> and
/// <c>output</c>, <c>prompt</c> with <c>response</c> or <c>completion</c>, or <c>question</c> with <c>answer</c>.
/// </summary>
public sealed class ConversationReader
{
    private readonly SkippedRecordCounter _skipped = new();
    private readonly SortedDictionary<string, long> _formats = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _roles = new(StringComparer.Ordinal);
    private long _records,
        _conversations,
        _withTools,
        _withReasoning;
    private int _longest;

    /// <summary>What was read so far.</summary>
    public ConversationReport Report =>
        new(
            _records,
            _conversations,
            _skipped.Records,
            new Dictionary<string, long>(_formats),
            new Dictionary<string, long>(_roles),
            _roles.GetValueOrDefault(MessageRoles.Assistant),
            _longest,
            _withTools,
            _withReasoning
        );

    /// <summary>
    /// The conversations of the files in order. Records that nothing can be learned from (no assistant's turn, an empty one, messages
    /// without content, broken tools) are left out and counted in the report.
    /// </summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A record is no conversation or has an unknown role, or a file is damaged; the message names
    /// the place.</exception>
    public IEnumerable<Conversation> Read(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            foreach ((string place, JsonObject record) in JsonRecords.Read(file, ConversationShape.Keys))
            {
                _records++;
                if (TryRead(place, record) is { } conversation)
                {
                    yield return conversation;
                }
            }
        }
    }

    /// <summary>One record as a conversation.</summary>
    /// <param name="place">where it stands</param>
    /// <param name="record">the record</param>
    /// <exception cref="FormatException">Nothing can be learned from it.</exception>
    /// <exception cref="InvalidDataException">It is no conversation.</exception>
    public static Conversation Parse(string place, JsonObject record)
    {
        (_, JsonArray messages, JsonArray? tools, JsonObject? variables) = ConversationShape.Read(record);
        return new Conversation(messages, tools, variables, place);
    }

    private Conversation? TryRead(string place, JsonObject record)
    {
        try
        {
            (string format, JsonArray messages, JsonArray? tools, JsonObject? variables) = ConversationShape.Read(record);
            _formats[format] = _formats.GetValueOrDefault(format) + 1;
            Count(messages, tools);
            return new Conversation(messages, tools, variables, place);
        }
        catch (FormatException exception)
        {
            _skipped.Add(exception.Message, place);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{place}: {exception.Message}", exception);
        }
        return null;
    }

    private void Count(JsonArray messages, JsonArray? tools)
    {
        _conversations++;
        _longest = Math.Max(_longest, messages.Count);
        bool hasTools = tools is not null,
            hasReasoning = false;
        foreach (JsonNode? message in messages)
        {
            string role = message!["role"]!.GetValue<string>();
            _roles[role] = _roles.GetValueOrDefault(role) + 1;
            hasTools |= message["tool_calls"] is not null;
            hasReasoning |= ChatMessage.HasReasoning(message);
        }
        if (hasTools)
        {
            _withTools++;
        }
        if (hasReasoning)
        {
            _withReasoning++;
        }
    }
}
