using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Server;

namespace Inkstone.Cli;

/// <summary><c>ink smoke</c>.</summary>
internal static class SmokeCommand
{
    public static CliCommand Create()
    {
        ServerFlags server = new();
        return new CliCommand(
            "smoke",
            "whether a server with OpenAI's API does what front ends need: health, chat, multi-turn, structured, JSON mode, streaming, tools",
            server.All,
            Run,
            "ink smoke http://127.0.0.1:8080",
            "ink smoke --serve runs/poems --json"
        );

        int Run(CommandContext call)
        {
            IReadOnlyList<SmokeCheck> checks = server.Ask(
                call,
                url => Smoke.RunAsync(url, server.Key(call), server.Model(call), call.Cancelled)
            );
            bool ok = checks.All(c => c.Ok);
            JsonObject json = new()
            {
                ["ok"] = ok,
                ["checks"] = new JsonArray([
                    .. checks.Select(
                        JsonNode (c) =>
                            new JsonObject
                            {
                                ["name"] = c.Name,
                                ["ok"] = c.Ok,
                                ["detail"] = c.Detail,
                                ["seconds"] = Math.Round(c.Seconds, 3),
                            }
                    ),
                ]),
            };
            call.Result(
                json,
                output =>
                {
                    foreach (SmokeCheck c in checks)
                    {
                        output.WriteLine(
                            Format.Text(
                                $"{(c.Ok ? "pass" : "FAIL")}  {c.Name, -12} {c.Seconds, 6:0.00} s  {(c.Detail.Length > 100 ? c.Detail[..100] + "…" : c.Detail).ReplaceLineEndings(" ")}"
                            )
                        );
                    }
                }
            );
            return ok ? 0 : 1;
        }
    }
}
