using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>OpenAI's <c>/v1/chat/completions</c>, with what vLLM and llama.cpp add to it.</summary>
internal sealed class ChatCompletions(ServedModel model)
{
    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        ChatRequest request = model.Request(body);
        bool stream = body.Flag("stream") ?? false,
            usage = body.Object("stream_options")?.Flag("include_usage") ?? false,
            timings = body.Flag("timings_per_token") ?? false;
        using Serving serving = Serving.Begin(http, model, () => model.Chat.Start(request));
        await (stream ? StreamAsync(http, serving, request, usage, timings) : WholeAsync(http, serving, request)).ConfigureAwait(false);
    }

    private async Task WholeAsync(HttpContext http, Serving serving, ChatRequest request)
    {
        Choice[] choices = [.. Enumerable.Range(0, request.Count).Select(_ => new Choice())];
        await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
        {
            choices[piece.Choice].Add(piece);
        }
        serving.EndWhole(choices.Select(c => c.End));
        JsonObject answer = Head("chat.completion", Wire.Id("chatcmpl-"), request.Adapter);
        answer["choices"] = Wire.Array(
            choices.Select(
                JsonNode (choice, i) =>
                {
                    JsonObject json = new()
                    {
                        ["index"] = i,
                        ["message"] = choice.Message(),
                        ["finish_reason"] = Word(choice.End),
                    };
                    json["logprobs"] = request.LogProbs is null ? null : LogProbs.Chat(model.Tokenizer, choice.Tokens);
                    return json;
                }
            )
        );
        answer["usage"] = serving.Usage.OpenAi();
        answer["timings"] = serving.Usage.Timings(serving.FirstSeconds, serving.TotalSeconds);
        await Wire.SendAsync(http, answer).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext http, Serving serving, ChatRequest request, bool usage, bool timings)
    {
        string id = Wire.Id("chatcmpl-");
        EventStream events = new(http);
        await events.BeginAsync().ConfigureAwait(false);
        for (int i = 0; i < request.Count; i++)
        {
            events.Write(Chunk(id, request, i, new JsonObject { ["role"] = "assistant", ["content"] = null }, null, []));
        }
        await events.FlushAsync().ConfigureAwait(false);
        try
        {
            await foreach (AnswerPiece piece in events.KeepAlive(serving.ReadAllAsync()).ConfigureAwait(false))
            {
                if (piece.Kind == PieceKind.End && piece.Tokens.Count > 0)
                {
                    events.Write(Chunk(id, request, piece.Choice, new JsonObject { ["content"] = "" }, null, piece.Tokens)); // tokens without a text of their own
                }
                JsonObject chunk =
                    piece.Kind == PieceKind.End
                        ? Chunk(id, request, piece.Choice, [], Word(serving.EndOf(piece)), [])
                        : Chunk(id, request, piece.Choice, Delta(piece), null, piece.Tokens);
                if (timings)
                {
                    chunk["timings"] = serving.Usage.Timings(serving.FirstSeconds, serving.TotalSeconds);
                }
                events.Write(chunk);
                await events.FlushAsync().ConfigureAwait(false);
            }
            if (usage)
            {
                JsonObject last = Head("chat.completion.chunk", id, request.Adapter);
                (last["choices"], last["usage"], last["timings"]) = (
                    new JsonArray(),
                    serving.Usage.OpenAi(),
                    serving.Usage.Timings(serving.FirstSeconds, serving.TotalSeconds)
                );
                events.Write(last);
            }
            events.WriteDone();
            await events.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (serving.IsOurs(fault))
        {
            await Serving.CutAsync(events, Wire.Error(serving.Fault(fault))).ConfigureAwait(false);
        }
    }

    private JsonObject Chunk(
        string id,
        ChatRequest request,
        int index,
        JsonObject delta,
        string? finish,
        IReadOnlyList<GenerationOutput> tokens
    )
    {
        JsonObject chunk = Head("chat.completion.chunk", id, request.Adapter);
        JsonObject choice = new() { ["index"] = index, ["delta"] = delta };
        if (request.LogProbs is not null)
        {
            choice["logprobs"] = tokens.Count > 0 ? LogProbs.Chat(model.Tokenizer, tokens) : null;
        }
        choice["finish_reason"] = finish;
        chunk["choices"] = new JsonArray(choice);
        return chunk;
    }

    private static JsonObject Delta(AnswerPiece piece) =>
        piece.Kind switch
        {
            PieceKind.Thought => new() { ["reasoning_content"] = piece.Text },
            PieceKind.Call => new()
            {
                ["tool_calls"] = new JsonArray(
                    new JsonObject
                    {
                        ["index"] = piece.Call,
                        ["id"] = piece.CallId,
                        ["type"] = "function",
                        ["function"] = new JsonObject { ["name"] = piece.Text, ["arguments"] = "" },
                    }
                ),
            },
            PieceKind.Arguments => new()
            {
                ["tool_calls"] = new JsonArray(
                    new JsonObject
                    {
                        ["index"] = piece.Call,
                        ["function"] = new JsonObject { ["arguments"] = piece.Text },
                    }
                ),
            },
            _ => new() { ["content"] = piece.Text },
        };

    private JsonObject Head(string kind, string id, string? adapter) =>
        new()
        {
            ["id"] = id,
            ["object"] = kind,
            ["created"] = Wire.Now(model.Clock),
            ["model"] = model.Name(adapter),
            ["system_fingerprint"] = model.Fingerprint,
        };

    /// <summary>One of the five words that clients know.</summary>
    public static string Word(AnswerEnd end) =>
        end switch
        {
            AnswerEnd.Tools => "tool_calls",
            AnswerEnd.Stop => "stop",
            _ => "length",
        };
}

/// <summary>An answer that is put together from its pieces.</summary>
internal sealed class Choice
{
    private readonly StringBuilder _text = new(),
        _thought = new();
    private readonly List<(string Id, string Name, StringBuilder Arguments)> _calls = [];

    public List<GenerationOutput> Tokens { get; } = [];

    public AnswerEnd End { get; private set; }

    public string? StopText { get; private set; }

    public string Text => _text.ToString();

    public string Thought => _thought.ToString();

    public IEnumerable<(string Id, string Name, string Arguments)> Calls => _calls.Select(c => (c.Id, c.Name, c.Arguments.ToString()));

    public void Add(AnswerPiece piece)
    {
        Tokens.AddRange(piece.Tokens);
        switch (piece.Kind)
        {
            case PieceKind.Thought:
                _thought.Append(piece.Text);
                break;
            case PieceKind.Text:
                _text.Append(piece.Text);
                break;
            case PieceKind.Call:
                _calls.Add((piece.CallId!, piece.Text, new StringBuilder()));
                break;
            case PieceKind.Arguments:
                _calls[piece.Call].Arguments.Append(piece.Text);
                break;
            case PieceKind.End:
                (End, StopText) = (piece.End, piece.StopText);
                break;
        }
    }

    public JsonObject Message()
    {
        JsonObject message = new() { ["role"] = "assistant", ["content"] = Text };
        if (_thought.Length > 0)
        {
            message["reasoning_content"] = Thought;
        }
        if (_calls.Count > 0)
        {
            message["tool_calls"] = Wire.Array(
                Calls.Select(
                    JsonNode (c) =>
                        new JsonObject
                        {
                            ["id"] = c.Id,
                            ["type"] = "function",
                            ["function"] = new JsonObject { ["name"] = c.Name, ["arguments"] = c.Arguments },
                        }
                )
            );
        }
        return message;
    }
}
