using System.CommandLine;
using Inkstone.Hub;

namespace Inkstone.Cli;

/// <summary><c>ink model fetch</c>.</summary>
internal static class ModelFetch
{
    public static CliCommand Create()
    {
        Argument<string> name = new("NAME")
        {
            Description = "ORG/NAME of a repository, or a name of the menu",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> list = new("--list") { Description = "the menu of models that have a short name" };
        FetchFlags flags = new();
        return new CliCommand(
            "fetch",
            "a model from a hub into its cache, resumed and checked; prints its directory",
            [name, list, .. flags.All],
            Run,
            "ink model fetch Qwen/Qwen2.5-0.5B-Instruct --mirror https://hf-mirror.com",
            "ink model fetch qwen2.5-0.5b-instruct --from modelscope"
        );

        int Run(CommandContext call)
        {
            Catalogue catalogue = flags.Sets(call);
            string? asked = call.Get(name);
            if (asked is null || call.Get(list))
            {
                return FetchFlags.Menu(call, catalogue, RepositoryKind.Model);
            }
            CatalogueEntry? entry = asked.Contains('/', StringComparison.Ordinal) ? null : catalogue.Find(asked);
            return entry is not null
                ? DataFetch.Fetch(call, flags, entry, 1, null)
                : FetchFlags.Result(
                    call,
                    flags.Repository(call, RepositoryKind.Model, asked, IsModelScope(call.Get(flags.From)), null, null, 1),
                    asked
                );
        }
    }

    /// <summary>Which of the two hubs a name is asked of.</summary>
    public static bool IsModelScope(string? from) =>
        from switch
        {
            null or "hf" => false,
            "modelscope" => true,
            _ => throw new ArgumentException($"--from must be hf or modelscope for a repository, got '{from}'"),
        };
}
