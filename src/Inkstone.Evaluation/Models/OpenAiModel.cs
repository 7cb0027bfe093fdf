using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Evaluation;

/// <summary>
/// A model behind OpenAI's API. Texts come from completions, or from chat/completions where contexts are conversations. Log-likelihoods
/// need completions with echo and logprobs
/// (vLLM, llama.cpp's server and Inkstone's have both): the tokens behind the context are found by the server's text offsets. A token
/// without
/// likeliest ones beside it is taken as not the likeliest.
/// </summary>
/// <param name="client">the server, which stays the caller's</param>
/// <param name="chat">whether contexts are conversations, as <see cref="Conversation"/> writes them</param>
/// <param name="parallel">requests at once</param>
/// <param name="maxGenTokens">most tokens of a text whose task says nothing</param>
public sealed class OpenAiModel(OpenAiClient client, bool chat, int parallel = 16, int maxGenTokens = 256) : IEvaluatedModel
{
    /// <summary>A conversation as the context that this model takes: the server applies the template.</summary>
    public static ChatRenderer Conversation { get; } =
        (messages, _) =>
            new JsonArray([
                .. messages.Select(m => (JsonNode)new JsonObject { ["role"] = m.Role, ["content"] = m.Content }),
            ]).ToJsonString();

    /// <inheritdoc/>
    public IReadOnlyList<LogLikelihood> LogLikelihoods(
        IReadOnlyList<(string Context, string Continuation)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    ) =>
        Each(
            requests,
            async (request, stop) =>
                Sum(
                    await Echo(request.Context + request.Continuation, stop).ConfigureAwait(false),
                    request.Context.TrimEnd().Length,
                    (request.Context + request.Continuation).Length,
                    true
                ),
            answered,
            cancelled
        );

    /// <inheritdoc/>
    public IReadOnlyList<double> RollingLogLikelihoods(
        IReadOnlyList<string> texts,
        Action? answered = null,
        CancellationToken cancelled = default
    ) =>
        Each(
            texts,
            async (text, stop) => Sum(await Echo(text, stop).ConfigureAwait(false), 0, text.Length, false).Value,
            answered,
            cancelled
        );

    /// <inheritdoc/>
    public IReadOnlyList<string> Generate(
        IReadOnlyList<(string Context, TextSettings Settings)> requests,
        Action? answered = null,
        CancellationToken cancelled = default
    ) =>
        Each(
            requests,
            async (request, stop) =>
            {
                (string context, TextSettings settings) = request;
                JsonObject body = new()
                {
                    ["max_tokens"] = settings.MaxTokens ?? maxGenTokens,
                    ["temperature"] = settings.Temperature,
                    ["top_p"] = settings.TopP,
                };
                if (settings.Until.Count > 0)
                {
                    body["stop"] = new JsonArray([.. settings.Until.Where(u => u.Length > 0).Take(4).Select(u => (JsonNode)u)]); // OpenAI takes four
                }
                body[chat ? "messages" : "prompt"] = chat ? JsonNode.Parse(context) : context;
                JsonNode? choice = (await client.PostAsync(chat ? "chat/completions" : "completions", body, stop).ConfigureAwait(false))[
                    "choices"
                ]?[0];
                string text = (string?)(chat ? choice?["message"]?["content"] : choice?["text"]) ?? "";
                foreach (string until in settings.Until.Where(u => u.Length > 0))
                {
                    int at = text.IndexOf(until, StringComparison.Ordinal);
                    text = at < 0 ? text : text[..at];
                }
                return text;
            },
            answered,
            cancelled
        );

    private async Task<JsonNode> Echo(string prompt, CancellationToken cancelled)
    {
        if (chat)
        {
            throw new InvalidDataException(
                "a server tells no log-likelihoods of conversations; leave --apply-chat-template out, or choose tasks whose answers are texts"
            );
        }
        JsonNode answer = await client
            .PostAsync(
                "completions",
                new JsonObject
                {
                    ["prompt"] = prompt,
                    ["max_tokens"] = 1,
                    ["temperature"] = 0,
                    ["logprobs"] = 1,
                    ["echo"] = true,
                },
                cancelled
            )
            .ConfigureAwait(false);
        return
            answer["choices"]?[0]?["logprobs"] is JsonObject { } told
            && told["token_logprobs"] is JsonArray
            && told["text_offset"] is JsonArray
            && told["tokens"] is JsonArray
            ? told
            : throw new InvalidDataException(
                "the server gives no log-probabilities of a prompt (completions with echo and logprobs); choose tasks whose answers are texts, or another server"
            );
    }

    /// <summary>Tokens that end behind <paramref name="from"/> and begin before <paramref name="to"/>; the one that is made behind the text
    /// is left out.</summary>
    private static LogLikelihood Sum(JsonNode told, int from, int to, bool all)
    {
        JsonArray tokens = told["tokens"]!.AsArray(),
            logs = told["token_logprobs"]!.AsArray(),
            offsets = told["text_offset"]!.AsArray(),
            tops = told["top_logprobs"] as JsonArray ?? [];
        double sum = 0;
        bool greedy = true;
        for (int i = 0; i < tokens.Count; i++)
        {
            int offset = offsets[i]!.GetValue<int>();
            if (offset >= to || offset + ((string)tokens[i]!).Length <= from)
            {
                continue;
            }
            if (logs[i] is not JsonValue log)
            {
                if (all)
                {
                    throw new InvalidDataException(
                        "the first token of a text has no log-probability at this server, and a request of this task has no context before it; evaluate the model itself, or another task"
                    );
                }
                continue; // of a whole text the first token is not told
            }
            sum += log.GetValue<double>();
            greedy &=
                i < tops.Count
                && tops[i] is JsonObject { Count: > 0 } top
                && top.All(t => t.Value!.GetValue<double>() <= log.GetValue<double>() + 1e-6);
        }
        return new LogLikelihood(sum, greedy);
    }

    private TAnswer[] Each<TRequest, TAnswer>(
        IReadOnlyList<TRequest> requests,
        Func<TRequest, CancellationToken, Task<TAnswer>> ask,
        Action? answered,
        CancellationToken cancelled
    )
    {
        TAnswer[] answers = new TAnswer[requests.Count];
        Lock told = new();
        Parallel
            .ForAsync(
                0,
                requests.Count,
                new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancelled },
                async (i, stop) =>
                {
                    answers[i] = await ask(requests[i], stop).ConfigureAwait(false);
                    lock (told)
                    {
                        answered?.Invoke();
                    }
                }
            )
            .GetAwaiter()
            .GetResult();
        return answers;
    }
}
