using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>JSON documents as responses.</summary>
internal static class Wire
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Bytes(JsonNode node)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter writer = new(bytes, Writing))
        {
            node.WriteTo(writer);
        }
        return bytes.ToArray();
    }

    public static async Task SendAsync(HttpContext http, JsonNode node, int status = 200)
    {
        byte[] bytes = Bytes(node);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>OpenAI's shape of an error.</summary>
    public static JsonObject Error(ApiException fault)
    {
        JsonObject error = new()
        {
            ["message"] = fault.Message,
            ["type"] = fault.Type,
            ["param"] = fault.Param,
            ["code"] = fault.Code,
        };
        foreach ((string key, JsonNode? value) in fault.More ?? [])
        {
            error[key] = value?.DeepClone();
        }
        return new JsonObject { ["error"] = error };
    }

    public static JsonArray Array(IEnumerable<JsonNode?> items) => [.. items];

    public static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    /// <summary>A new id, such as chatcmpl-….</summary>
    public static string Id(string kind) => kind + Guid.NewGuid().ToString("N")[..24];

    public static long Now(TimeProvider clock) => clock.GetUtcNow().ToUnixTimeSeconds();
}
