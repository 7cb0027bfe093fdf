using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink chat</c>.</summary>
internal static class Chat
{
    private const int LeastRoom = 16;

    public static Verb Create()
    {
        Option<string> model = Flags.Model(), weights = Flags.Weights();
        Option<string> system = new("--system") { Description = "what the model is told first", HelpName = "S" };
        Option<string[]> message = new("--message") { Description = "say this instead of reading from the terminal (repeatable)", HelpName = "S" };
        SamplingFlags sampling = new();
        return new Verb("chat", "a conversation by the tokenizer's chat template; /clear forgets it, /quit or end of input ends it", [model, weights, system, message, .. sampling.All], Run,
            "ink chat --model runs/poems",
            "ink chat --model runs/poems --message \"今天星期几？\" --temperature 0 --json");

        int Run(Call call)
        {
            string path = call.Get(model)!;
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            Transcript transcript = new(tokenizer, call.Get(system));
            if (transcript.Manner is { } manner)
            {
                call.Say(manner);
            }
            SamplingParams p = sampling.Read(call, transcript.Stops);
            JsonArray answers = [];
            call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                foreach (string said in Said(call, call.Get(message)))
                {
                    if (said == "/clear")
                    {
                        transcript.Clear();
                        continue;
                    }
                    int[] prompt = transcript.Prompt(said, m.MaxPositionEmbeddings, Math.Min(Math.Max(LeastRoom, p.MaxTokens), m.MaxPositionEmbeddings / 2));
                    Writing answer = Writing.Do(m, tokenizer, prompt, p, useCache: true, piece => Show(call, piece), call.Cancelled);
                    Show(call, "\n");
                    transcript.Add(said, answer.Text);
                    answers.Add((JsonNode)new JsonObject { ["message"] = said, ["answer"] = answer.Text.Trim(), ["finish_reason"] = answer.FinishReason, ["new_tokens"] = answer.Ids.Count });
                }
                return 0;
            });
            return call.Json ? call.Result(new JsonObject { ["turns"] = answers }, _ => { }) : 0;
        }
    }

    private static void Show(Call call, string piece)
    {
        if (!call.Json)
        {
            call.Out.Write(piece);
            call.Out.Flush();
        }
    }

    private static IEnumerable<string> Said(Call call, string[]? messages)
    {
        if (messages is { Length: > 0 })
        {
            foreach (string message in messages)
            {
                yield return message;
            }
            yield break;
        }
        bool terminal = !Console.IsInputRedirected;
        while (true)
        {
            if (terminal)
            {
                call.Error.Write("> ");
            }
            if (Console.In.ReadLine() is not { } line || line is "/quit" or "/exit")
            {
                yield break;
            }
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return line.Trim();
            }
        }
    }
}
