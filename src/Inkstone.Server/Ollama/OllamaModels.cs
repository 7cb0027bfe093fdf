using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Tensors;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>What Ollama's clients ask about models, and its embeddings.</summary>
internal sealed class OllamaModels(ServedModel model)
{
    public Task TagsAsync(HttpContext http) =>
        Wire.SendAsync(http, new JsonObject { ["models"] = Wire.Array(model.Names.Select(JsonNode (name) => Model(name))) });

    public Task RunningAsync(HttpContext http) =>
        Wire.SendAsync(http, new JsonObject { ["models"] = Wire.Array(model.Names.Select(JsonNode (name) => Model(name))) });

    public static Task VersionAsync(HttpContext http) =>
        Wire.SendAsync(http, new JsonObject { ["version"] = typeof(OllamaModels).Assembly.GetName().Version!.ToString(3) });

    public async Task ShowAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        string name = body.Text("model") ?? body.Text("name") ?? model.Options.ModelName;
        if (!model.Names.Contains(name.EndsWith(":latest", StringComparison.Ordinal) ? name[..^":latest".Length] : name))
        {
            throw new ApiException(404, $"model '{name}' not found");
        }
        await Wire.SendAsync(
                http,
                new JsonObject
                {
                    ["modelfile"] = "",
                    ["parameters"] = "",
                    ["template"] = model.Chat.Template?.Source ?? "",
                    ["details"] = Details(),
                    ["model_info"] = new JsonObject { ["general.architecture"] = Family, [$"{Family}.context_length"] = model.Context },
                    ["capabilities"] = new JsonArray("completion", "tools", "embedding"),
                }
            )
            .ConfigureAwait(false);
    }

    public async Task EmbedAsync(HttpContext http)
    {
        long began = Stopwatch.GetTimestamp();
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        List<int[]> inputs = PromptFields.Read(body, "input", model, model.Options.MaxEmbeddings, out _);
        List<float[]> vectors = await Embeddings
            .VectorsAsync(model, inputs, model.Options.Pooling, http.RequestAborted)
            .ConfigureAwait(false);
        await Wire.SendAsync(
                http,
                new JsonObject
                {
                    ["model"] = model.Options.ModelName,
                    ["embeddings"] = Wire.Array(vectors.Select(JsonNode (v) => Wire.Array(v.Select(x => (JsonNode)x)))),
                    ["total_duration"] = (long)Stopwatch.GetElapsedTime(began).TotalNanoseconds,
                    ["load_duration"] = 0,
                    ["prompt_eval_count"] = inputs.Sum(ids => ids.Length),
                }
            )
            .ConfigureAwait(false);
    }

    /// <summary>The way that <c>/api/embed</c> has replaced.</summary>
    public async Task OldEmbedAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        List<float[]> vectors = await Embeddings
            .VectorsAsync(model, [model.Tokenizer.Encode(body.NeededText("prompt"))], model.Options.Pooling, http.RequestAborted)
            .ConfigureAwait(false);
        await Wire.SendAsync(http, new JsonObject { ["embedding"] = Wire.Array(vectors[0].Select(x => (JsonNode)x)) })
            .ConfigureAwait(false);
    }

    private string Family => model.Engine.Model.Config.Text("model_type");

    private JsonObject Model(string name) =>
        new()
        {
            ["name"] = name,
            ["model"] = name,
            ["modified_at"] = DateTimeOffset
                .FromUnixTimeSeconds(model.Created)
                .ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            ["size"] = model.Engine.Model.Parameters.Sum(p => p.Tensor.DType.Bytes(p.Tensor.Count)),
            ["digest"] = "",
            ["details"] = Details(),
        };

    private JsonObject Details() =>
        new()
        {
            ["parent_model"] = "",
            ["format"] = "inkstone",
            ["family"] = Family,
            ["families"] = new JsonArray(Family),
            ["parameter_size"] = string.Create(
                CultureInfo.InvariantCulture,
                $"{model.Engine.Model.Parameters.Sum(p => p.Tensor.Count) / 1e6:0.#}M"
            ),
            ["quantization_level"] = model
                .Engine.Model.Parameters.GroupBy(p => p.Tensor.DType)
                .MaxBy(g => g.Sum(p => p.Tensor.Count))!
                .Key.ToString(),
        };
}
