using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink chat</c>.</summary>
internal static class Chat
{
    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights();
        Option<string> system = new("--system") { Description = "what the model is told first", HelpName = "S" };
        Option<string[]> message = new("--message")
        {
            Description = "say this instead of reading from the terminal (repeatable)",
            HelpName = "S",
        };
        Option<string[]> variables = TemplateVariables.Option();
        SamplingFlags sampling = new(draws: true, maxTokens: null);
        return new CliCommand(
            "chat",
            "a conversation by the tokenizer's chat template; /help lists its commands, Ctrl-C stops an answer, Ctrl-D leaves",
            [model, weights, system, message, variables, .. sampling.All],
            Run,
            "ink chat --model runs/poems",
            "ink chat --model runs/poems --message \"今天星期几？\" --temperature 0 --json"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            ChatTalk talk = new(call.Get(system), sampling.Read(call, path), call.Force);
            Tokenizer tokenizer = Models.Tokenizer(path, call);
            JsonObject? values = TemplateVariables.Read(call, variables);
            JsonArray answers = [];
            call.Compute(device =>
            {
                using CausalLm m = Models.Open(path, device, call.Get(weights));
                using ChatSession session = new(m, tokenizer, values);
                if (session.Manner is { } manner)
                {
                    call.Say(manner);
                }
                bool typed = call.Get(message) is not { Length: > 0 } && !Console.IsInputRedirected;
                foreach (string said in Said(call, call.Get(message), typed))
                {
                    try
                    {
                        if (Take(call, talk, said) && Answer(call, talk, session))
                        {
                            answers.Add((JsonNode)Json(said, session));
                        }
                    }
                    catch (Exception fault) when (typed && Faults.IsUsers(fault))
                    {
                        call.Error.WriteLine(Faults.Sentence(fault));
                    }
                    if (talk.Ended)
                    {
                        break;
                    }
                }
                return 0;
            });
            return call.Json ? call.Result(new JsonObject { ["turns"] = answers }, _ => { }) : 0;
        }
    }

    /// <summary>Takes a line as a message or a command; true when an answer is wanted.</summary>
    private static bool Take(CommandContext call, ChatTalk talk, string said)
    {
        if (!ChatTalk.IsCommand(said))
        {
            talk.Add("user", said.StartsWith("//", StringComparison.Ordinal) ? said[1..] : said);
            return true;
        }
        (string told, bool answers) = talk.Execute(said);
        if (told.Length > 0)
        {
            call.Say(told);
        }
        return answers;
    }

    /// <summary>Answers the last message; false when nothing was said before Ctrl-C, and the message is taken back.</summary>
    private static bool Answer(CommandContext call, ChatTalk talk, ChatSession session)
    {
        // Not disposed: a late Ctrl-C may still cancel it.
        CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(call.Cancelled);
        bool stopped = false;
        try
        {
            using (call.OnCtrlC(stop.Cancel))
            {
                Show(call, session.Answer(talk.Messages, talk.Sampling, stop.Token));
            }
        }
        catch (OperationCanceledException) when (!call.Cancelled.IsCancellationRequested)
        {
            stopped = true;
            call.Show("\n");
        }
        catch
        {
            talk.TakeBack();
            throw;
        }
        if (stopped && session.Text.Trim().Length == 0)
        {
            talk.TakeBack();
            call.Say("(stopped before anything was said)");
            return false;
        }
        talk.Add("assistant", session.Text.Trim());
        call.Say(Summary(session, stopped));
        return true;
    }

    /// <summary>Prints an answer as it comes, without the space that some tokenizers put before its first word.</summary>
    private static void Show(CommandContext call, IEnumerable<string> pieces)
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
    private static string Summary(ChatSession s, bool stopped) =>
        Format.Text(
            $"({s.NewTokens} tokens{Format.Rate(s.DecodeRate)}{(stopped ? "; stopped" : s.ContextIsFull ? "; cut, the context is full" : s.FinishReason == FinishReason.Length ? "; cut at the allowed number of tokens" : "")}{(s.DroppedTurns > 0 ? $"; the {s.DroppedTurns} oldest turns no longer fit the context" : "")})"
        );

    private static JsonObject Json(string said, ChatSession s) =>
        new()
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

    /// <summary>What the user says: the messages of the command line, lines from a pipe, or what is typed on a terminal.</summary>
    private static IEnumerable<string> Said(CommandContext call, string[]? messages, bool typed) =>
        messages is { Length: > 0 }
            ? messages
            : (typed && call.Error is Terminal terminal ? Typed(call, terminal) : Lines(call, typed))
                .Where(line => !string.IsNullOrWhiteSpace(line))
                .Select(line => line.Trim());

    private static IEnumerable<string> Typed(CommandContext call, Terminal terminal)
    {
        if (!call.Quiet)
        {
            call.Say("/help lists the commands; Ctrl-D leaves");
        }
        using ConsoleKeys keys = new(terminal);
        LineEditor editor = new(terminal, keys, () => (terminal.Width + 1, Console.WindowHeight));
        while (editor.Read("> ") is { } line)
        {
            yield return line;
        }
    }

    private static IEnumerable<string> Lines(CommandContext call, bool typed)
    {
        while (true)
        {
            if (typed)
            {
                call.Error.Write("> ");
            }
            if (Console.In.ReadLine() is not { } line)
            {
                yield break;
            }
            yield return line;
        }
    }
}
