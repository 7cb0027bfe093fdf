using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>A record that is shown.</summary>
/// <param name="Place">its file</param>
/// <param name="Kind">what it is taken for: text, conversation, choice, preference; null where its keys say nothing</param>
/// <param name="Text">its words</param>
/// <param name="Turns">its messages as role and content, where it has any</param>
public sealed record ShownRecord(string Place, MixKind? Kind, string Text, IReadOnlyList<(string Role, string Content)> Turns);

/// <summary>Records in words and numbers: how many, of what kinds, how long, how many tokens a character.</summary>
/// <param name="Records">records</param>
/// <param name="Kinds">how many are of which kind</param>
/// <param name="Unusable">records from which nothing could be learned, by reason</param>
/// <param name="Lengths">characters of a record; null where there is none</param>
/// <param name="Histogram">records whose length lies from 2^i to below 2^(i+1)</param>
/// <param name="Characters">characters in all</param>
/// <param name="HanShare">share of them that are Han characters</param>
/// <param name="Tokens">tokens in all, or null where no tokenizer counted</param>
/// <param name="Keys">outermost keys and in how many records they have a value</param>
/// <param name="Shown">the first records</param>
public sealed record DataSurvey(
    long Records,
    IReadOnlyDictionary<string, long> Kinds,
    IReadOnlyDictionary<string, long> Unusable,
    LengthStatistics? Lengths,
    IReadOnlyList<long> Histogram,
    long Characters,
    double HanShare,
    long? Tokens,
    IReadOnlyDictionary<string, long> Keys,
    IReadOnlyList<ShownRecord> Shown
)
{
    /// <summary>Goes through files once, one record in memory at a time.</summary>
    /// <param name="files">the files</param>
    /// <param name="show">records to show, from the first on</param>
    /// <param name="limit">records to look at; 0: all</param>
    /// <param name="countTokens">tokens of a text, or null</param>
    /// <param name="progress">is told of records</param>
    /// <param name="cancelled">ends it</param>
    public static DataSurvey Measure(
        IReadOnlyList<string> files,
        int show,
        long limit,
        Func<string, int>? countTokens,
        Action<long>? progress = null,
        CancellationToken cancelled = default
    )
    {
        SortedDictionary<string, long> kinds = new(StringComparer.Ordinal),
            unusable = new(StringComparer.Ordinal),
            keys = new(StringComparer.Ordinal);
        LengthHistogram lengths = new();
        long[] histogram = new long[32];
        List<ShownRecord> shown = [];
        long records = 0,
            counted = 0,
            characters = 0,
            han = 0,
            tokens = 0;
        foreach (string file in files)
        {
            foreach (JsonObject record in RecordExport.Records([file]))
            {
                if (limit > 0 && records == limit)
                {
                    break;
                }
                cancelled.ThrowIfCancellationRequested();
                if (++records % 1024 == 0)
                {
                    progress?.Invoke(records);
                }
                foreach ((string key, JsonNode? value) in record)
                {
                    if (value is not null)
                    {
                        keys[key] = keys.GetValueOrDefault(key) + 1;
                    }
                }
                (MixKind? kind, string text) = Read(record, unusable);
                string word = kind?.ToString().ToLowerInvariant() ?? "other";
                kinds[word] = kinds.GetValueOrDefault(word) + 1;
                counted++;
                lengths.Add(text.Length);
                histogram[text.Length == 0 ? 0 : System.Numerics.BitOperations.Log2((uint)text.Length)]++;
                characters += text.Length;
                foreach (char c in text)
                {
                    if (c is >= '\u3400' and <= '\u9FFF')
                    {
                        han++;
                    }
                }
                if (countTokens is not null)
                {
                    tokens += countTokens(text);
                }
                if (shown.Count < show)
                {
                    shown.Add(new ShownRecord(file, kind, text, Turns(record, kind)));
                }
            }
        }
        return new DataSurvey(
            records,
            kinds,
            unusable,
            counted > 0 ? lengths.Summarize() : null,
            histogram,
            characters,
            characters == 0 ? 0 : (double)han / characters,
            countTokens is null ? null : tokens,
            keys,
            shown
        );
    }

    private static (MixKind? Kind, string Text) Read(JsonObject record, SortedDictionary<string, long> unusable)
    {
        try
        {
            MixLines lines = MixLines.Create(record, Anything, Everywhere);
            return (lines.Kind, lines.Text);
        }
        catch (FormatException e)
        {
            unusable[e.Message] = unusable.GetValueOrDefault(e.Message) + 1;
        }
        catch (InvalidDataException)
        {
            // Its keys say nothing to us: its texts are shown as they are.
        }
        return (
            null,
            string.Join(
                '\n',
                record
                    .Where(p => p.Value is JsonValue v && v.GetValueKind() == JsonValueKind.String)
                    .Select(p => p.Value!.GetValue<string>())
            )
        );
    }

    private static IReadOnlyList<(string, string)> Turns(JsonObject record, MixKind? kind) =>
        kind switch
        {
            MixKind.Conversation => [.. ConversationShape.Read(record).Messages.Select(m => ($"{m!["role"]}", $"{m["content"]}"))],
            MixKind.Choice => [.. ChoiceQuestion.Read(record).Select(m => ($"{m!["role"]}", $"{m["content"]}"))],
            MixKind.Preference when PreferencePair.Read(record) is var pair =>
            [
                .. pair.Chosen.Select((m, i) => (i == pair.Chosen.Count - 1 ? "chosen" : $"{m!["role"]}", $"{m!["content"]}")),
                ("rejected", $"{pair.Rejected[^1]!["content"]}"),
            ],
            _ => [],
        };

    private static MixSource Anything { get; } = new("", [], null, null, 1, MixKind.Auto, ["text"]);

    private static MixCategory Everywhere { get; } = new("", null, null, 1, 1, MixOutputs.None, []);
}
