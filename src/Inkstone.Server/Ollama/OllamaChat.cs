using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>Ollama's <c>/api/chat</c> and <c>/api/generate</c>: one JSON document a line, streamed unless asked otherwise.</summary>
internal sealed class OllamaChat(ServedModel model)
{
    public async Task ChatAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        JsonArray? tools = ToolFields.Tools(body);
        if (body.Objects("messages") is null or { Length: 0 })
        {
            await Wire.SendAsync(http, Loaded("message", new JsonObject { ["role"] = "assistant", ["content"] = "" }))
                .ConfigureAwait(false);
            return;
        }
        ChatRequest request = Request(body, MessageFields.Read(body)) with { Tools = tools };
        await AnswerAsync(http, body, () => model.Chat.Start(request), Part).ConfigureAwait(false);

        static JsonObject Part(Choice some)
        {
            JsonObject message = new() { ["role"] = "assistant", ["content"] = some.Text };
            if (some.Thought.Length > 0)
            {
                message["thinking"] = some.Thought;
            }
            if (some.Calls.Any())
            {
                message["tool_calls"] = Wire.Array(
                    some.Calls.Select(
                        JsonNode (c) =>
                            new JsonObject
                            {
                                ["id"] = c.Id,
                                ["function"] = new JsonObject { ["name"] = c.Name, ["arguments"] = Messages.Input(c.Arguments) },
                            }
                    )
                );
            }
            return new JsonObject { ["message"] = message };
        }
    }

    public async Task GenerateAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        string prompt = body.Text("prompt") ?? "";
        if (prompt.Length == 0)
        {
            await Wire.SendAsync(http, Loaded("response", "")).ConfigureAwait(false);
            return;
        }
        JsonArray messages = [(JsonNode)new JsonObject { ["role"] = "user", ["content"] = prompt }];
        if (body.Text("system") is { Length: > 0 } system)
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = system });
        }
        ChatRequest request = Request(body, messages);
        bool raw = body.Flag("raw") ?? false;
        await AnswerAsync(
                http,
                body,
                () =>
                    raw
                        ? model.Chat.Continue([model.Tokenizer.Encode(prompt)], request.Sampling, 1, request.Constraint, request.Adapter)
                        : model.Chat.Start(request),
                some =>
                {
                    JsonObject part = new() { ["response"] = some.Text };
                    if (some.Thought.Length > 0)
                    {
                        part["thinking"] = some.Thought;
                    }
                    return part;
                }
            )
            .ConfigureAwait(false);
    }

    /// <summary>Ollama's shape of an error.</summary>
    public static JsonObject Error(ApiException fault) => new() { ["error"] = fault.Message };

    private ChatRequest Request(Fields body, JsonArray messages)
    {
        using JsonDocument none = JsonDocument.Parse("{}");
        Fields options = body.Object("options") ?? new Fields(none.RootElement);
        SamplingParams p = SamplingFields.Read(options, model.Chat.Sampling, model.Options, model.Tokenizer, "num_predict");
        return new ChatRequest(messages, p)
        {
            Variables = body["think"] is { } think ? new JsonObject { ["enable_thinking"] = think.ValueKind != JsonValueKind.False } : null,
            Constraint = body["format"] switch
            {
                null or { ValueKind: JsonValueKind.String } when body.Text("format") is null or "" => null,
                { ValueKind: JsonValueKind.String } word => word.GetString() == "json"
                    ? new AnswerConstraint.Json()
                    : throw body.Wrong("format", "json or a JSON Schema", word),
                { } schema => ToolFields.Schema(body, "format", schema),
                null => null,
            },
            Adapter = model.Adapter(body),
        };
    }

    private async Task AnswerAsync(HttpContext http, Fields body, Func<Answers> start, Func<Choice, JsonObject> part)
    {
        bool stream = body.Flag("stream") ?? true;
        using Serving serving = Serving.Begin(http, model, start);
        Choice whole = new(),
            pending = new();
        if (!stream)
        {
            await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
            {
                whole.Add(piece);
            }
            serving.EndWhole([whole.End]);
            await Wire.SendAsync(http, Done(serving, whole.End, part(whole))).ConfigureAwait(false);
            return;
        }
        EventStream events = new(http, lines: true);
        await events.BeginAsync().ConfigureAwait(false);
        try
        {
            await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
            {
                if (piece.Kind is PieceKind.Call or PieceKind.Arguments)
                {
                    pending.Add(piece); // calls go whole
                    continue;
                }
                if (piece.Kind == PieceKind.End)
                {
                    AnswerEnd end = serving.EndOf(piece);
                    if (pending.Calls.Any())
                    {
                        events.Write(Head(part(pending), done: false));
                    }
                    events.Write(Done(serving, end, part(new Choice())));
                }
                else
                {
                    Choice some = new();
                    some.Add(piece);
                    events.Write(Head(part(some), done: false));
                }
                await events.FlushAsync().ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (serving.IsOurs(fault))
        {
            await Serving.CutAsync(events, Error(serving.Fault(fault))).ConfigureAwait(false);
        }
    }

    private JsonObject Done(Serving serving, AnswerEnd end, JsonObject part)
    {
        JsonObject last = Head(part, done: true);
        Usage usage = serving.Usage;
        last["done_reason"] = end == AnswerEnd.Length ? "length" : "stop";
        last["total_duration"] = Nanoseconds(serving.TotalSeconds);
        last["load_duration"] = 0;
        last["prompt_eval_count"] = usage.Prompt;
        last["prompt_eval_duration"] = Nanoseconds(serving.FirstSeconds);
        last["eval_count"] = usage.Completion;
        last["eval_duration"] = Nanoseconds(serving.TotalSeconds - serving.FirstSeconds);
        return last;
    }

    private JsonObject Loaded(string key, JsonNode nothing)
    {
        JsonObject answer = Head(new JsonObject { [key] = nothing }, done: true);
        answer["done_reason"] = "load";
        return answer;
    }

    private JsonObject Head(JsonObject part, bool done)
    {
        JsonObject line = new()
        {
            ["model"] = model.Options.ModelName,
            ["created_at"] = model.Clock.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture),
        };
        foreach ((string key, JsonNode? value) in part)
        {
            line[key] = value?.DeepClone();
        }
        line["done"] = done;
        return line;
    }

    private static long Nanoseconds(double seconds) => (long)(1e9 * seconds);
}
