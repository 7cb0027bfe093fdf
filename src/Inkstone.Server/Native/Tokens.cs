using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>Tokens and prompts by themselves: <c>/tokenize</c>, <c>/detokenize</c>, <c>/apply-template</c>, by the names of llama.cpp and
/// vLLM.</summary>
internal sealed class Tokens(ServedModel model)
{
    public async Task TokenizeAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        // vLLM asks with prompt or messages and gets counts beside the tokens; llama.cpp asks with content.
        bool special = body.Flag("add_special") ?? body.Flag("add_special_tokens") ?? (body.Has("prompt") || body.Has("messages"));
        int[] ids =
            body.Has("messages") ? Serving.Submit(model, () => model.Chat.Encode(model.Request(body)))
            : body.Has("prompt") || body.Has("content") ? model.Tokenizer.Encode(body.Text("content") ?? body.NeededText("prompt"), special)
            : [];
        JsonArray tokens =
            body.Flag("with_pieces") == true
                ? Wire.Array(ids.Select(JsonNode (id) => new JsonObject { ["id"] = id, ["piece"] = Piece(id) }))
                : Wire.Numbers(ids);
        await Wire.SendAsync(
                http,
                new JsonObject
                {
                    ["tokens"] = tokens,
                    ["count"] = ids.Length,
                    ["max_model_len"] = model.Context,
                }
            )
            .ConfigureAwait(false);
    }

    public async Task DetokenizeAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        JsonElement[] tokens = body.Array("tokens") ?? [];
        string text = model.Tokenizer.Decode([.. tokens.Select(t => SamplingFields.Id(body, "tokens", t, model.Tokenizer))]);
        await Wire.SendAsync(http, new JsonObject { ["content"] = text, ["prompt"] = text }).ConfigureAwait(false);
    }

    public async Task ApplyTemplateAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        ChatRequest request = model.Request(new Fields(document.RootElement));
        await Wire.SendAsync(http, new JsonObject { ["prompt"] = Serving.Submit(model, () => model.Chat.Render(request)) })
            .ConfigureAwait(false);
    }

    /// <summary>A token's text, or its bytes where they are no text by themselves.</summary>
    private JsonNode Piece(int id)
    {
        byte[] bytes = model.Tokenizer.TokenBytes(id).ToArray();
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Wire.Numbers(bytes.Select(b => (int)b));
        }
    }
}
