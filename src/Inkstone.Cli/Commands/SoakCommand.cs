using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Server;

namespace Inkstone.Cli;

/// <summary><c>ink soak</c>.</summary>
internal static class SoakCommand
{
    public static CliCommand Create()
    {
        ServerFlags server = new();
        Option<double> minutes = new("--minutes")
        {
            Description = "how long",
            HelpName = "N",
            DefaultValueFactory = _ => 30,
        };
        Option<int> streams = new("--streams")
        {
            Description = "clients at once",
            HelpName = "N",
            DefaultValueFactory = _ => 16,
        };
        return new CliCommand(
            "soak",
            "long load of every kind: streams, structured answers, clients that go away, malformed bodies, oversized prompts; errors, schema-valid share, memory and latency drift",
            [.. server.All, minutes, streams],
            Run,
            "ink soak http://127.0.0.1:8080 --minutes 30",
            "ink soak http://127.0.0.1:8080 --minutes 5 --streams 4 --json"
        );

        int Run(CommandContext call)
        {
            double time = call.Get(minutes) is > 0 and <= 10_000 and double given
                ? given
                : throw new ArgumentException($"--minutes must be above 0 and at most 10000, got {call.Get(minutes)}");
            long shown = 0;
            SoakResult result = call.Saving(() =>
                server.Ask(
                    call,
                    url =>
                        Soak.RunAsync(
                            url,
                            server.Key(call),
                            server.Model(call),
                            TimeSpan.FromMinutes(time),
                            call.Between(streams, 1, 1024),
                            (requests, faults) =>
                            {
                                if (requests >= shown + 100)
                                {
                                    shown = requests;
                                    call.Say($"{requests} requests, {faults} wrong");
                                }
                            },
                            call.Cancelled
                        )
                )
            );
            JsonObject json = result.Json();
            call.Result(
                json,
                output =>
                {
                    output.WriteLine(
                        Format.Text($"{result.Requests} requests in {result.Seconds / 60:0.0} minutes, {result.Faults} wrong")
                    );
                    foreach ((string name, JsonNode? value) in json)
                    {
                        if (value is JsonValue figure && name is not ("ok" or "requests" or "seconds" or "errors"))
                        {
                            output.WriteLine($"{name, -22} {figure}");
                        }
                    }
                    foreach (JsonNode? error in json["first_errors"]!.AsArray())
                    {
                        call.Warn((string)error!);
                    }
                }
            );
            return result.Ok ? 0 : 1;
        }
    }
}
