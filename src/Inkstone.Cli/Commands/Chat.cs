using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink chat</c>.</summary>
internal static class Chat
{
    public static Verb Create()
    {
        Option<string> model = Flags.Model(), weights = Flags.Weights();
        Option<string> system = new("--system") { Description = "what the model is told first", HelpName = "S" };
        Option<string[]> message = new("--message") { Description = "say this instead of reading from the terminal (repeatable)", HelpName = "S" };
        Option<string[]> variables = TemplateVariables.Option();
        SamplingFlags sampling = new(draws: true, maxTokens: null);
        return new Verb("chat", "a conversation by the tokenizer's chat template; /clear forgets it, /quit or end of input ends it", [model, weights, system, message, variables, .. sampling.All], Run,
            "ink chat --model runs/poems",
            "ink chat --model runs/poems --message \"今天星期几？\" --temperature 0 --json");

        int Run(Call call)
        {
            string path = call.Get(model)!;
            SamplingParams p = sampling.Read(call, path);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            JsonObject? values = TemplateVariables.Read(call, variables);
            JsonArray messages = Beginning(call.Get(system)), answers = [];
            call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                using ChatSession session = new(m, tokenizer, values);
                if (session.Manner is { } manner)
                {
                    call.Say(manner);
                }
                foreach (string said in Said(call, call.Get(message)))
                {
                    if (said == "/clear")
                    {
                        messages = Beginning(call.Get(system));
                        continue;
                    }
                    messages.Add((JsonNode)Message("user", said));
                    Show(call, session.Answer(messages, p, call.Cancelled));
                    messages.Add((JsonNode)Message("assistant", session.Text.Trim()));
                    call.Say(Summary(session));
                    answers.Add((JsonNode)Json(said, session));
                }
                return 0;
            });
            return call.Json ? call.Result(new JsonObject { ["turns"] = answers }, _ => { }) : 0;
        }
    }

    private static JsonArray Beginning(string? system) => system is null ? [] : [Message("system", system)];

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    /// <summary>Prints an answer as it comes, without the space that some tokenizers put before its first word.</summary>
    private static void Show(Call call, IEnumerable<string> pieces)
    {
        bool begun = false;
        foreach (string piece in pieces)
        {
            string text = begun ? piece : piece.TrimStart();
            begun |= text.Length > 0;
            call.Show(text);
        }
        call.Show("\n");
    }

    /// <summary>Tokens and rate, and what was cut.</summary>
    private static string Summary(ChatSession s)
        => Figures.Of($"({s.NewTokens} tokens{Figures.Rate(s.DecodeRate)}{(s.ContextIsFull ? "; cut, the context is full" : s.FinishReason == FinishReason.Length ? "; cut at the allowed number of tokens" : "")}{(s.DroppedTurns > 0 ? $"; the {s.DroppedTurns} oldest turns no longer fit the context" : "")})");

    private static JsonObject Json(string said, ChatSession s) => new()
    {
        ["message"] = said,
        ["answer"] = s.Text.Trim(),
        ["finish_reason"] = Generate.Word(s.FinishReason),
        ["prompt_tokens"] = s.PromptTokens,
        ["reused_tokens"] = s.ReusedTokens,
        ["dropped_turns"] = s.DroppedTurns,
        ["new_tokens"] = s.NewTokens,
        ["decode_tokens_per_second"] = double.IsFinite(s.DecodeRate) ? Math.Round(s.DecodeRate, 2) : null,
    };

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
