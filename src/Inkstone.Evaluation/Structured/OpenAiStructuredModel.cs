using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Evaluation;

/// <summary>A model behind OpenAI's chat completions. A schema goes there as response_format.</summary>
/// <param name="name">what tables call it</param>
/// <param name="client">the server, which stays the caller's</param>
public sealed class OpenAiStructuredModel(string name, OpenAiClient client) : IStructuredModel
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public async Task<StructuredAnswer> AnswerAsync(StructuredRequest request, CancellationToken cancelled)
    {
        JsonObject body = new()
        {
            ["messages"] = request.Messages.DeepClone(),
            ["max_tokens"] = request.MaxTokens,
            ["temperature"] = request.Temperature,
            ["top_p"] = request.TopP,
            ["seed"] = request.Seed,
        };
        if (request.Schema is not null)
        {
            body["response_format"] = new JsonObject
            {
                ["type"] = "json_schema",
                ["json_schema"] = new JsonObject { ["name"] = "answer", ["schema"] = JsonNode.Parse(request.Schema) },
            };
        }
        long began = Stopwatch.GetTimestamp();
        JsonNode answer = await client.PostAsync("chat/completions", body, cancelled).ConfigureAwait(false);
        JsonNode? choice = (answer["choices"] as JsonArray)?.FirstOrDefault();
        return new StructuredAnswer(
            (string?)choice?["message"]?["content"] ?? "",
            Stopwatch.GetElapsedTime(began).TotalSeconds,
            (int?)answer["usage"]?["completion_tokens"],
            (string?)choice?["finish_reason"]
        );
    }
}
