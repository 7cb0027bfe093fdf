using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>llama.cpp's own <c>/completion</c>. Its answer at <c>/completions</c> has OpenAI's choices beside it, as clients without /v1 in
/// their address ask there.</summary>
internal sealed class NativeCompletion(ServedModel model)
{
    public async Task HandleAsync(HttpContext http)
    {
        using JsonDocument document = await Body.ReadAsync(http.Request).ConfigureAwait(false);
        Fields body = new(document.RootElement);
        List<int[]> prompts = PromptFields.Read(body, "prompt", model, model.Options.MaxChoices, out bool many);
        int? logProbs = body.Whole("n_probs", 0, 100) is { } n and > 0 ? n : null;
        SamplingParams p = SamplingFields.Read(body, model.Chat.Sampling, model.Options, model.Tokenizer, "n_predict", "max_tokens");
        bool stream = body.Flag("stream") ?? false,
            tokens = body.Flag("return_tokens") ?? false;
        string[] wanted = body.Texts("response_fields") ?? [];
        AnswerConstraint? constraint = ToolFields.Constraint(body);
        string? adapter = model.Adapter(body);
        using Serving serving = Serving.Begin(http, model, () => model.Chat.Continue(prompts, p, 1, constraint, adapter, logProbs));
        if (stream)
        {
            await StreamAsync(http, serving, prompts, p, logProbs is not null).ConfigureAwait(false);
            return;
        }
        Choice[] texts = [.. prompts.Select(_ => new Choice())];
        await foreach (AnswerPiece piece in serving.ReadAllAsync().ConfigureAwait(false))
        {
            texts[piece.Choice].Add(piece);
        }
        serving.EndWhole(texts.Select(t => t.End));
        JsonArray answers = Wire.Array(
            texts.Select(JsonNode (text, i) => Only(Whole(serving, text, i, prompts, p, tokens, logProbs is not null), wanted))
        );
        JsonNode first = answers[0]!;
        if (!many)
        {
            answers.RemoveAt(0);
        }
        if (!many && http.Request.Path.Value == "/completions" && wanted.Length == 0)
        {
            first["object"] = "text_completion";
            first["created"] = Wire.Now(model.Clock);
            first["id"] = Wire.Id("cmpl-");
            first["usage"] = serving.Usage.OpenAi();
            first["choices"] = new JsonArray(
                new JsonObject
                {
                    ["index"] = 0,
                    ["text"] = texts[0].Text,
                    ["logprobs"] = null,
                    ["finish_reason"] = ChatCompletions.Word(texts[0].End),
                }
            );
        }
        await Wire.SendAsync(http, many ? answers : first).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext http, Serving serving, List<int[]> prompts, SamplingParams p, bool probabilities)
    {
        EventStream events = new(http);
        await events.BeginAsync().ConfigureAwait(false);
        StringBuilder text = new();
        try
        {
            await foreach (AnswerPiece piece in events.KeepAlive(serving.ReadAllAsync()).ConfigureAwait(false))
            {
                text.Append(piece.Text);
                JsonObject part = new()
                {
                    ["index"] = piece.Choice,
                    ["content"] = piece.Text,
                    ["stop"] = piece.Kind == PieceKind.End,
                    ["tokens"] = Wire.Numbers(piece.Tokens.Select(t => t.Id).Where(id => id >= 0)),
                };
                if (piece.Kind == PieceKind.End)
                {
                    serving.EndOf(piece);
                    Choice whole = new();
                    whole.Add(piece);
                    part = Whole(serving, whole, piece.Choice, prompts, p, tokens: false, probabilities: false);
                    part["has_new_line"] = text.ToString().Contains('\n', StringComparison.Ordinal);
                }
                if (probabilities && piece.Kind != PieceKind.End)
                {
                    part["completion_probabilities"] = LogProbs.Chat(model.Tokenizer, piece.Tokens)["content"]!.DeepClone();
                }
                events.Write(part);
                await events.FlushAsync().ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (serving.IsOurs(fault))
        {
            await Serving.CutAsync(events, Wire.Error(serving.Fault(fault))).ConfigureAwait(false);
        }
    }

    private JsonObject Whole(
        Serving serving,
        Choice text,
        int index,
        List<int[]> prompts,
        SamplingParams p,
        bool tokens,
        bool probabilities
    )
    {
        Generation generation = serving.Answers.Generations[index];
        Usage usage = new(prompts[index].Length, generation.Ids.Length, generation.CachedTokens);
        JsonObject answer = new()
        {
            ["index"] = index,
            ["content"] = text.Text,
            ["tokens"] = Wire.Numbers(tokens ? generation.Ids.ToArray() : []),
            ["stop"] = true,
            ["model"] = model.Options.ModelName,
            ["tokens_predicted"] = generation.Ids.Length,
            ["tokens_evaluated"] = prompts[index].Length,
            ["generation_settings"] = new JsonObject
            {
                ["n_predict"] = p.MaxTokens == int.MaxValue ? -1 : p.MaxTokens,
                ["seed"] = p.Seed,
                ["temperature"] = p.Temperature,
                ["top_k"] = p.TopK,
                ["top_p"] = p.TopP,
                ["min_p"] = p.MinP,
            },
            ["prompt"] = model.Tokenizer.Decode(prompts[index]),
            ["has_new_line"] = text.Text.Contains('\n', StringComparison.Ordinal),
            ["truncated"] = false,
            ["stop_type"] =
                text.End == AnswerEnd.Length ? "limit"
                : text.StopText is { } word && p.Stop?.Contains(word) == true ? "word"
                : "eos",
            ["stopping_word"] = text.StopText is { } stop && p.Stop?.Contains(stop) == true ? stop : "",
            ["timings"] = usage.Timings(serving.FirstSeconds, serving.TotalSeconds),
        };
        if (probabilities)
        {
            answer["completion_probabilities"] = LogProbs.Chat(model.Tokenizer, text.Tokens)["content"]!.DeepClone();
        }
        return answer;
    }

    /// <summary>The members that were asked for, with / between the levels.</summary>
    private static JsonObject Only(JsonObject answer, string[] wanted)
    {
        if (wanted.Length == 0)
        {
            return answer;
        }
        JsonObject only = [];
        foreach (string path in wanted)
        {
            JsonNode? at = path.Split('/').Aggregate((JsonNode?)answer, (node, key) => node is JsonObject level ? level[key] : null);
            if (at is not null)
            {
                only[path] = at.DeepClone();
            }
        }
        return only;
    }
}
