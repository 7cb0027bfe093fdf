using System.CommandLine;

namespace Inkstone.Cli;

/// <summary>Flags of the verbs that ask a server.</summary>
internal static class ServerFlags
{
    public static Argument<string> Url() => new("URL") { Description = "address of a server with OpenAI's API, with or without /v1" };

    public static Option<string> Key() => new("--api-key") { Description = "the server's key; also the variable INK_API_KEY", HelpName = "KEY" };

    public static Option<string> Model() => new("--model") { Description = "model to ask for; default: the first that the server has", HelpName = "NAME" };

    public static string? Key(Call call, Option<string> key) => call.Get(key) ?? (Environment.GetEnvironmentVariable("INK_API_KEY") is { Length: > 0 } given ? given : null);
}
