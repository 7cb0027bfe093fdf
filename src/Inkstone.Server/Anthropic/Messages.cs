using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>Anthropic's <c>/v1/messages</c> and <c>/v1/messages/count_tokens</c>.</summary>
internal sealed class Messages(ServedModel model)
{
    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        ChatRequest request = Read(body);
        bool stream = body.Flag("stream") ?? false;
        using Serving serving = Serving.Begin(http, model, () => model.Chat.Start(request));
        string id = Wire.Id("msg_");
        await (stream ? StreamAsync(http, serving, request, id) : WholeAsync(http, serving, request, id)).ConfigureAwait(false);
    }

    public async Task CountAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        ChatRequest request = Read(new Fields(document.RootElement));
        await Wire.SendAsync(http, new JsonObject { ["input_tokens"] = Serving.Submit(model, () => model.Chat.Encode(request)).Length })
            .ConfigureAwait(false);
    }

    /// <summary>Anthropic's shape of an error.</summary>
    public static JsonObject Error(ApiException fault) =>
        new()
        {
            ["type"] = "error",
            ["error"] = new JsonObject
            {
                ["type"] = fault.Status switch
                {
                    400 => "invalid_request_error",
                    401 => "authentication_error",
                    404 => "not_found_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    503 => "overloaded_error",
                    504 => "timeout_error",
                    >= 500 => "api_error",
                    _ => fault.Type,
                },
                ["message"] = fault.Message,
            },
        };

    private ChatRequest Read(Fields body)
    {
        JsonArray? tools = body.Objects("tools") is { } given
            ? Wire.Array(
                given.Select(
                    JsonNode (tool) =>
                        tool.Text("type") is null or "custom"
                            ? ToolFields.Function(tool, "input_schema")
                            : throw ApiException.Bad(
                                tool.Path("type"),
                                $"{tool.Path("type")} must be custom: this server runs no tools of its own."
                            )
                )
            )
            : null;
        JsonArray messages = AnthropicFields.Messages(body);
        string? thinking = body.Object("thinking")?.Text("type");
        return new ChatRequest(messages, SamplingFields.Read(body, model.Chat.Sampling, model.Options, model.Tokenizer, "max_tokens"))
        {
            Tools = tools,
            ToolChoice = ToolFields.Choice(body, tools),
            ParallelCalls = body.Object("tool_choice")?.Flag("disable_parallel_tool_use") != true,
            Variables = thinking is null ? null : new JsonObject { ["enable_thinking"] = thinking != "disabled" },
            Adapter = model.Adapter(body),
        };
    }

    private async Task WholeAsync(HttpContext http, Serving serving, ChatRequest request, string id)
    {
        Choice answer = new();
        await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
        {
            answer.Add(piece);
        }
        serving.EndWhole([answer.End]);
        JsonArray content = [];
        if (answer.Thought.Length > 0)
        {
            content.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["type"] = "thinking",
                        ["thinking"] = answer.Thought,
                        ["signature"] = "",
                    }
            );
        }
        if (answer.Text.Length > 0 || !answer.Calls.Any())
        {
            content.Add((JsonNode)new JsonObject { ["type"] = "text", ["text"] = answer.Text });
        }
        foreach ((string call, string name, string arguments) in answer.Calls)
        {
            content.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["type"] = "tool_use",
                        ["id"] = call,
                        ["name"] = name,
                        ["input"] = Input(arguments),
                    }
            );
        }
        JsonObject message = Message(id, request, serving.Usage);
        (message["content"], message["stop_reason"], message["stop_sequence"]) = (
            content,
            Reason(answer.End, answer.StopText, request),
            Sequence(answer.StopText, request)
        );
        await Wire.SendAsync(http, message).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext http, Serving serving, ChatRequest request, string id)
    {
        EventStream events = new(http);
        MessageBlocks blocks = new((type, data) => events.Write(data, type));
        await events.BeginAsync().ConfigureAwait(false);
        events.Write(
            new JsonObject { ["type"] = "message_start", ["message"] = Message(id, request, serving.Usage with { Completion = 0 }) },
            "message_start"
        );
        events.Write(new JsonObject { ["type"] = "ping" }, "ping");
        await events.FlushAsync().ConfigureAwait(false);
        try
        {
            await foreach (AnswerPiece piece in events.KeepAlive(serving.ReadAllAsync()).ConfigureAwait(false))
            {
                if (piece.Kind == PieceKind.End)
                {
                    serving.EndOf(piece);
                    blocks.End();
                    events.Write(
                        new JsonObject
                        {
                            ["type"] = "message_delta",
                            ["delta"] = new JsonObject
                            {
                                ["stop_reason"] = Reason(piece.End, piece.StopText, request),
                                ["stop_sequence"] = Sequence(piece.StopText, request),
                            },
                            ["usage"] = Tokens(serving.Usage),
                        },
                        "message_delta"
                    );
                    events.Write(new JsonObject { ["type"] = "message_stop" }, "message_stop");
                }
                else
                {
                    blocks.Add(piece);
                }
                await events.FlushAsync().ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (serving.IsOurs(fault))
        {
            await Serving.CutAsync(events, Error(serving.Fault(fault)), "error").ConfigureAwait(false);
        }
    }

    private JsonObject Message(string id, ChatRequest request, Usage usage) =>
        new()
        {
            ["id"] = id,
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = model.Name(request.Adapter),
            ["content"] = new JsonArray(),
            ["stop_reason"] = null,
            ["stop_sequence"] = null,
            ["usage"] = Tokens(usage),
        };

    private static JsonObject Tokens(Usage usage) =>
        new()
        {
            ["input_tokens"] = usage.Prompt - usage.Cached,
            ["cache_creation_input_tokens"] = 0,
            ["cache_read_input_tokens"] = usage.Cached,
            ["output_tokens"] = usage.Completion,
        };

    private static string Reason(AnswerEnd end, string? stop, ChatRequest request) =>
        end switch
        {
            AnswerEnd.Tools => "tool_use",
            AnswerEnd.Length => "max_tokens",
            _ => Sequence(stop, request) is null ? "end_turn" : "stop_sequence",
        };

    private static string? Sequence(string? stop, ChatRequest request) =>
        stop is not null && request.Sampling.Stop?.Contains(stop) == true ? stop : null;

    /// <summary>What a call's arguments say; a call that was cut short may hold half a document.</summary>
    public static JsonNode Input(string arguments)
    {
        try
        {
            return JsonNode.Parse(arguments) as JsonObject ?? [];
        }
        catch (JsonException)
        {
            return new JsonObject();
        }
    }
}
