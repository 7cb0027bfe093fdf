using System.CommandLine;
using System.Globalization;
using Inkstone.Chat;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Server;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary><c>ink serve</c>.</summary>
internal static class Serve
{
    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights();
        Option<string[]> adapter = new("--adapter")
        {
            Description = "an adapter that requests choose by its name as their model (repeatable)",
            HelpName = "NAME=PATH",
        };
        Option<string> host = new("--host")
        {
            Description = "address to listen on; 0.0.0.0 lets other machines in",
            HelpName = "IP",
            DefaultValueFactory = _ => "127.0.0.1",
        };
        Option<int> port = new("--port")
        {
            Description = "port to listen on; 0: any free one",
            HelpName = "N",
            DefaultValueFactory = _ => 8080,
        };
        Option<string[]> keys = new("--api-key")
        {
            Description = "a key that requests must bring (repeatable); also the variable INK_API_KEY",
            HelpName = "KEY",
        };
        Option<string> name = new("--name")
        {
            Description = "what the model is called in answers; default: its file or directory",
            HelpName = "S",
        };
        Option<string[]> cors = new("--cors")
        {
            Description = "an origin whose pages browsers let in, such as https://chat.example.org, or * (repeatable)",
            HelpName = "ORIGIN",
        };
        Option<int> sequences = new("--max-sequences")
        {
            Description = "answers that are made side by side",
            HelpName = "N",
            DefaultValueFactory = _ => 16,
        };
        Option<int> waiting = new("--max-waiting")
        {
            Description = "requests that may wait; more get status 429",
            HelpName = "N",
            DefaultValueFactory = _ => 256,
        };
        Option<int> cache = new("--cache-tokens")
        {
            Description = "tokens that caches have room for; 0: what the machine's memory allows",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<int> maxTokens = new("--max-tokens")
        {
            Description = "most tokens of an answer; 0: what the context holds",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        };
        Option<int> body = new("--max-body")
        {
            Description = "most bytes of a request",
            HelpName = "BYTES",
            DefaultValueFactory = _ => 16 << 20,
        };
        Option<int> timeout = new("--timeout")
        {
            Description = "seconds that one answer may take",
            HelpName = "S",
            DefaultValueFactory = _ => 1800,
        };
        Option<string> pooling = Flags.Choice("--pooling", "how a text becomes one vector for embeddings", "P", "mean", "last");
        Option<bool> logJson = new("--log-json") { Description = "log lines as JSON" },
            logPrompts = new("--log-prompts") { Description = "log what is asked" };
        SpeculationFlags speculation = new();
        return new CliCommand(
            "serve",
            "a model behind the APIs of OpenAI, Ollama and Anthropic, with a chat page at /; Ctrl-C and SIGTERM let answers end",
            [
                model,
                weights,
                adapter,
                host,
                port,
                keys,
                name,
                cors,
                sequences,
                waiting,
                cache,
                maxTokens,
                body,
                timeout,
                pooling,
                .. speculation.All,
                logJson,
                logPrompts,
            ],
            Run,
            "ink serve --model runs/poems",
            "ink serve --model model.gguf --adapter poet=runs/poet --host 0.0.0.0 --port 8000 --api-key secret"
        );

        int Run(CommandContext call)
        {
            string path = call.Get(model)!;
            EngineOptions engine = new()
            {
                MaxSequences = call.Between(sequences, 1, 1024),
                MaxWaiting = call.Between(waiting, 0, 100_000),
                CacheTokens = call.Between(cache, 0, int.MaxValue),
                Adapters = Adapters(call.Get(adapter) ?? []),
            };
            ServerOptions options = new()
            {
                Host = call.Get(host)!,
                Port = call.Between(port, 0, 65535),
                ModelName = call.Get(name) ?? NameOf(path),
                ApiKeys =
                [
                    .. call.Get(keys) ?? [],
                    .. Environment.GetEnvironmentVariable("INK_API_KEY") is { Length: > 0 } key ? [key] : Array.Empty<string>(),
                ],
                Origins = call.Get(cors) ?? [],
                MaxTokens = call.Between(maxTokens, 0, int.MaxValue) is var most and > 0 ? most : null,
                MaxBodyBytes = call.Between(body, 1024, int.MaxValue),
                RequestTimeout = TimeSpan.FromSeconds(call.Between(timeout, 1, 86_400)),
                Pooling = call.Get(pooling) == "last" ? Pooling.Last : Pooling.Mean,
                LogJson = call.Has(logJson),
                LogPrompts = call.Has(logPrompts),
                Quiet = call.Quiet,
            };
            return call.Saving(() =>
                WhileAsync(
                        call,
                        path,
                        call.Get(weights),
                        model => speculation.Add(call, model, engine),
                        options,
                        async _ =>
                        {
                            TaskCompletionSource stopped = new();
                            using (call.Cancelled.Register(stopped.SetResult))
                            {
                                await stopped.Task.ConfigureAwait(false);
                            }
                            return 0;
                        }
                    )
                    .GetAwaiter()
                    .GetResult()
            );
        }
    }

    /// <summary>Serves a model until <paramref name="work"/>, which is told the address, has ended.</summary>
    public static async Task<T> WhileAsync<T>(
        CommandContext call,
        string path,
        string? weights,
        Func<CausalLm, EngineOptions> planned,
        ServerOptions options,
        Func<Uri, Task<T>> work
    )
    {
        Tokenizer tokenizer = Models.Tokenizer(path, call);
        GenerationSettings settings = GenerationSettings.Read(Models.GenerationConfig(path));
        // The engine computes on a thread of its own; were this one pinned to a CPU, those that answer HTTP would be, too.
        using Device device = call.NewDevice();
        using CausalLm model = ComputeThread.Run(() => Models.Open(path, device, weights));
        EngineOptions engineOptions = ComputeThread.Run(() => planned(model));
        using CausalLm? draft = engineOptions.Draft;
        await using AsyncEngine engine = new(model, tokenizer, engineOptions);
        await using InkServer server = new(new ChatModel(engine, settings), options);
        await server.StartAsync().ConfigureAwait(false);
        Uri address = server.Address();
        call.Say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{options.ModelName} at {address} (page), {address}v1 (API); {engine.Statistics.CacheTokens} tokens fit, {engineOptions.MaxSequences} answers at a time"
            )
        );
        if (options.ApiKeys.Count == 0 && !(options.Host is "localhost" or "127.0.0.1" or "::1"))
        {
            call.Warn("whoever reaches this address may use the model; --api-key KEY asks for a key");
        }
        T result = await work(address).ConfigureAwait(false);
        await server.StopAsync().ConfigureAwait(false);
        call.Say("stopped");
        return result;
    }

    /// <summary>What a model is called in answers unless it is given a name.</summary>
    public static string NameOf(string path) => Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));

    private static Dictionary<string, string> Adapters(string[] given)
    {
        Dictionary<string, string> adapters = new(StringComparer.Ordinal);
        foreach (string pair in given)
        {
            int at = pair.IndexOf('=', StringComparison.Ordinal);
            string name = at > 0 ? pair[..at] : "",
                place = pair[(at + 1)..];
            if (name.Length == 0 || !PeftAdapter.IsAdapter(Training.CheckpointFolder.Resolve(place)))
            {
                throw new ArgumentException($"--adapter must be NAME=PATH with the directory of an adapter, got '{pair}'");
            }
            if (!adapters.TryAdd(name, Training.CheckpointFolder.Resolve(place)))
            {
                throw new ArgumentException($"--adapter names {name} twice");
            }
        }
        return adapters;
    }
}
