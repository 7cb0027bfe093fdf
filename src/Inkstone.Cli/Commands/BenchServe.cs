using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Server;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink bench serve</c>: load on any server with OpenAI's API.</summary>
internal static class BenchServe
{
    public static CliCommand Create()
    {
        ServerFlags server = new();
        Option<int> requests = new("--num-prompts")
        {
            Description = "requests",
            HelpName = "N",
            DefaultValueFactory = _ => 64,
        };
        Option<int> concurrency = new("--max-concurrency")
        {
            Description = "most requests at once (closed loop); 0 with --request-rate: as many as come",
            HelpName = "N",
            DefaultValueFactory = _ => 16,
        };
        Option<double> rate = new("--request-rate")
        {
            Description = "requests a second at random times (Poisson); default: each as soon as one has ended",
            HelpName = "X",
        };
        Option<double> ramp = new("--ramp-to")
        {
            Description = "request rate at the end, reached in a straight line from --request-rate",
            HelpName = "X",
        };
        Option<string> prompts = new("--prompts")
        {
            Description = "prompts: JSON lines with prompt, messages or conversations, or a text a line; default: made up",
            HelpName = "FILE",
        };
        Option<int> promptTokens = new("--prompt-tokens")
        {
            Description = "words of a made-up prompt, about one token each",
            HelpName = "N",
            DefaultValueFactory = _ => 128,
        };
        Option<int> maxTokens = new("--max-tokens")
        {
            Description = "most tokens of an answer",
            HelpName = "N",
            DefaultValueFactory = _ => 128,
        };
        Option<bool> ignoreEos = new("--ignore-eos") { Description = "answers go on after end tokens, so that all have --max-tokens" },
            completions = new("--completions") { Description = "ask /v1/completions instead of /v1/chat/completions" },
            secondTurn =
                new("--second-turn")
                {
                    Description =
                        "instead: how much sooner the second turn of a conversation starts than one whose beginning the server has not seen; --num-prompts conversations",
                };
        Option<double> temperature = new("--temperature")
        {
            Description = "temperature of the requests",
            HelpName = "X",
            DefaultValueFactory = _ => 0,
        };
        Option<string[]> goodput = new("--goodput")
        {
            Description = "count requests that keep below milliseconds, by ttft, tpot, itl or e2el (repeatable)",
            HelpName = "NAME:MS",
        };
        return new CliCommand(
            "serve",
            "load on any server with OpenAI's API, measured from its streams; figures by vLLM's names",
            [
                .. server.All,
                requests,
                concurrency,
                rate,
                ramp,
                prompts,
                promptTokens,
                maxTokens,
                ignoreEos,
                completions,
                secondTurn,
                temperature,
                goodput,
            ],
            Run,
            "ink bench serve http://127.0.0.1:8080 --max-concurrency 16",
            "ink bench serve http://127.0.0.1:8080 --request-rate 2 --goodput ttft:500 --goodput tpot:80 --json"
        );

        int Run(CommandContext call)
        {
            ServeBenchOptions options = new("")
            {
                Key = server.Key(call),
                Model = server.Model(call),
                Chat = !call.Has(completions),
                Requests = call.Between(requests, 1, 1_000_000),
                Concurrency = call.Between(concurrency, 0, 4096),
                Rate = call.Has(rate) ? Positive(rate.Name, call.Get(rate)) : double.PositiveInfinity,
                RampTo = call.Has(ramp)
                    ? call.Has(rate)
                        ? Positive(ramp.Name, call.Get(ramp))
                        : throw new ArgumentException("--ramp-to needs --request-rate, the rate at the beginning")
                    : double.NaN,
                Prompts = call.Get(prompts) is { } file ? ServeBench.ReadPrompts(file) : null,
                PromptTokens = call.Between(promptTokens, 1, 1_000_000),
                MaxTokens = call.Between(maxTokens, 1, 1_000_000),
                IgnoreEos = call.Has(ignoreEos),
                Temperature = call.Get(temperature),
                Goodput = (call.Get(goodput) ?? []).Select(Limit).ToDictionary(),
                Seed = (int)(call.Seed ?? 0),
            };
            if (options.Concurrency == 0 && double.IsInfinity(options.Rate))
            {
                throw new ArgumentException("--max-concurrency 0 needs --request-rate: without either all requests would come at once");
            }
            if (call.Has(secondTurn))
            {
                return ShowSecondTurn(call, server, options);
            }
            int tenth = 0;
            JsonObject figures = server.Ask(
                call,
                url =>
                    ServeBench.RunAsync(
                        options with
                        {
                            Url = url,
                        },
                        done =>
                        {
                            int now = 10 * done / options.Requests;
                            if (Interlocked.Exchange(ref tenth, now) < now)
                            {
                                call.Say($"{done} of {options.Requests} requests");
                            }
                        },
                        call.Cancelled
                    )
            );
            call.Result(figures, output => Print(call, figures, output));
            return (int)figures["failed"]! == 0 ? 0 : 1;
        }
    }

