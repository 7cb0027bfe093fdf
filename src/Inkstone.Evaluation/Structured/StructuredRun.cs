using System.Text.Json.Nodes;

namespace Inkstone.Evaluation;

/// <summary>Asks models the prompts of a structured evaluation.</summary>
/// <param name="file">prompts and settings</param>
/// <param name="guided">whether answers are held to the schema</param>
public sealed class StructuredRun(StructuredPromptFile file, bool guided)
{
    /// <summary>The questions, in the order of the prompts.</summary>
    public IReadOnlyList<StructuredRequest> Requests { get; } =
    [
        .. file.Prompts.Select(p => new StructuredRequest(
            p.Id,
            [.. file.System.Length > 0 ? [Message("system", file.System)] : Array.Empty<JsonNode>(), (JsonNode)Message("user", p.Text)],
            guided ? p.JsonSchema() : null,
            file.Temperature,
            file.TopP,
            file.MaxTokens,
            file.Seed
        )),
    ];

    /// <summary>Asks a model, several questions at once.</summary>
    /// <param name="model">the model</param>
    /// <param name="parallel">questions at once</param>
    /// <param name="log">knows answers of an earlier run, and takes new ones; may be null</param>
    /// <param name="answered">hears of each answer</param>
    /// <param name="cancelled">ends it; answers so far are in the log</param>
    public async Task<IReadOnlyList<StructuredAnswer>> AskAsync(
        IStructuredModel model,
        int parallel,
        AnswerLog? log = null,
        Action? answered = null,
        CancellationToken cancelled = default
    )
    {
        StructuredAnswer[] answers = new StructuredAnswer[Requests.Count];
        await Parallel
            .ForAsync(
                0,
                answers.Length,
                new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancelled },
                async (i, stop) =>
                {
                    if (log?.Find(model.Name, Requests[i]) is { } known)
                    {
                        answers[i] = known;
                    }
                    else
                    {
                        answers[i] = await model.AnswerAsync(Requests[i], stop).ConfigureAwait(false);
                        log?.Add(model.Name, Requests[i], answers[i]);
                    }
                    answered?.Invoke();
                }
            )
            .ConfigureAwait(false);
        return answers;
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
