using System.CommandLine;
using System.Text.Json.Nodes;
using Inkstone.Hub;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>What the two verbs that fetch have in common: their flags, and fetching from a hub under progress.</summary>
internal sealed class FetchFlags
{
    public Option<string> Mirror { get; } =
        new("--mirror")
        {
            Description = "address of a hub that serves the same; HF_ENDPOINT (or MODELSCOPE_ENDPOINT) does the same",
            HelpName = "URL",
        };

    public Option<bool> Offline { get; } =
        new("--offline") { Description = "ask nobody: say what the cache holds, or what it lacks; HF_HUB_OFFLINE=1 does the same" };

    public Option<string> From { get; } =
        new("--from")
        {
            Description = "where from: hf, modelscope, or another kind of source that the catalogue names",
            HelpName = "SOURCE",
        };

    public Option<string> Revision { get; } = new("--revision") { Description = "branch, tag or commit", HelpName = "REV" };

    public Option<string[]> Include { get; } =
        new("--include")
        {
            Description = "take only files that fit one of these patterns",
            HelpName = "GLOB",
            AllowMultipleArgumentsPerToken = true,
        };

    public Option<string[]> Exclude { get; } =
        new("--exclude")
        {
            Description = "leave out files that fit one of these patterns",
            HelpName = "GLOB",
            AllowMultipleArgumentsPerToken = true,
        };

    public Option<bool> Verify { get; } =
        new("--verify") { Description = "check what is there already byte by byte, and load anew what is damaged" };

    public Option<string> Catalogue { get; } =
        new("--catalogue")
        {
            Description = "YAML file with more sets; ~/.config/inkstone/catalogue.yaml is always read",
            HelpName = "FILE",
        };

    public IReadOnlyList<Symbol> All => [Mirror, Offline, From, Revision, Include, Exclude, Verify, Catalogue];

    /// <summary>Fetches a repository from one of the two hubs.</summary>
    public FetchResult Repository(
        CommandContext call,
        RepositoryKind kind,
        string id,
        bool fromModelScope,
        IReadOnlyList<string>? include,
        string? revision,
        double share
    )
    {
        HubSettings settings = fromModelScope ? HubSettings.ModelScope() : HubSettings.HuggingFace();
        settings = settings with { Endpoint = call.Get(Mirror) ?? settings.Endpoint, Offline = settings.Offline || call.Get(Offline) };
        FetchRequest request = new(
            call.Get(Revision) ?? revision,
            call.Get(Include) is { Length: > 0 } own ? own : include,
            call.Get(Exclude),
            share,
            call.Get(Verify)
        );
        RepositoryId repository = new(kind, id);
        return Loading(
            call,
            id,
            progress =>
                fromModelScope
                    ? new ModelScopeFetch(settings, repository, request, progress, Licence).Run(call.Cancelled)
                    : new HubFetch(settings, repository, request, progress, Licence).Run(call.Cancelled)
        );

        void Licence(string? licence) => call.Say($"licence of {id}: {licence ?? "its card names none"}");
    }

    /// <summary>Runs a fetch under this call's progress.</summary>
    public static FetchResult Loading(CommandContext call, string title, Func<Action<FetchProgress>, Task<FetchResult>> fetch) =>
        call.WithProgress(
            title,
            bar =>
                fetch(p =>
                        bar.Report(
                            (
                                p.Total > 0 ? (double)p.Done / p.Total : 0,
                                Format.Text($"{Format.Bytes(p.Done)}{(p.Total > 0 ? " of " + Format.Bytes(p.Total) : "")}, {p.Words}")
                            )
                        )
                    )
                    .GetAwaiter()
                    .GetResult()
        );

    /// <summary>The result of a verb that fetches.</summary>
    public static int Result(CommandContext call, FetchResult result, string name)
    {
        if (result.Note is { } note)
        {
            call.Warn(note);
        }
        JsonObject json = new()
        {
            ["name"] = name,
            ["path"] = result.Directory,
            ["commit"] = result.Commit,
            ["files"] = result.Files,
            ["bytes"] = result.Bytes,
            ["loaded_bytes"] = result.Loaded,
            ["licence"] = result.Licence,
            ["note"] = result.Note,
        };
        return call.Result(
            json,
            o =>
            {
                call.Say(
                    Format.Text(
                        $"{name}: {result.Files:N0} files, {Format.Bytes(result.Bytes)}; {(result.Loaded == 0 ? "nothing had to be loaded" : Format.Bytes(result.Loaded) + " loaded")}"
                    )
                );
                o.WriteLine(result.Directory);
            }
        );
    }

    /// <summary>What the program brings along, and what the user adds.</summary>
    public Catalogue Sets(CommandContext call)
    {
        Catalogue catalogue = new();
        string own = Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } config
                ? config
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
            "inkstone",
            "catalogue.yaml"
        );
        foreach (string? file in (string?[])[Training.Presets.Catalogue, File.Exists(own) ? own : null, call.Get(Catalogue)])
        {
            if (file is not null)
            {
                catalogue.Add(Training.YamlFile.Read(file), file);
            }
        }
        return catalogue;
    }

    /// <summary>Prints the menu.</summary>
    public static int Menu(CommandContext call, Catalogue catalogue, RepositoryKind kind)
    {
        List<(int Number, CatalogueEntry Entry)> sets =
        [
            .. catalogue.Entries.Select((e, i) => (i + 1, e)).Where(s => s.e.Repository == kind),
        ];
        JsonArray json =
        [
            .. sets.Select(
                JsonNode (s) =>
                    new JsonObject
                    {
                        ["number"] = s.Number,
                        ["name"] = s.Entry.Name,
                        ["about"] = s.Entry.About,
                        ["use"] = s.Entry.Use,
                        ["licence"] = s.Entry.Licence,
                        ["size"] = s.Entry.Size,
                        ["sources"] = new JsonArray([.. s.Entry.Sources.Select(x => new JsonObject { ["kind"] = x.Word, ["at"] = x.At })]),
                    }
            ),
        ];
        return call.Result(
            json,
            o =>
            {
                Table table = new Table().Border(TableBorder.Rounded);
                foreach (string title in (string[])["", "name", "for", "size", "licence", "from", "what it is"])
                {
                    table.AddColumn(title);
                }
                foreach ((int number, CatalogueEntry e) in sets)
                {
                    table.AddRow([
                        .. (
                            (string[])
                                [
                                    Format.Text($"{number}"),
                                    e.Name,
                                    e.Use,
                                    e.Size,
                                    e.Licence,
                                    string.Join(", ", e.Sources.Select(s => s.Word)),
                                    e.About,
                                ]
                        ).Select(Markup.Escape),
                    ]);
                }
                call.Page.Write(table);
                o.WriteLine(
                    $"fetch one by its name or number: ink {(kind == RepositoryKind.Model ? "model" : "data")} fetch {(sets.Count > 0 ? sets[0].Entry.Name : "NAME")}"
                );
            }
        );
    }
}
