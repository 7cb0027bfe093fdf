using System.CommandLine;
using Inkstone.Inference;
using Inkstone.Server;

namespace Inkstone.Cli;

/// <summary>Flags of the verbs that ask a server, or serve a model themselves for as long as they ask.</summary>
internal sealed class ServerFlags
{
    private readonly Argument<string> _url = new("URL")
    {
        Description = "address of a server with OpenAI's API, with or without /v1",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<string> _serve = new("--serve")
    {
        Description = "serve this model meanwhile, on any free port, instead of asking a server at URL",
        HelpName = "PATH",
    };
    private readonly Option<string> _key = new("--api-key")
    {
        Description = "the server's key; also the variable INK_API_KEY",
        HelpName = "KEY",
    };
    private readonly Option<string> _model = new("--model")
    {
        Description = "model to ask for; default: the first that the server has",
        HelpName = "NAME",
    };

    public IReadOnlyList<Symbol> All => [_url, _serve, _key, _model];

    public string? Model(CommandContext call) => call.Get(_model);

    public string? Key(CommandContext call) =>
        call.Get(_key) ?? (Environment.GetEnvironmentVariable("INK_API_KEY") is { Length: > 0 } given ? given : null);

    /// <summary>Asks the server that the call names, or one of its own.</summary>
    /// <param name="call">the call</param>
    /// <param name="ask">is told the address</param>
    public T Ask<T>(CommandContext call, Func<string, Task<T>> ask) =>
        (
            (call.Get(_url), call.Get(_serve)) switch
            {
                ({ } address, null) => ask(address),
                (null, { } path) => Serve.WhileAsync(
                    call,
                    path,
                    null,
                    _ => new EngineOptions(),
                    new ServerOptions
                    {
                        Port = 0,
                        ModelName = Serve.NameOf(path),
                        ApiKeys = Key(call) is { } key ? [key] : [],
                        Quiet = true,
                    },
                    address => ask(address.ToString())
                ),
                _ => throw new ArgumentException("name a server as URL, or a model with --serve PATH"),
            }
        )
            .GetAwaiter()
            .GetResult();
}
