using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Evaluation;

/// <summary>Two answers to one prompt.</summary>
/// <param name="Id">the prompt's id</param>
/// <param name="Prompt">what was asked</param>
/// <param name="First">the one side's answer</param>
/// <param name="Second">the other's</param>
public sealed record AnswerPair(string Id, string Prompt, string First, string Second)
{
    private static readonly string[] Keys = ["id", "prompt", "instruction", "output", "response", "answer", "text"];

    /// <summary>Pairs of two files of <c>{id?, prompt, output}</c>, joined by id, or by prompt where there is none.</summary>
    /// <exception cref="InvalidDataException">A record has no prompt or answer, or no prompt is in both files.</exception>
    public static IReadOnlyList<AnswerPair> Read(string first, string second)
    {
        Dictionary<string, (string Prompt, string Answer)> others = Answers(second);
        AnswerPair[] pairs =
        [
            .. Answers(first)
                .Where(a => others.ContainsKey(a.Key))
                .Select(a => new AnswerPair(a.Key, a.Value.Prompt, a.Value.Answer, others[a.Key].Answer)),
        ];
        return pairs.Length > 0
            ? pairs
            : throw new InvalidDataException(
                $"{first} and {second} answer no prompt in common; their records need the same id, or the same prompt"
            );
    }

    private static Dictionary<string, (string Prompt, string Answer)> Answers(string file)
    {
        Dictionary<string, (string Prompt, string Answer)> answers = new(StringComparer.Ordinal);
        foreach ((string place, JsonObject record) in JsonRecords.Read(file, Keys))
        {
            string prompt =
                Text("prompt", "instruction")
                ?? throw new InvalidDataException($"{place}: the record has no prompt; it needs {{\"prompt\": …, \"output\": …}}");
            answers[Text("id") ?? prompt] = (
                prompt,
                Text("output", "response", "answer", "text")
                    ?? throw new InvalidDataException($"{place}: the record has no output; it needs {{\"prompt\": …, \"output\": …}}")
            );

            string? Text(params string[] keys) =>
                keys.Select(k => record[k] is JsonValue value && value.TryGetValue(out string? text) ? text : null)
                    .FirstOrDefault(t => t is not null);
        }
        return answers;
    }
}

/// <summary>What a judge said of a pair, asked twice with places swapped.</summary>
/// <param name="Id">the prompt's id</param>
/// <param name="Forward">+1 where the first side is better, −1 where the second is, 0 for neither or no verdict, asked with the first side
/// in the first place</param>
/// <param name="Backward">the same, asked with the first side in the second place</param>
/// <param name="Unread">answers of the judge that are no verdict</param>
public readonly record struct JudgedPair(string Id, int Forward, int Backward, int Unread)
{
    /// <summary>Both ways say the same.</summary>
    public bool Agrees => Forward == Backward;

    /// <summary>1 where the first side wins both ways, 0 where it loses both ways, 0.5 where the verdict depends on the place alone: the
    /// mean of both ways.</summary>
    public double Score => 0.5 + (0.25 * (Forward + Backward));
}

/// <summary>A model that judges which of two answers is better (arXiv:2306.05685): each pair is shown both ways round, so that a love of
/// the first place cancels out.</summary>
/// <param name="pairs">the pairs</param>
public sealed class JudgeRun(IReadOnlyList<AnswerPair> pairs)
{
    private const string Schema =
        """{"type": "object", "properties": {"reason": {"type": "string", "maxLength": 200}, "better": {"enum": ["A", "B", "tie"]}}, "required": ["reason", "better"], "additionalProperties": false}""";
    private const int MaxTokens = 256;

    private const string System =
        "You compare two answers to a question. Look for what is right, complete, to the point and well written; length and order say nothing. "
        + "Answer with JSON: {\"reason\": \"one short sentence\", \"better\": \"A\", \"B\" or \"tie\"}.";

    /// <summary>Asks the judge.</summary>
    /// <param name="judge">the judge</param>
    /// <param name="parallel">questions at once</param>
    /// <param name="answered">hears of each answer</param>
    /// <param name="cancelled">ends it</param>
    public async Task<IReadOnlyList<JudgedPair>> AskAsync(
        IStructuredModel judge,
        int parallel,
        Action? answered = null,
        CancellationToken cancelled = default
    )
    {
        int?[] verdicts = new int?[2 * pairs.Count];
        await Parallel
            .ForAsync(
                0,
                verdicts.Length,
                new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancelled },
                async (i, stop) =>
                {
                    AnswerPair pair = pairs[i / 2];
                    bool swapped = i % 2 == 1;
                    string question =
                        $"Question:\n{pair.Prompt}\n\nAnswer A:\n{(swapped ? pair.Second : pair.First)}\n\nAnswer B:\n{(swapped ? pair.First : pair.Second)}\n\nWhich answer is better?";
                    JsonArray messages =
                    [
                        (JsonNode)new JsonObject { ["role"] = "system", ["content"] = System },
                        (JsonNode)new JsonObject { ["role"] = "user", ["content"] = question },
                    ];
                    StructuredAnswer answer = await judge
                        .AnswerAsync(new StructuredRequest(pair.Id, messages, Schema, 0, 1, MaxTokens, 0), stop)
                        .ConfigureAwait(false);
                    verdicts[i] = Verdict(answer.Text) is { } said
                        ? swapped
                            ? -said
                            : said
                        : null;
                    answered?.Invoke();
                }
            )
            .ConfigureAwait(false);
        return
        [
            .. pairs.Select(
                (p, i) =>
                    new JudgedPair(
                        p.Id,
                        verdicts[2 * i] ?? 0,
                        verdicts[(2 * i) + 1] ?? 0,
                        (verdicts[2 * i] is null ? 1 : 0) + (verdicts[(2 * i) + 1] is null ? 1 : 0)
                    )
            ),
        ];
    }

    /// <summary>Shares over judged pairs: score of the first side, agreement of both ways, verdicts for the first place among those for a
    /// place.</summary>
    public static IReadOnlyDictionary<string, Share> Summary(IReadOnlyList<JudgedPair> judged) =>
        new OrderedDictionary<string, Share>
        {
            ["score"] = Share.Measure(judged.Select(j => j.Score)),
            ["wins"] = Share.Measure(judged.Select(j => j.Agrees && j.Forward > 0)),
            ["losses"] = Share.Measure(judged.Select(j => j.Agrees && j.Forward < 0)),
            ["ties"] = Share.Measure(judged.Select(j => j.Agrees && j.Forward == 0)),
            ["agreement"] = Share.Measure(judged.Select(j => j.Agrees)),
            ["first_place"] = Share.Measure(judged.SelectMany(j => (int[])[j.Forward, -j.Backward]).Where(v => v != 0).Select(v => v > 0)),
            ["unread"] = Share.Measure(judged.SelectMany(j => (bool[])[j.Unread > 0, j.Unread > 1])),
        };

    private static int? Verdict(string text)
    {
        if (
            AnswerText.Parse(text) is { ValueKind: JsonValueKind.Object } json
            && json.TryGetProperty("better", out JsonElement better)
            && better.ValueKind == JsonValueKind.String
        )
        {
            return AnswerText.Text(better)?.Trim().ToUpperInvariant() switch
            {
                "A" => 1,
                "B" => -1,
                "TIE" => 0,
                _ => null,
            };
        }
        return null;
    }
}
