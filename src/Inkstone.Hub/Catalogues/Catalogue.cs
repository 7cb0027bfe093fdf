using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Hub;

/// <summary>Sets that can be fetched by name. A file of the user's may add to what the program brings along, and replace it.</summary>
public sealed class Catalogue
{
    private static readonly string[] EntryKeys = ["about", "use", "licence", "size", "model", "sources"];
    private static readonly string[] SourceKeys =
    [
        "hf",
        "modelscope",
        "npm",
        "url",
        "file",
        "browser",
        "include",
        "revision",
        "hash",
        "hashes",
        "how",
    ];
    private readonly SortedDictionary<string, CatalogueEntry> _entries = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The sets by name.</summary>
    public IReadOnlyCollection<CatalogueEntry> Entries => _entries.Values;

    /// <summary>Adds the sets of a file; a name that is there already is replaced.</summary>
    /// <param name="sets">the file as JSON: names, each with about, use, licence, size, model (true for one) and sources</param>
    /// <param name="file">its path, for messages, and for paths that it names</param>
    /// <exception cref="InvalidDataException">A key is not known, or a value is no such thing.</exception>
    public void Add(JsonObject sets, string file)
    {
        foreach ((string name, JsonNode? node) in sets)
        {
            string place = $"{file}: {name}";
            JsonObject entry =
                node as JsonObject ?? throw new InvalidDataException($"{place} must have keys of its own: {string.Join(", ", EntryKeys)}");
            Refuse(entry, EntryKeys, place);
            JsonArray sources =
                entry["sources"] as JsonArray
                ?? throw new InvalidDataException($"{place}: sources is missing; list where it can be had, such as '- hf: ORG/NAME'");
            _entries[name] = new CatalogueEntry(
                name,
                IsModel(entry, place) ? RepositoryKind.Model : RepositoryKind.Dataset,
                Text(entry, "about", place) ?? "",
                Text(entry, "use", place) ?? "",
                Text(entry, "licence", place) ?? "not named",
                Text(entry, "size", place) ?? "",
                [
                    .. sources.Select(s =>
                        Source(
                            s as JsonObject ?? throw new InvalidDataException($"{place}: a source must be such as '- hf: ORG/NAME'"),
                            place,
                            file
                        )
                    ),
                ]
            );
        }
    }

    /// <summary>A set by its name, or by its number in the menu.</summary>
    public CatalogueEntry? Find(string name) =>
        _entries.TryGetValue(name, out CatalogueEntry? entry) ? entry
        : int.TryParse(name, out int number) && number >= 1 && number <= _entries.Count ? _entries.Values.ElementAt(number - 1)
        : null;

    private static CatalogueSource Source(JsonObject source, string place, string file)
    {
        Refuse(source, SourceKeys, place + ": a source");
        (string Word, SourceKind Kind)[] kinds =
        [
            ("hf", SourceKind.HuggingFace),
            ("modelscope", SourceKind.ModelScope),
            ("npm", SourceKind.Npm),
            ("url", SourceKind.Url),
            ("file", SourceKind.File),
            ("browser", SourceKind.Browser),
        ];
        (string Word, SourceKind Kind)[] named = [.. kinds.Where(k => source.ContainsKey(k.Word))];
        if (named.Length != 1)
        {
            throw new InvalidDataException($"{place}: a source names one of {string.Join(", ", kinds.Select(k => k.Word))}");
        }
        string at = Text(source, named[0].Word, place) ?? throw new InvalidDataException($"{place}: {named[0].Word} is empty");
        if (named[0].Kind == SourceKind.File)
        {
            at = Path.GetFullPath(at, Path.GetDirectoryName(Path.GetFullPath(file))!);
        }
        string[] include = source["include"] switch
        {
            null => [],
            JsonArray list =>
            [
                .. list.Select(p =>
                    (p as JsonValue)?.GetValueKind() == JsonValueKind.String
                        ? p!.GetValue<string>()
                        : throw new InvalidDataException($"{place}: include must be a list of patterns")
                ),
            ],
            JsonValue => [Text(source, "include", place)!],
            _ => throw new InvalidDataException($"{place}: include must be a list of patterns"),
        };
        return new CatalogueSource(
            named[0].Kind,
            at,
            include,
            Text(source, "revision", place),
            Text(source, "hash", place),
            Text(source, "hashes", place),
            Text(source, "how", place)
        );
    }

    private static bool IsModel(JsonObject entry, string place) =>
        entry["model"] switch
        {
            null => false,
            JsonValue value when value.GetValueKind() is JsonValueKind.True or JsonValueKind.False => value.GetValue<bool>(),
            _ => throw new InvalidDataException($"{place}: model must be true or false"),
        };

    private static string? Text(JsonObject entry, string key, string place) =>
        entry[key] switch
        {
            null => null,
            JsonValue value => value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString(),
            _ => throw new InvalidDataException($"{place}: {key} must be a text"),
        };

    private static void Refuse(JsonObject entry, string[] known, string place)
    {
        if (entry.Select(p => p.Key).FirstOrDefault(k => !known.Contains(k)) is { } odd)
        {
            throw new InvalidDataException($"{place} has a key '{odd}', which is not known: write {string.Join(", ", known)}");
        }
    }
}
