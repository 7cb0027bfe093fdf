using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>OpenAI's <c>/v1/responses</c>: text and calls of functions; nothing is stored.</summary>
internal sealed class Responses(ServedModel model)
{
    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        ChatRequest request = Read(body);
        bool stream = body.Flag("stream") ?? false;
        JsonObject head = Head(body, request);
        using Serving serving = Serving.Begin(http, model, () => model.Chat.Start(request));
        if (stream)
        {
            await StreamAsync(http, serving, head).ConfigureAwait(false);
            return;
        }
        ResponseItems items = new((_, _) => { });
        AnswerEnd end = AnswerEnd.Stop;
        await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
        {
            items.Add(piece);
            end = piece.Kind == PieceKind.End ? serving.EndOf(piece) : end;
        }
        items.End();
        await Wire.SendAsync(http, Finished(head, items, end, serving)).ConfigureAwait(false);
    }

    private static async Task StreamAsync(HttpContext http, Serving serving, JsonObject head)
    {
        EventStream events = new(http);
        int number = 0;
        void Tell(string type, JsonObject data)
        {
            JsonObject full = new() { ["type"] = type, ["sequence_number"] = number++ };
            foreach ((string key, JsonNode? value) in data)
            {
                full[key] = value?.DeepClone();
            }
            events.Write(full, type);
        }

        await events.BeginAsync().ConfigureAwait(false);
        Tell("response.created", new JsonObject { ["response"] = head.DeepClone() });
        Tell("response.in_progress", new JsonObject { ["response"] = head.DeepClone() });
        await events.FlushAsync().ConfigureAwait(false);
        ResponseItems items = new(Tell);
        AnswerEnd end = AnswerEnd.Stop;
        try
        {
            await foreach (AnswerPiece piece in events.KeepAlive(serving.ReadAllAsync()).ConfigureAwait(false))
            {
                items.Add(piece);
                end = piece.Kind == PieceKind.End ? serving.EndOf(piece) : end;
                await events.FlushAsync().ConfigureAwait(false);
            }
            items.End();
            Tell(
                end == AnswerEnd.Length ? "response.incomplete" : "response.completed",
                new JsonObject { ["response"] = Finished(head, items, end, serving) }
            );
            await events.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (serving.IsOurs(fault))
        {
            ApiException told = serving.Fault(fault);
            JsonObject failed = new()
            {
                ["type"] = "error",
                ["sequence_number"] = number,
                ["code"] = told.Code,
                ["message"] = told.Message,
                ["param"] = told.Param,
            };
            await Serving.CutAsync(events, failed, "error").ConfigureAwait(false);
        }
    }

    private ChatRequest Read(Fields body)
    {
        if (body.Text("previous_response_id") is not null)
        {
            throw ApiException.Bad(
                "previous_response_id",
                "previous_response_id is not supported: this server stores no responses; send the whole conversation in input."
            );
        }
        JsonArray? tools = ToolFields.Tools(body);
        JsonArray messages = Input(body);
        if (body.Text("instructions") is { Length: > 0 } instructions)
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = instructions });
        }
        string? effort = body.Object("reasoning")?.Text("effort");
        return new ChatRequest(
            messages,
            SamplingFields.Read(body, model.Chat.Sampling, model.Options, model.Tokenizer, "max_output_tokens")
        )
        {
            Tools = tools,
            ToolChoice = ToolFields.Choice(body, tools),
            ParallelCalls = body.Flag("parallel_tool_calls") ?? true,
            Variables = effort is null ? body.Node("chat_template_kwargs") : new JsonObject { ["reasoning_effort"] = effort },
            Constraint = body.Object("text")?.Object("format") is { } format ? ToolFields.Format(format, "text.format") : null,
            Adapter = model.Adapter(body),
        };
    }

    /// <summary>The conversation: a text, or items in the order of their happening.</summary>
    private static JsonArray Input(Fields body)
    {
        if (body["input"] is not { } input)
        {
            throw body.Missing("input");
        }
        if (input.ValueKind == JsonValueKind.String)
        {
            return [(JsonNode)new JsonObject { ["role"] = "user", ["content"] = input.GetString() }];
        }
        JsonArray messages = [];
        foreach (Fields item in body.Objects("input")!)
        {
            switch (item.Text("type") ?? "message")
            {
                case "message":
                    string role = item.NeededText("role");
                    role = role switch
                    {
                        "developer" => "system",
                        "system" or "user" or "assistant" => role,
                        _ => throw item.Wrong("role", "system, developer, user or assistant"),
                    };
                    messages.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["role"] = role,
                                ["content"] = item.Has("content")
                                    ? MessageFields.Content(item, "content", role == "assistant" ? "" : "\n")
                                    : throw item.Missing("content"),
                            }
                    );
                    break;
                case "function_call":
                    JsonObject call = MessageFields.Call(
                        item.Text("call_id") ?? "",
                        item.NeededText("name"),
                        MessageFields.Arguments(item, "arguments")
                    );
                    // Calls of one answer follow one another and are one message, with what was said before them.
                    if (messages is [.., JsonObject last] && (string?)last["role"] == "assistant")
                    {
                        (last["tool_calls"] ??= new JsonArray()).AsArray().Add((JsonNode)call);
                        break;
                    }
                    messages.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["role"] = "assistant",
                                ["content"] = "",
                                ["tool_calls"] = new JsonArray(call),
                            }
                    );
                    break;
                case "function_call_output":
                    messages.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["role"] = "tool",
                                ["tool_call_id"] = item.Text("call_id") ?? "",
                                ["content"] = MessageFields.Content(item, "output", "\n"),
                            }
                    );
                    break;
                case "reasoning" or "item_reference":
                    break;
                case string type:
                    throw ApiException.Bad(
                        item.Path("type"),
                        $"{item.Path("type")} must be message, function_call or function_call_output, it is '{type}'."
                    );
            }
        }
        return messages.Count > 0 ? messages : throw body.Wrong("input", "a text or a list that is not empty");
    }

    private JsonObject Head(Fields body, ChatRequest request) =>
        new()
        {
            ["id"] = Wire.Id("resp_"),
            ["object"] = "response",
            ["created_at"] = Wire.Now(model.Clock),
            ["status"] = "in_progress",
            ["background"] = false,
            ["error"] = null,
            ["incomplete_details"] = null,
            ["instructions"] = body.Text("instructions"),
            ["max_output_tokens"] = body.Whole("max_output_tokens", -2),
            ["metadata"] = body.Node("metadata") ?? [],
            ["model"] = model.Name(request.Adapter),
            ["output"] = new JsonArray(),
            ["parallel_tool_calls"] = request.ParallelCalls,
            ["previous_response_id"] = null,
            ["reasoning"] = new JsonObject { ["effort"] = body.Object("reasoning")?.Text("effort"), ["summary"] = null },
            ["store"] = false,
            ["temperature"] = request.Sampling.Temperature,
            ["text"] = body.Node("text") ?? new JsonObject { ["format"] = new JsonObject { ["type"] = "text" } },
            ["tool_choice"] = body["tool_choice"] is { } choice ? JsonNode.Parse(choice.GetRawText()) : "auto",
            ["tools"] = body["tools"] is { } tools ? JsonNode.Parse(tools.GetRawText()) : new JsonArray(),
            ["top_p"] = request.Sampling.TopP,
            ["truncation"] = "disabled",
            ["usage"] = null,
            ["user"] = body.Text("user"),
        };

    private static JsonObject Finished(JsonObject head, ResponseItems items, AnswerEnd end, Serving serving)
    {
        Usage usage = serving.Usage;
        JsonObject response = head.DeepClone().AsObject();
        response["status"] = end == AnswerEnd.Length ? "incomplete" : "completed";
        response["incomplete_details"] = end == AnswerEnd.Length ? new JsonObject { ["reason"] = "max_output_tokens" } : null;
        response["output"] = items.Output;
        response["usage"] = new JsonObject
        {
            ["input_tokens"] = usage.Prompt,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.Cached },
            ["output_tokens"] = usage.Completion,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
            ["total_tokens"] = usage.Prompt + usage.Completion,
        };
        return response;
    }
}
