using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Evaluation;

/// <summary>Answers that were made elsewhere: a JSON array or lines of <c>{id, output, prompt?, latency_s?}</c>.</summary>
public static class RecordedStructuredAnswers
{
    private static readonly string[] Keys = ["id", "output", "prompt", "latency_s", "seconds", "tokens"];

    /// <summary>Answers by the prompts' ids.</summary>
    /// <param name="path">the file</param>
    /// <param name="prompts">what was asked</param>
    /// <exception cref="InvalidDataException">A record is no answer, or a prompt has none.</exception>
    public static IReadOnlyDictionary<string, StructuredAnswer> Read(string path, IReadOnlyList<StructuredPrompt> prompts)
    {
        Dictionary<string, StructuredAnswer> answers = new(StringComparer.Ordinal);
        foreach ((string place, JsonObject record) in JsonRecords.Read(path, Keys))
        {
            if (
                record["id"] is not JsonValue id
                || !id.TryGetValue(out string? name)
                || record["output"] is not JsonValue output
                || !output.TryGetValue(out string? text)
            )
            {
                throw new InvalidDataException(
                    $"{place}: an answer is {{\"id\": \"…\", \"output\": \"…\"}}; this record lacks one of them"
                );
            }
            answers[name] = new StructuredAnswer(text, Number("latency_s") ?? Number("seconds"), (int?)Number("tokens"), null)
            {
                Prompt = record["prompt"] is JsonValue shown && shown.TryGetValue(out string? prompt) ? prompt : null,
            };

            double? Number(string key) =>
                record[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>() : null;
        }
        string[] open = [.. prompts.Select(p => p.Id).Where(p => !answers.ContainsKey(p))];
        return open.Length == 0
            ? answers
            : throw new InvalidDataException($"{path} has no answer to {open.Length} of {prompts.Count} prompts, {open[0]} among them");
    }
}
