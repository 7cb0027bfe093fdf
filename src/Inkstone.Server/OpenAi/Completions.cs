using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>OpenAI's <c>/v1/completions</c>: texts that go on behind prompts as they are.</summary>
internal sealed class Completions(ServedModel model)
{
    private const int UsualTokens = 16; // OpenAI's

    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        List<int[]> prompts = PromptFields.Read(body, "prompt", model, model.Options.MaxChoices, out _);
        int n = body.Whole("n", 1, model.Options.MaxChoices) ?? 1,
            best = body.Whole("best_of", 1, model.Options.MaxChoices) ?? n;
        if (best < n || prompts.Count * best > model.Options.MaxChoices)
        {
            throw ApiException.Bad(
                "best_of",
                $"best_of must be at least n and make at most {model.Options.MaxChoices} texts together, it is {best}."
            );
        }
        bool stream = body.Flag("stream") ?? false,
            echo = body.Flag("echo") ?? false,
            usage = body.Object("stream_options")?.Flag("include_usage") ?? false;
        if (stream && best > n)
        {
            throw ApiException.Bad("best_of", "best_of needs whole texts; leave it out, or stream.");
        }
        int? logProbs = body["logprobs"] is { ValueKind: JsonValueKind.True or JsonValueKind.False } flag
            ? flag.GetBoolean()
                ? 0
                : null
            : body.Whole("logprobs", 0, 20);
        SamplingParams p = SamplingFields.Read(
            body,
            model.Chat.Sampling with
            {
                MaxTokens = UsualTokens,
            },
            model.Options,
            model.Tokenizer,
            "max_tokens",
            "max_completion_tokens",
            "n_predict"
        );
        string? adapter = model.Adapter(body),
            suffix = body.Text("suffix");
        AnswerConstraint? constraint = ToolFields.Constraint(body);
        using Serving serving = Serving.Begin(
            http,
            model,
            () =>
                model.Chat.Continue(
                    prompts,
                    p,
                    best,
                    constraint,
                    adapter,
                    best > n ? logProbs ?? 0 : logProbs,
                    echo && logProbs is not null
                )
        );
        Shape shape = new(prompts, n, best, echo, logProbs, suffix, adapter);
        await (stream ? StreamAsync(http, serving, shape, usage) : WholeAsync(http, serving, shape)).ConfigureAwait(false);
    }

    private sealed record Shape(List<int[]> Prompts, int N, int Best, bool Echo, int? LogProbs, string? Suffix, string? Adapter);

    private async Task WholeAsync(HttpContext http, Serving serving, Shape shape)
    {
        Choice[] texts = [.. Enumerable.Range(0, shape.Prompts.Count * shape.Best).Select(_ => new Choice())];
        await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
        {
            texts[piece.Choice].Add(piece);
        }
        serving.EndWhole(texts.Select(t => t.End));
        JsonObject answer = Head(Wire.Id("cmpl-"), shape.Adapter);
        JsonArray choices = [];
        for (int i = 0; i < shape.Prompts.Count; i++)
        {
            // Of several texts the likeliest ones by token, as OpenAI does.
            IEnumerable<int> order = Enumerable.Range(i * shape.Best, shape.Best);
            foreach (
                int at in shape.Best > shape.N
                    ? order.OrderByDescending(k => texts[k].Tokens.Select(t => t.LogProb).DefaultIfEmpty(0).Average()).Take(shape.N)
                    : order
            )
            {
                string prompt = shape.Echo ? model.Tokenizer.Decode(shape.Prompts[i], skipSpecialTokens: true) : "";
                JsonObject choice = new()
                {
                    ["index"] = choices.Count,
                    ["text"] = prompt + texts[at].Text + shape.Suffix,
                    ["finish_reason"] = ChatCompletions.Word(texts[at].End),
                };
                choice["logprobs"] = shape.LogProbs is null
                    ? null
                    : LogProbs.Completion(model.Tokenizer, [.. EchoTokens(serving, shape, i, at), .. texts[at].Tokens], 0);
                choices.Add((JsonNode)choice);
            }
        }
        answer["choices"] = choices;
        answer["usage"] = serving.Usage.OpenAi();
        answer["timings"] = serving.Usage.Timings(serving.FirstSeconds, serving.TotalSeconds);
        await Wire.SendAsync(http, answer).ConfigureAwait(false);
    }

    /// <summary>The prompt's tokens with their log-probabilities; the first one has none. Of the likeliest tokens only the prompt's own are
    /// known: one that is not the likeliest has none beside it.</summary>
    private static IEnumerable<GenerationOutput> EchoTokens(Serving serving, Shape shape, int prompt, int text) =>
        !shape.Echo
            ? []
            :
            [
                new GenerationOutput(shape.Prompts[prompt][0], "", float.NaN, []),
                .. serving
                    .Answers.Generations[text]
                    .PromptLogProbs.Select(t => new GenerationOutput(t.Id, "", t.LogProb, t.IsLikeliest ? [t] : [])),
            ];

    private async Task StreamAsync(HttpContext http, Serving serving, Shape shape, bool usage)
    {
        string id = Wire.Id("cmpl-");
        EventStream events = new(http);
        await events.BeginAsync().ConfigureAwait(false);
        try
        {
            if (shape.Echo)
            {
                for (int i = 0; i < shape.Prompts.Count * shape.N; i++)
                {
                    events.Write(
                        Chunk(id, shape, i, model.Tokenizer.Decode(shape.Prompts[i / shape.N], skipSpecialTokens: true), null, [])
                    );
                }
                await events.FlushAsync().ConfigureAwait(false);
            }
            await foreach (AnswerPiece piece in events.KeepAlive(serving.ReadAllAsync()).ConfigureAwait(false))
            {
                events.Write(
                    Chunk(
                        id,
                        shape,
                        piece.Choice,
                        piece.Kind == PieceKind.End ? shape.Suffix ?? "" : piece.Text,
                        piece.Kind == PieceKind.End ? ChatCompletions.Word(serving.EndOf(piece)) : null,
                        piece.Tokens
                    )
                );
                await events.FlushAsync().ConfigureAwait(false);
            }
            if (usage)
            {
                JsonObject last = Head(id, shape.Adapter);
                (last["choices"], last["usage"]) = (new JsonArray(), serving.Usage.OpenAi());
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

    private JsonObject Chunk(string id, Shape shape, int index, string text, string? finish, IReadOnlyList<GenerationOutput> tokens)
    {
        JsonObject chunk = Head(id, shape.Adapter);
        JsonObject choice = new()
        {
            ["index"] = index,
            ["text"] = text,
            ["finish_reason"] = finish,
        };
        choice["logprobs"] = shape.LogProbs is not null && tokens.Count > 0 ? LogProbs.Completion(model.Tokenizer, tokens, 0) : null;
        chunk["choices"] = new JsonArray(choice);
        return chunk;
    }

    private JsonObject Head(string id, string? adapter) =>
        new()
        {
            ["id"] = id,
            ["object"] = "text_completion",
            ["created"] = Wire.Now(model.Clock),
            ["model"] = model.Name(adapter),
            ["system_fingerprint"] = model.Fingerprint,
        };
}
