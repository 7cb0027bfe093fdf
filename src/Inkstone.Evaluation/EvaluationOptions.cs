using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What lm-evaluation-harness calls the arguments of simple_evaluate.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Worked examples before each question; null leaves it to the task, and a task that says 0 keeps 0.</summary>
    public int? NumFewshot { get; init; }

    /// <summary>Seed of the draw of examples.</summary>
    public int FewshotSeed { get; init; } = 1234;

    /// <summary>Documents of each task: a share below 1, else a number; null takes all.</summary>
    public double? Limit { get; init; }

    /// <summary>Numbers of documents by task, from 0; null takes all.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<int>>? Samples { get; init; }

    /// <summary>Settings of generation over those of the tasks.</summary>
    public DictValue? GenKwargs { get; init; }

    /// <summary>Stands before the tasks' descriptions.</summary>
    public string? SystemInstruction { get; init; }

    /// <summary>The model's chat template; null writes plain text.</summary>
    public ChatRenderer? Chat { get; init; }

    /// <summary>With a chat template, examples are turns of the conversation and not parts of one question.</summary>
    public bool FewshotAsMultiturn { get; init; } = true;

    /// <summary>Draws for standard errors that have no formula; 0 leaves out all standard errors.</summary>
    public int BootstrapIterations { get; init; } = 100_000;

    /// <summary>Adds CORE: the mean over tasks of (accuracy − chance) / (1 − chance).</summary>
    public bool Core { get; init; }

    /// <summary>Responses alone, no scores.</summary>
    public bool PredictOnly { get; init; }

    /// <summary>Never shows a document among its own examples, where lm-evaluation-harness may.</summary>
    public bool ExcludeOwnAnswers { get; init; }

    /// <summary>Directories of task files.</summary>
    public IReadOnlyList<string> IncludePaths { get; init; } = [];

    /// <summary>Directories that hold data sets under their names, looked into before the hub's cache.</summary>
    public IReadOnlyList<string> DataDirectories { get; init; } = [];

    /// <summary>The files of a data set's split, by its dataset_path, dataset_name and split, where they lie elsewhere; asked before all
    /// other places.</summary>
    public Func<string, string?, string, IReadOnlyList<string>?>? DataFiles { get; init; }

    /// <summary>Takes a sentence about what a user would call a mistake.</summary>
    public Action<string>? Warn { get; init; }
}
