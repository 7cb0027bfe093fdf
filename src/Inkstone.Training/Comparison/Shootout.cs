using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Inkstone.Training;

/// <summary>A family that takes part in a comparison.</summary>
/// <param name="Name">what it is called there</param>
/// <param name="Model">its architecture before sizes are fitted</param>
/// <param name="Fit">keys of the config that grow or shrink together until the sizes are equal</param>
public sealed record ContestantOptions(string Name, ModelOptions Model, IReadOnlyList<string> Fit);

/// <summary>Families side by side at equal parameters and equal tokens: a pretraining recipe with <c>families</c> in the place of
/// <c>model</c>.</summary>
/// <param name="Families">who takes part</param>
/// <param name="ActiveParameters">parameters that work for a token, which all of them are to have</param>
/// <param name="Seeds">one run each</param>
/// <param name="Recipe">the recipe that all share, as YAML without model and out</param>
/// <param name="OwnData">whether it names token shards; else the small world is what is learned</param>
/// <param name="Out">directory of the comparison</param>
public sealed record Shootout(
    IReadOnlyList<ContestantOptions> Families,
    long ActiveParameters,
    IReadOnlyList<long> Seeds,
    string Recipe,
    bool OwnData,
    string Out
)
{
    private const string FamiliesKey = "families",
        CompareKey = "compare",
        OutKey = "out";

    private static readonly string[] Sections = [CompareKey, FamiliesKey, "tokenizer", "data", "optimizer", "schedule", "train", OutKey];

    /// <summary>Reads the file of a comparison.</summary>
    /// <param name="path">the file</param>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key. Keys of the
    /// recipe are looked at when the first run begins.</exception>
    public static Shootout Load(string path)
    {
        YamlMappingNode root = Root(path);
        if (root.Children.Keys.FirstOrDefault(k => !Sections.Contains(Key(k))) is { } unknown)
        {
            throw new InvalidDataException(
                Key(unknown) == "model"
                    ? $"{path}:{unknown.Start.Line}: model has no place here; name the models below {FamiliesKey}"
                    : $"{path}:{unknown.Start.Line}: there is no section '{Key(unknown)}'{Spelling.Suggestion(Key(unknown), Sections)}; there are {string.Join(", ", Sections)}"
            );
        }
        RecipeSection own = new(
            new YamlMappingNode(root.Children.Where(c => Key(c.Key) is FamiliesKey or CompareKey or OutKey)),
            path,
            new HashSet<string>()
        );
        RecipeSection compare = own.Section(CompareKey),
            families = own.Section(FamiliesKey);
        List<ContestantOptions> all = [];
        foreach (string name in families.Keys)
        {
            families.Require(
                name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'),
                name,
                "must be a name of letters, digits, _ and -: a directory is called so"
            );
            RecipeSection family = families.Section(name);
            all.Add(
                new ContestantOptions(
                    name,
                    ModelOptions.From(family),
                    family.Texts("fit") is { Count: > 0 } fit ? fit : ["intermediate_size"]
                )
            );
        }
        own.Require(all.Count > 0, FamiliesKey, "must name at least one family with its model");
        long active = compare.OptionalInteger("active_parameters", 1000, 1_000_000_000_000) ?? 5_000_000;
        long[] seeds =
        [
            .. compare
                .Texts("seeds")
                .Select(s =>
                    long.TryParse(s, out long seed) && seed >= 0
                        ? seed
                        : throw new InvalidDataException($"{path}: {CompareKey}.seeds must be whole numbers, got '{s}'")
                ),
        ];
        string place = own.RequiredText(OutKey);
        own.Close();
        YamlMappingNode recipe = new(root.Children.Where(c => Key(c.Key) is not (FamiliesKey or CompareKey or OutKey)));
        return new Shootout(all, active, seeds.Length > 0 ? seeds : [1], Text(recipe), HasData(recipe), place);
    }

    private static bool HasData(YamlMappingNode recipe) =>
        recipe.Children.FirstOrDefault(c => Key(c.Key) == "data").Value is YamlMappingNode data
        && data.Children.Keys.Any(k => Key(k) == "train");

    private static YamlMappingNode Root(string path)
    {
        YamlStream stream = [];
        try
        {
            using StreamReader reader = new(path);
            stream.Load(reader);
        }
        catch (YamlException e)
        {
            throw new InvalidDataException($"{path}:{e.Start.Line}: this is not valid YAML: {e.Message}", e);
        }
        return stream.Documents is [{ RootNode: YamlMappingNode root }]
            ? root
            : throw new InvalidDataException(
                $"{path}: a comparison is a list of sections such as '{FamiliesKey}:'; this file is something else"
            );
    }

    private static string Key(YamlNode node) => (node as YamlScalarNode)?.Value ?? "";

    private static string Text(YamlMappingNode node)
    {
        using StringWriter text = new();
        new YamlStream(new YamlDocument(node)).Save(text, assignAnchors: false);
        return text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
    }
}
