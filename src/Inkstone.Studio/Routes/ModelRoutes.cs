using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Server;
using Inkstone.Tensors;
using Inkstone.Text;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Studio;

/// <summary>Inside a model: what it expects next, behind each layer; what each token looks at; and talk with it.</summary>
internal sealed class ModelRoutes(StudioFolder folder, ModelDesk desk)
{
    private const int MostTokens = 256,
        Shown = 10,
        OfLayer = 3;

    /// <summary>POST /api/next {run, text}: the likeliest next tokens, what each layer would say (the logit lens), and how likely each
    /// token of the text was.</summary>
    public Task NextAsync(HttpContext http) =>
        AskAsync(
            http,
            (_, model, tokenizer, ids) =>
            {
                using (model.Device.Step())
                {
                    Tensor row = model.Device.Rent(new Shape(1, ids.Length), ids);
                    IReadOnlyList<Tensor> layers =
                        model.HiddenByLayer(row, ForwardContext.Rows(model.Device, 1, ids.Length))
                        ?? [model.Hidden(row, ForwardContext.Rows(model.Device, 1, ids.Length))];
                    JsonArray lens = [.. layers.Select(hidden => (JsonNode)Top(tokenizer, model.Logits(Last(hidden)).ToArray(), OfLayer))];
                    float[] logits = model.Logits(layers[^1]).ToArray(); // [T, V]
                    JsonArray text = [];
                    for (int i = 0; i < ids.Length; i++)
                    {
                        (double likely, int rank) =
                            i == 0 ? (double.NaN, 0) : Rank(logits.AsSpan((i - 1) * model.VocabSize, model.VocabSize), ids[i]);
                        text.Add((JsonNode)new JsonObject { ["probability"] = i == 0 ? null : likely, ["rank"] = i == 0 ? null : rank });
                    }
                    return new JsonObject
                    {
                        ["tokens"] = TextRoutes.Tokens(tokenizer, ids),
                        ["text"] = text,
                        ["next"] = Top(tokenizer, logits.AsSpan((ids.Length - 1) * model.VocabSize, model.VocabSize), Shown),
                        ["layers"] = layers.Count > 1 ? lens : null,
                    };
                }
            }
        );

    /// <summary>POST /api/attention {run, text, layer, head}: how much each token looks at those before it; head −1: the mean of all
    /// heads.</summary>
    public Task AttentionAsync(HttpContext http) =>
        AskAsync(
            http,
            (body, model, tokenizer, ids) =>
            {
                int layers = model.CacheSpecs.Count,
                    layer = body.Whole("layer", 0, layers - 1) ?? 0,
                    head = body.Whole("head", -1) ?? -1,
                    length = ids.Length;
                AttentionProbe probe = new(layer);
                using (model.Device.Step())
                {
                    _ = model.Hidden(
                        model.Device.Rent(new Shape(1, length), ids),
                        ForwardContext.Rows(model.Device, 1, length) with
                        {
                            Probe = probe,
                        }
                    );
                }
                if (head >= Math.Max(1, probe.Heads))
                {
                    throw ApiException.Bad("head", $"layer {layer} has heads 0 to {probe.Heads - 1}.");
                }
                JsonArray rows = [];
                for (int row = 0; row < length && probe.Heads > 0; row++)
                {
                    JsonArray weights = [];
                    for (int column = 0; column <= row; column++)
                    {
                        double sum = 0;
                        for (int h = Math.Max(0, head); h < (head < 0 ? probe.Heads : head + 1); h++)
                        {
                            sum += probe.Weights[(((h * length) + row) * length) + column];
                        }
                        weights.Add((JsonNode)Math.Round(sum / (head < 0 ? probe.Heads : 1), 4));
                    }
                    rows.Add((JsonNode)weights);
                }
                return new JsonObject
                {
                    ["tokens"] = TextRoutes.Tokens(tokenizer, ids),
                    ["layers"] = layers,
                    ["layer"] = layer,
                    ["heads"] = probe.Heads,
                    ["head"] = head,
                    ["weights"] = rows,
                };
            }
        );

    /// <summary>POST /api/chat?run=NAME: OpenAI's chat completions.</summary>
    public Task ChatAsync(HttpContext http) =>
        desk.UseAsync(
            folder.Run(http.Request.Query["run"]),
            async open =>
            {
                await new ChatCompletions(open.Served).HandleAsync(http).ConfigureAwait(false);
                return 0;
            },
            http.RequestAborted
        );

    private async Task AskAsync(HttpContext http, Func<Fields, CausalLm, Tokenizer, int[], JsonObject> answer)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        StudioRun run = folder.Run(body.NeededText("run"));
        int[] ids = desk.Tokenizer(run).Encode(body.NeededText("text"));
        JsonObject told = await desk.UseAsync(
                run,
                open =>
                    open.Engine.RunAsync(
                        model =>
                        {
                            int most = Math.Min(MostTokens, model.MaxPositionEmbeddings);
                            return ids.Length == 0 ? throw new ApiException(400, "the text is empty; write something to look at.")
                                : ids.Length > most
                                    ? throw new ApiException(400, $"the text has {ids.Length} tokens; {most} can be looked at.")
                                : ids.Max() >= model.VocabSize
                                    ? throw new ApiException(400, $"the tokenizer has ids that the model lacks: it is another model's.")
                                : answer(body, model, open.Engine.Tokenizer, ids);
                        },
                        http.RequestAborted
                    ),
                http.RequestAborted
            )
            .ConfigureAwait(false);
        await Wire.SendAsync(http, told).ConfigureAwait(false);
    }

    /// <summary>The last token of hidden states: [1, T, C] → [1, 1, C].</summary>
    private static Tensor Last(Tensor hidden)
    {
        int width = hidden.Shape.Last;
        Tensor last = hidden.Device.Rent(new Shape(1, 1, width));
        last.CopyFrom(hidden.ToArray().AsSpan(^width..));
        return last;
    }

    /// <summary>[id, text, probability] of the likeliest tokens.</summary>
    private static JsonArray Top(Tokenizer tokenizer, ReadOnlySpan<float> logits, int count)
    {
        double sum = Sum(logits, out float most);
        float[] all = logits.ToArray();
        return Wire.Array(
            Enumerable
                .Range(0, all.Length)
                .OrderByDescending(i => all[i])
                .ThenBy(i => i)
                .Take(count)
                .Select(JsonNode (id) => new JsonArray(id, TextRoutes.Bytes(tokenizer, id), Math.Round(Math.Exp(all[id] - most) / sum, 6)))
        );
    }

    /// <summary>Probability of a token and how many are likelier.</summary>
    private static (double Probability, int Rank) Rank(ReadOnlySpan<float> logits, int id)
    {
        double sum = Sum(logits, out float most);
        int likelier = 0;
        foreach (float logit in logits)
        {
            likelier += logit > logits[id] ? 1 : 0;
        }
        return (Math.Round(Math.Exp(logits[id] - most) / sum, 6), likelier);
    }

    private static double Sum(ReadOnlySpan<float> logits, out float most)
    {
        most = float.NegativeInfinity;
        foreach (float logit in logits)
        {
            most = Math.Max(most, logit);
        }
        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - most);
        }
        return sum;
    }
}
