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
    private static readonly string[] Own = ["families", "compare", "out"];

    /// <summary>Reads the file of a comparison, all of it, with overrides such as ("train.tokens", "8M").</summary>
    /// <param name="path">the file</param>
    /// <param name="overrides">what every run of it gets</param>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static Shootout Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides)
    {
        RecipeSection root = RecipeFile.Load(path, overrides);
        root.Require(root.Present("model").Count == 0, "model", "has no place here; name the models below families");
        RecipeSection compare = root.Section("compare"),
            families = root.Section("families");
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
        root.Require(all.Count > 0, "families", "must name at least one family with its model");
        long active = compare.OptionalInteger("active_parameters", 1000, 1_000_000_000_000) ?? 5_000_000;
        long[] seeds =
        [
            .. compare
                .Texts("seeds")
                .Select(s =>
                    long.TryParse(s, out long seed) && seed >= 0
                        ? seed
                        : throw new InvalidDataException($"{path}: compare.seeds must be whole numbers, got '{s}'")
                ),
        ];
        // The rest is a recipe of pretraining, which each run reads again with its own model.
        _ = root.Text("tokenizer");
        DataSection data = DataSection.From(root.Section("data"), needsTrain: false);
        _ = OptimizerOptions.From(root.Section("optimizer"));
        _ = ScheduleOptions.From(root.Section("schedule"));
        _ = TrainOptions.From(root.Section("train", out RecipeSection train));
        _ = DeviceOptions.From(train);
        string place = root.RequiredText("out");
        root.Close();
        string recipe = RecipeFile.Load(path, []).Without(Own);
        return new Shootout(all, active, seeds.Length > 0 ? seeds : [1], recipe, data.Train.Count > 0, place);
    }
}
