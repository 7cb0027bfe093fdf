using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink generate</c>.</summary>
internal static class Generate
{
    public static Verb Create()
    {
        Option<string> model = Flags.Model(), weights = Flags.Weights();
        Option<string> prompt = new("--prompt") { Description = "the beginning that the model continues", HelpName = "S" };
        Option<string> ids = new("--ids") { Description = "the beginning as token ids", HelpName = "IDS" };
        Option<bool> noCache = new("--no-cache") { Description = "compute the whole text anew for each token (slow; the same tokens)" };
        SamplingFlags sampling = new();
        return new Verb("generate", "continues a text, streaming", [model, weights, prompt, ids, .. sampling.All, noCache], Run,
            "ink generate --model runs/poems --prompt \"春眠\" --temperature 0.8",
            "ink generate --model runs/poems --prompt \"春眠\" --max-tokens 32 --temperature 0 --json");

        int Run(Call call)
        {
            string path = call.Get(model)!;
            SamplingParams p = sampling.Read(call);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            int[] start = (call.Get(prompt), call.Get(ids)) switch
            {
                (string text, null) => tokenizer.Encode(text),
                (null, string list) => Call.ParseIds(list),
                _ => throw new ArgumentException("give either --prompt S or --ids IDS"),
            };
            if (start.Length == 0)
            {
                start = [tokenizer.BosId ?? tokenizer.EosId ?? throw new ArgumentException("--prompt is empty, and the tokenizer has no token to begin with; give a prompt")];
            }
            Writing writing = call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                return Writing.Do(m, tokenizer, start, p, !call.Get(noCache), Show, call.Cancelled);
            });
            if (!call.Json)
            {
                call.Out.WriteLine();
                call.Say(Figures.Of($"{writing.Ids.Count} tokens ({writing.FinishReason}), first after {1000 * writing.FirstTokenSeconds:0} ms, then {writing.DecodeRate:0.0} tokens/s"));
                return 0;
            }
            return call.Result(Json(writing), _ => { });

            void Show(string piece)
            {
                if (!call.Json)
                {
                    call.Out.Write(piece);
                    call.Out.Flush();
                }
            }
        }
    }

    private static JsonObject Json(Writing w) => new()
    {
        ["prompt_ids"] = new JsonArray([.. w.PromptIds.Select(id => JsonValue.Create(id))]),
        ["ids"] = new JsonArray([.. w.Ids.Select(id => JsonValue.Create(id))]),
        ["text"] = w.Text,
        ["finish_reason"] = w.FinishReason,
        ["prompt_tokens"] = w.PromptIds.Length,
        ["new_tokens"] = w.Ids.Count,
        ["first_token_seconds"] = Math.Round(w.FirstTokenSeconds, 6),
        ["total_seconds"] = Math.Round(w.TotalSeconds, 6),
        ["prefill_tokens_per_second"] = Math.Round(w.PrefillRate, 2),
        ["decode_tokens_per_second"] = double.IsNaN(w.DecodeRate) ? null : Math.Round(w.DecodeRate, 2),
    };
}
