using System.Text.Json;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What is compared in a task of CORE.</summary>
public enum CoreTaskKind
{
    /// <summary>One question, several answers: the answer with the lowest mean loss a token.</summary>
    MultipleChoice,

    /// <summary>Several beginnings, one end: the beginning behind which the end has the lowest mean loss a token.</summary>
    Schema,

    /// <summary>One text: whether each token of its end is the likeliest.</summary>
    LanguageModeling,
}

/// <summary>
/// A task of the bundle that CORE (arXiv:2406.11794) is published with: <c>core.yaml</c> names its tasks, <c>eval_data</c> holds their
/// items as lines of JSON, <c>eval_meta_data.csv</c> what guessing gets.
/// </summary>
/// <param name="Label">its name</param>
/// <param name="Kind">what is compared</param>
/// <param name="Shots">worked examples before each question</param>
/// <param name="Delimiter">between a question and its answer</param>
/// <param name="Chance">accuracy of guessing, 0 to 1</param>
/// <param name="Items">in the order in which nanochat shuffles them</param>
public sealed record CoreTask(string Label, CoreTaskKind Kind, int Shots, string Delimiter, double Chance, IReadOnlyList<JsonElement> Items)
{
    private const int ShuffleSeed = 1337;

    /// <summary>All tasks of a bundle.</summary>
    /// <param name="directory">the unpacked bundle</param>
    /// <param name="limit">the first of each task's items, as shuffled; null for all</param>
    /// <exception cref="InvalidDataException">A file is missing or is not what the bundle holds; the message names it.</exception>
    public static IReadOnlyList<CoreTask> ReadBundle(string directory, int? limit = null)
    {
        string list = Path.Combine(directory, "core.yaml");
        if (!File.Exists(list))
        {
            throw new InvalidDataException(
                $"{directory} has no core.yaml; give the unpacked bundle: core.yaml, eval_meta_data.csv and eval_data."
            );
        }
        if (YamlValues.ReadFile(list).Get("icl_tasks") is not SequenceValue tasks)
        {
            throw new InvalidDataException($"{list} has no list 'icl_tasks'.");
        }
        Dictionary<string, double> chances = Chances(Path.Combine(directory, "eval_meta_data.csv"));
        return [.. tasks.Elements.Select(task => Read(directory, list, task, chances, limit))];
    }

    private static CoreTask Read(string directory, string list, Value value, Dictionary<string, double> chances, int? limit)
    {
        DictValue task = value as DictValue ?? throw new InvalidDataException($"{list}: a task of 'icl_tasks' is no map.");
        string label = task.Text("label") ?? throw new InvalidDataException($"{list}: a task has no 'label'."),
            kind = Needed("icl_task_type"),
            uri = Needed("dataset_uri");
        string data = Path.GetFullPath(Path.Combine(directory, "eval_data")) + Path.DirectorySeparatorChar,
            file = Path.GetFullPath(Path.Combine(data, uri));
        if (!file.StartsWith(data, StringComparison.Ordinal) || !File.Exists(file))
        {
            throw new InvalidDataException($"{list}: the items of {label}, {uri}, are not in {data}.");
        }
        int shots =
            task.Get("num_fewshot") is SequenceValue { Elements: [var first, ..] } && PythonValues.Whole(first) is >= 0 and { } number
                ? number
                : throw new InvalidDataException($"{list}: {label} has no 'num_fewshot' such as [10].");
        List<JsonElement> items = Lines(file);
        new MersenneTwister(ShuffleSeed).Shuffle(items);
        return new CoreTask(
            label,
            kind switch
            {
                "multiple_choice" => CoreTaskKind.MultipleChoice,
                "schema" => CoreTaskKind.Schema,
                "language_modeling" => CoreTaskKind.LanguageModeling,
                _ => throw new InvalidDataException(
                    $"{list}: {label} is of the type '{kind}'; known are multiple_choice, schema and language_modeling."
                ),
            },
            shots,
            task.Text("continuation_delimiter") ?? " ",
            chances.TryGetValue(label, out double chance) && chance < 1
                ? chance
                : throw new InvalidDataException($"eval_meta_data.csv has no random baseline below 100 for {label}."),
            limit is { } most ? [.. items.Take(most)] : items
        );

        string Needed(string key) => task.Text(key) ?? throw new InvalidDataException($"{list}: {label} has no '{key}'.");
    }

    private static List<JsonElement> Lines(string file)
    {
        List<JsonElement> items = [];
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                items.Add(document.RootElement.Clone());
            }
            catch (JsonException fault)
            {
                throw new InvalidDataException($"{file}, line {number}: this is no JSON ({fault.Message})", fault);
            }
        }
        return items.Count > 0 ? items : throw new InvalidDataException($"{file} has no items.");
    }

    /// <summary>Percent in the file, shares here.</summary>
    private static Dictionary<string, double> Chances(string file)
    {
        const string Name = "Eval Task",
            Baseline = "Random baseline";
        if (!File.Exists(file))
        {
            throw new InvalidDataException($"{file} is missing; it holds what guessing gets in each task.");
        }
        Dataset table = CsvTable.Read(File.ReadAllText(file), ',');
        if (!table.Columns.Contains(Name) || !table.Columns.Contains(Baseline))
        {
            throw new InvalidDataException($"{file} has no columns '{Name}' and '{Baseline}'.");
        }
        Dictionary<string, double> chances = new(StringComparer.Ordinal);
        foreach (DictValue row in table.Rows)
        {
            if (PythonValues.Real(row.Get(Baseline)) is { } percent)
            {
                chances[row.Get(Name)!.Text] = 0.01 * percent;
            }
        }
        return chances;
    }
}
