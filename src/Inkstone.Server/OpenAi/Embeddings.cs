using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>OpenAI's <c>/v1/embeddings</c>: hidden states as one vector of length 1, as numbers or as little-endian float32 in
/// base64.</summary>
internal sealed class Embeddings(ServedModel model)
{
    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        List<int[]> inputs = PromptFields.Read(body, body.Has("input") ? "input" : "content", model, model.Options.MaxEmbeddings, out _);
        bool base64 = (body.Text("encoding_format") ?? "float") switch
        {
            "float" => false,
            "base64" => true,
            _ => throw body.Wrong("encoding_format", "float or base64"),
        };
        int size = model.Engine.Model.OutputWeight.Shape.Last;
        int dimensions = body.Whole("dimensions", 1, size) ?? size;
        List<float[]> vectors = await VectorsAsync(model, inputs, Pooling(body), http.RequestAborted).ConfigureAwait(false);
        JsonArray data = [];
        foreach (float[] vector in vectors)
        {
            float[] cut = Cut(vector, dimensions);
            data.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["object"] = "embedding",
                        ["index"] = data.Count,
                        ["embedding"] = base64 ? Base64(cut) : Wire.Array(cut.Select(x => (JsonNode)x)),
                    }
            );
        }
        int tokens = inputs.Sum(ids => ids.Length);
        await Wire.SendAsync(
                http,
                new JsonObject
                {
                    ["object"] = "list",
                    ["data"] = data,
                    ["model"] = model.Options.ModelName,
                    ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
                }
            )
            .ConfigureAwait(false);
    }

    /// <summary>One vector for each input, several at a time.</summary>
    public static async Task<List<float[]>> VectorsAsync(
        ServedModel model,
        List<int[]> inputs,
        Pooling pooling,
        CancellationToken cancelled
    )
    {
        foreach (int[] ids in inputs.Where(ids => ids.Length > model.Context))
        {
            Serving.Submit<int>(model, () => throw new Chat.PromptTooLongException(ids.Length, model.Context));
        }
        List<float[]> vectors = [];
        // A few at a time, so that one request with hundreds of texts does not fill the queue of all.
        foreach (int[][] some in inputs.Chunk(8))
        {
            Task<float[]>[] tasks = Serving.Submit(
                model,
                () => some.Select(ids => model.Engine.EmbedAsync(ids, pooling, cancelled)).ToArray()
            );
            try
            {
                vectors.AddRange(await Task.WhenAll(tasks).ConfigureAwait(false));
            }
            catch (Exception fault) when (fault is EngineBusyException or ArgumentException)
            {
                Serving.Submit<int>(model, () => throw fault);
            }
        }
        return vectors;
    }

    private Pooling Pooling(Fields body) =>
        body.Text("pooling") switch
        {
            null => model.Options.Pooling,
            "mean" => Inference.Pooling.Mean,
            "last" => Inference.Pooling.Last,
            _ => throw body.Wrong("pooling", "mean or last"),
        };

    private static float[] Cut(float[] vector, int dimensions)
    {
        if (dimensions == vector.Length)
        {
            return vector;
        }
        double length = Math.Sqrt(vector.Take(dimensions).Sum(x => (double)x * x));
        return [.. vector.Take(dimensions).Select(x => length > 0 ? (float)(x / length) : 0)];
    }

    private static string Base64(float[] vector)
    {
        byte[] bytes = new byte[sizeof(float) * vector.Length];
        for (int i = 0; i < vector.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(sizeof(float) * i), vector[i]);
        }
        return Convert.ToBase64String(bytes);
    }
}