    private static int ShowSecondTurn(CommandContext call, ServerFlags server, ServeBenchOptions options)
    {
        JsonObject f = server.Ask(
            call,
            url =>
                SecondTurn.RunAsync(
                    options with
                    {
                        Url = url,
                    },
                    done => call.Say($"{done} of {options.Requests} conversations"),
                    call.Cancelled
                )
        );
        return call.Result(
            f,
            output =>
                output.WriteLine(
                    Format.Text(
                        $"a second turn of {(int)f["prompt_tokens"]!} tokens starts after {(double)f["median_second_turn_ttft_ms"]!:0.0} ms, one that begins unseen after {(double)f["median_unseen_second_turn_ttft_ms"]!:0.0} ms: {(double)f["median_speedup"]!:0.0} times sooner (least {(double)f["least_speedup"]!:0.0}; medians of {(int)f["conversations"]!} conversations)"
                    )
                )
        );
    }

    private static double Positive(string name, double value) =>
        value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentException($"{name} must be above 0, got {value.ToString(CultureInfo.InvariantCulture)}");

    private static (string, double) Limit(string text)
    {
        string[] parts = text.Split(':');
        return
            parts is ["ttft" or "tpot" or "itl" or "e2el", string number]
            && double.TryParse(number, CultureInfo.InvariantCulture, out double ms)
            && ms > 0
            ? (parts[0], ms)
            : throw new ArgumentException($"--goodput must be ttft:MS, tpot:MS, itl:MS or e2el:MS, got '{text}'");
    }

    private static void Print(CommandContext call, JsonObject f, TextWriter output)
    {
        output.WriteLine(
            Format.Text(
                $"{(int)f["completed"]!} requests in {(double)f["duration"]!:0.0} s, {(int)f["failed"]!} failed; {(double)f["request_throughput"]!:0.00} requests/s, {(double)f["output_throughput"]!:0.0} tokens/s, {(double)f["total_token_throughput"]!:0.0} with prompts{(f["request_goodput"] is { } good ? Format.Text($"; goodput {(double)good:0.00} requests/s") : "")}"
            )
        );
        output.Flush();
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("ms", "mean", "median", "p99");
        foreach (
            (string name, string shown) in (ReadOnlySpan<(string, string)>)
                [("ttft", "time to first token"), ("tpot", "time per output token"), ("itl", "inter-token latency"), ("e2el", "end to end")]
        )
        {
            table.AddRow(shown, Cell("mean"), Cell("median"), Cell("p99"));

            string Cell(string kind) => Format.Text($"{(double)f[$"{kind}_{name}_ms"]!:0.0}");
        }
        call.Page.Write(table);
        foreach (JsonNode? error in f["errors"]!.AsArray())
        {
            call.Warn((string)error!);
        }
    }
}
