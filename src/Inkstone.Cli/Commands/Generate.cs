using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink generate</c>.</summary>
internal static class Generate
{
    private const int UsualTokens = 128;

    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights();
        Option<string> prompt = new("--prompt") { Description = "the beginning that the model continues", HelpName = "S" };
        Option<string> ids = new("--ids") { Description = "the beginning as token ids", HelpName = "IDS" };
        Option<string> messages = new("--messages")
        {
            Description = "a conversation to answer, by the chat template: a JSON array of messages with role and content",
            HelpName = "FILE.json",
        };
        Option<string[]> variables = TemplateVariables.Option();
        Option<bool> noCache = new("--no-cache") { Description = "compute the whole text anew for each token (slow; the same tokens)" };
        SamplingFlags sampling = new(draws: false, UsualTokens);
        GrammarFlags form = new();
        SpeculationFlags speculation = new();
        return new CliCommand(
            "generate",
            "continues a text, streaming",
            [model, weights, prompt, ids, messages, variables, .. sampling.All, .. form.All, .. speculation.All, noCache],
            Run,
            "ink generate --model runs/poems --prompt \"春眠\" --temperature 0.8",
            "ink generate --model runs/poems --prompt \"春眠\" --max-tokens 32 --temperature 0 --json"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            SamplingParams p = sampling.Read(call, path);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            p = p with { Grammar = form.Read(call, tokenizer) };
            JsonObject? values = TemplateVariables.Read(call, variables);
            if (values is not null && call.Get(messages) is null)
            {
                throw new ArgumentException(
                    "--var sets a variable of the chat template, which --messages FILE.json applies and --prompt and --ids do not; give --messages"
                );
            }
            int[] start;
            switch (call.Get(prompt), call.Get(ids), call.Get(messages))
            {
                case (string text, null, null):
                    start = tokenizer.Encode(text);
                    break;
                case (null, string list, null):
                    start = CommandContext.ParseIds(list);
                    break;
                case (null, null, string file):
                    ChatPrompt chat = new(tokenizer, values);
                    start = chat.Encode(JsonArray.Create(TextFile.Array(file))!);
                    p = p with { Stop = [.. p.Stop!, .. chat.Stops], StopTokenIds = p.IgnoreEos ? [] : chat.EndTokens };
                    break;
                default:
                    throw new ArgumentException("give one of --prompt S, --ids IDS and --messages FILE.json");
            }
            if (start.Length == 0)
            {
                start =
                [
                    tokenizer.BosId
                        ?? tokenizer.EosId
                        ?? throw new ArgumentException("--prompt is empty, and the tokenizer has no token to begin with; give a prompt"),
                ];
            }
            return call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                TextGenerator writing = new(m, tokenizer);
                EngineOptions guessing = speculation.Add(call, m, new EngineOptions());
                using CausalLm? draft = guessing.Draft;
                foreach (string piece in writing.Generate(start, p, !call.Get(noCache), guessing, call.Cancelled))
                {
                    call.Show(piece);
                }
                if (call.Json)
                {
                    return call.Result(Json(writing, start), _ => { });
                }
                call.Out.WriteLine();
                call.Say(
                    Format.Text(
                        $"{writing.Ids.Count} tokens ({Word(writing.FinishReason)}), first after {1000 * writing.FirstTokenSeconds:0} ms{Format.Rate(writing.DecodeRate)}{Guessed(writing)}"
                    )
                );
                return 0;
            });
        }
    }

    /// <summary>The word of the OpenAI API.</summary>
    public static string Word(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";

    private static string Guessed(TextGenerator w) =>
        w.Guesses.Guessed == 0 ? "" : Format.Text($"; {w.Guesses.Accepted:N0} of {w.Guesses.Guessed:N0} guesses were right");

    private static JsonObject Json(TextGenerator w, int[] prompt) =>
        new()
        {
            ["prompt_ids"] = new JsonArray([.. prompt.Select(id => JsonValue.Create(id))]),
            ["ids"] = new JsonArray([.. w.Ids.Select(id => JsonValue.Create(id))]),
            ["text"] = w.Text,
            ["finish_reason"] = Word(w.FinishReason),
            ["prompt_tokens"] = prompt.Length,
            ["new_tokens"] = w.Ids.Count,
            ["guessed_tokens"] = w.Guesses.Guessed,
            ["accepted_tokens"] = w.Guesses.Accepted,
            ["first_token_seconds"] = Math.Round(w.FirstTokenSeconds, 6),
            ["total_seconds"] = Math.Round(w.TotalSeconds, 6),
            ["prefill_tokens_per_second"] = w.FirstTokenSeconds > 0 ? Math.Round(prompt.Length / w.FirstTokenSeconds, 2) : null,
            ["decode_tokens_per_second"] = double.IsFinite(w.DecodeRate) ? Math.Round(w.DecodeRate, 2) : null,
        };
}
