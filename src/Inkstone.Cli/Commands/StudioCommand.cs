using System.CommandLine;
using System.Globalization;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Studio;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink studio</c>.</summary>
internal static class StudioCommand
{
    public static CliCommand Create()
    {
        Argument<string[]> runs = new("RUNS")
        {
            Description = "directories of runs or models, or folders above them; default: runs and the current folder",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string> host = new("--host")
        {
            Description = "address to listen on; whoever reaches it sees the runs",
            HelpName = "IP",
            DefaultValueFactory = _ => "127.0.0.1",
        };
        Option<int> port = new("--port")
        {
            Description = "port to listen on; 0: any free one",
            HelpName = "N",
            DefaultValueFactory = _ => 6080,
        };
        return new CliCommand(
            "studio",
            "one live page about runs: curves, samples, data and masks, tokens, what a model looks at, evaluations, chat",
            [runs, host, port],
            Run,
            "ink studio",
            "ink studio runs/a runs/b --port 8000"
        );

        int Run(CommandContext call)
        {
            string[] named = call.Get(runs) ?? [];
            string? missing = named.FirstOrDefault(path => !Directory.Exists(path));
            if (missing is not null)
            {
                throw new FileNotFoundException($"there is no directory '{missing}'; name runs or a folder above them");
            }
            StudioOptions options = new()
            {
                Host = call.Get(host)!,
                Port = call.Between(port, 0, 65535),
                Paths = named.Length > 0 ? named : [.. ((string[])["runs", "."]).Where(Directory.Exists)],
                HoldsModel = HoldsModel,
                Tokenizer = path => Models.Tokenizer(path, call),
                Open = path => Open(call, path),
            };
            return call.Saving(() => ServeAsync(call, options).GetAwaiter().GetResult());
        }
    }

    private static bool HoldsModel(string path)
    {
        string place = CheckpointFolder.Resolve(path);
        return PeftAdapter.IsAdapter(place) || File.Exists(Path.Combine(place, "config.json"));
    }

    /// <summary>The engine computes on a thread of its own, as in ink serve.</summary>
    private static OpenedModel Open(CommandContext call, string path)
    {
        Device device = call.NewDevice();
        try
        {
            return new OpenedModel(
                device,
                ComputeThread.Run(() => Models.Open(path, device)),
                GenerationSettings.Read(Models.GenerationConfig(path))
            );
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static async Task<int> ServeAsync(CommandContext call, StudioOptions options)
    {
        await using StudioServer server = new(options);
        await server.StartAsync().ConfigureAwait(false);
        call.Say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"studio at {server.Address()} about {string.Join(", ", options.Paths)}; Ctrl-C ends it"
            )
        );
        if (!(options.Host is "localhost" or "127.0.0.1" or "::1"))
        {
            call.Warn("whoever reaches this address sees these runs and may use their models");
        }
        TaskCompletionSource stopped = new();
        using (call.Cancelled.Register(stopped.SetResult))
        {
            await stopped.Task.ConfigureAwait(false);
        }
        await server.StopAsync().ConfigureAwait(false);
        return 0;
    }
}
