using System.CommandLine;
using Inkstone.Files;
using Inkstone.Hub;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary><c>ink data fetch</c>.</summary>
internal static class DataFetch
{
    public static CliCommand Create()
    {
        Argument<string> name = new("NAME")
        {
            Description = "a name or number of the menu, or ORG/NAME of a data set on a hub",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> list = new("--list") { Description = "the menu: names, sizes, licences, sources" };
        Option<double> share = new("--share")
        {
            Description = "take this share of the files, chosen by the hash of their paths: the same on every machine",
            HelpName = "X",
            DefaultValueFactory = _ => 1,
        };
        Option<string> output = new("--out")
        {
            Description = "directory for what is no repository of a hub; default: ~/.cache/inkstone/sets/NAME",
            HelpName = "DIR",
        };
        FetchFlags flags = new();
        return new CliCommand(
            "fetch",
            "a data set by name: from a hub into its cache, from anywhere else into a directory; prints where it is",
            [name, list, share, output, .. flags.All],
            Run,
            "ink data fetch --list",
            "ink data fetch fineweb-edu-chinese --share 0.05 --from modelscope"
        );

        int Run(CommandContext call)
        {
            Catalogue catalogue = flags.Sets(call);
            string? asked = call.Get(name);
            if (asked is null || call.Get(list))
            {
                return FetchFlags.Menu(call, catalogue, RepositoryKind.Dataset);
            }
            double part = call.Get(share) is > 0 and <= 1 and var x
                ? x
                : throw new ArgumentException($"--share must be above 0 and at most 1, got {call.Get(share)}");
            if (asked.Contains('/', StringComparison.Ordinal))
            {
                return FetchFlags.Result(
                    call,
                    flags.Repository(call, RepositoryKind.Dataset, asked, ModelFetch.IsModelScope(call.Get(flags.From)), null, null, part),
                    asked
                );
            }
            CatalogueEntry entry =
                catalogue.Find(asked)
                ?? throw new ArgumentException(
                    $"there is no set '{asked}'{Spelling.Suggestion(asked, catalogue.Entries.Select(e => e.Name))}; see ink data fetch --list, or name a repository as ORG/NAME"
                );
            return Fetch(call, flags, entry, part, call.Get(output));
        }
    }

    /// <summary>Fetches a set of the catalogue from the first of its sources, or from the one that --from names.</summary>
    public static int Fetch(CommandContext call, FetchFlags flags, CatalogueEntry entry, double share, string? output)
    {
        string? from = call.Get(flags.From);
        CatalogueSource source =
            (
                from is null
                    ? entry.Sources.Count > 0
                        ? entry.Sources[0]
                        : null
                    : entry.Sources.FirstOrDefault(s => s.Word == from)
            )
            ?? throw new ArgumentException(
                $"{entry.Name} cannot be had from '{from}': it has {string.Join(", ", entry.Sources.Select(s => s.Word))}"
            );
        call.Say($"{entry.Name}: {entry.About} ({entry.Size}); licence: {entry.Licence}");
        string directory =
            output
            ?? Path.Combine(
                Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
                    ? cache
                    : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
                "inkstone",
                "sets",
                entry.Name
            );
        if (
            source.Kind is not (SourceKind.HuggingFace or SourceKind.ModelScope)
            && (share < 1 || call.Get(flags.Include) is { Length: > 0 })
        )
        {
            throw new ArgumentException(
                $"{entry.Name} comes as one piece from {source.At}: --share and --include serve repositories with many files; ink data mix takes a share of records"
            );
        }
        return FetchFlags.Result(call, Of(), entry.Name);

        FetchResult Of()
        {
            switch (source.Kind)
            {
                case SourceKind.HuggingFace or SourceKind.ModelScope:
                    return flags.Repository(
                        call,
                        entry.Repository,
                        source.At,
                        source.Kind == SourceKind.ModelScope,
                        source.Include,
                        source.Revision,
                        share
                    );
                case SourceKind.Browser:
                    string others = string.Join(", ", entry.Sources.Where(s => s.Kind != SourceKind.Browser).Select(s => s.Word));
                    throw new ArgumentException(
                        $"{entry.Name} can be had with a browser only: open {source.At}; {source.How}{(others.Length > 0 ? $"; or say --from {others}" : "")}"
                    );
                case SourceKind.File:
                    return new FetchResult(
                        Path.Exists(source.At)
                            ? source.At
                            : throw new FileNotFoundException($"{entry.Name} names {source.At}, which does not exist"),
                        null,
                        File.Exists(source.At) ? 1 : Directory.GetFiles(source.At, "*", SearchOption.AllDirectories).Length,
                        File.Exists(source.At)
                            ? new FileInfo(source.At).Length
                            : new DirectoryInfo(source.At).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length),
                        0,
                        entry.Licence
                    );
                case SourceKind.Npm or SourceKind.Url when HubSettings.HuggingFace().Offline || call.Get(flags.Offline):
                    return
                        Directory.Exists(directory)
                        && Directory.GetFiles(directory, "*", SearchOption.AllDirectories) is { Length: > 0 } there
                        ? Array.Find(there, f => f.Contains(".ink.incomplete", StringComparison.Ordinal)) is { } partial
                            ? throw new FileNotFoundException(
                                $"offline, and {entry.Name} is not whole: {partial} is left of a download; fetch once with a connection"
                            )
                            : new FetchResult(directory, null, there.Length, there.Sum(f => new FileInfo(f).Length), 0, entry.Licence)
                        : throw new FileNotFoundException(
                            $"offline, and {directory} does not hold {entry.Name}: fetch it once with a connection"
                        );
                case SourceKind.Npm:
                    return FetchFlags.Loading(
                        call,
                        entry.Name,
                        progress => new NpmFetch(source.At, directory, progress).Run(call.Cancelled)
                    );
                default:
                    return FetchFlags.Loading(
                        call,
                        entry.Name,
                        progress =>
                            new PlainFetch(source.At, directory, progress) { Hash = source.Hash, HashList = source.HashList }.Run(
                                call.Cancelled
                            )
                    );
            }
        }
    }
}
