using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>The body of a request: one JSON object whose texts are all valid.</summary>
internal static class Body
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 128, AllowDuplicateProperties = false };

    /// <exception cref="ApiException">It is none.</exception>
    public static async Task<JsonDocument> ReadAsync(HttpRequest request)
    {
        try
        {
            JsonDocument document = await JsonDocument
                .ParseAsync(request.Body, Options, request.HttpContext.RequestAborted)
                .ConfigureAwait(false);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ApiException(400, $"the body must be a JSON object, it is {Fields.Shown(document.RootElement)}.");
            }
            Check(document.RootElement);
            return document;
        }
        catch (JsonException fault)
        {
            throw new ApiException(400, $"the body is no valid JSON: {fault.Message}");
        }
    }

    /// <summary>Half surrogates and ill-formed UTF-8 are found when a text is read, so all are read once.</summary>
    private static void Check(JsonElement element)
    {
        try
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.String:
                    _ = element.GetString();
                    break;
                case JsonValueKind.Array:
                    foreach (JsonElement item in element.EnumerateArray())
                    {
                        Check(item);
                    }
                    break;
                case JsonValueKind.Object:
                    foreach (JsonProperty member in element.EnumerateObject())
                    {
                        _ = member.Name;
                        Check(member.Value);
                    }
                    break;
            }
        }
        catch (InvalidOperationException fault)
        {
            throw new ApiException(400, $"the body holds a text that is no valid Unicode: {fault.Message}");
        }
    }
}
