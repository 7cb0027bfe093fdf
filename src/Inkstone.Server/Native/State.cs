using System.Text.Json.Nodes;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>What the server is and does: <c>/health</c>, <c>/metrics</c>, <c>/props</c>, <c>/v1/models</c>.</summary>
internal sealed class State(ServedModel model)
{
    public Task HealthAsync(HttpContext http) =>
        model.Draining
            ? throw new ApiException(503, "the server is shutting down.", "unavailable_error", code: "shutting_down") { RetryAfter = 5 }
            : Wire.SendAsync(http, new JsonObject { ["status"] = "ok" });

    public async Task MetricsAsync(HttpContext http)
    {
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(model.Telemetry.Prometheus(model.Engine.Statistics), http.RequestAborted).ConfigureAwait(false);
    }

    public Task PropsAsync(HttpContext http)
    {
        EngineStatistics s = model.Engine.Statistics;
        SamplingParams p = model.Chat.Sampling;
        return Wire.SendAsync(
            http,
            new JsonObject
            {
                ["model_alias"] = model.Options.ModelName,
                ["build_info"] = $"inkstone {model.Fingerprint}",
                ["n_ctx"] = model.Context,
                ["total_slots"] = model.Engine.Options.MaxSequences,
                ["cache_tokens"] = s.CacheTokens,
                ["adapters"] = Wire.Array(model.Engine.Adapters.Select(a => (JsonNode)a)),
                ["chat_template"] = model.Chat.Template?.Source ?? "",
                ["bos_token"] = model.Tokenizer.BosId is { } bos ? model.Tokenizer.IdToToken(bos) : "",
                ["eos_token"] = model.Tokenizer.EosId is { } eos ? model.Tokenizer.IdToToken(eos) : "",
                ["default_generation_settings"] = new JsonObject
                {
                    ["n_ctx"] = model.Context,
                    ["params"] = new JsonObject
                    {
                        ["temperature"] = p.Temperature,
                        ["top_k"] = p.TopK,
                        ["top_p"] = p.TopP,
                        ["min_p"] = p.MinP,
                        ["repeat_penalty"] = p.RepetitionPenalty,
                        ["max_tokens"] = model.Options.MaxTokens ?? -1,
                    },
                },
            }
        );
    }

    public Task ModelsAsync(HttpContext http) =>
        Wire.SendAsync(
            http,
            new JsonObject { ["object"] = "list", ["data"] = Wire.Array(model.Names.Select(JsonNode (name) => Model(name))) }
        );

    public Task ModelAsync(HttpContext http)
    {
        string name = Uri.UnescapeDataString((string)http.Request.RouteValues["name"]!);
        return model.Names.Contains(name)
            ? Wire.SendAsync(http, Model(name))
            : throw new ApiException(404, $"there is no model '{name}'.", param: "model", code: "model_not_found");
    }

    private JsonObject Model(string name) =>
        new()
        {
            ["id"] = name,
            ["object"] = "model",
            ["created"] = model.Created,
            ["owned_by"] = "inkstone",
            ["max_model_len"] = model.Context,
            ["parent"] = name == model.Options.ModelName ? null : model.Options.ModelName,
        };
}
