namespace Inkstone.Data;

/// <summary>The kinds of task that are made of a record.</summary>
internal enum IeTask
{
    /// <summary>Fields from a text.</summary>
    IeExtraction,

    /// <summary>The same, with the form of the answer told in words.</summary>
    TextToJson,

    /// <summary>The same, with the answer held to JSON alone.</summary>
    FormatFollowing,

    /// <summary>An answer with a mistake that nobody names, to be mended by the text.</summary>
    SchemaRepair,
}

/// <summary>How well relations stand in their text.</summary>
internal enum IeTier
{
    /// <summary>Every head and tail is in the text, and number of relations and length are what one wishes.</summary>
    High,

    /// <summary>Most are.</summary>
    Medium,

    /// <summary>The others.</summary>
    Low,
}

/// <summary>Bounds, both within.</summary>
/// <param name="Least">smallest</param>
/// <param name="Most">largest</param>
public readonly record struct IeRange(int Least, int Most)
{
    internal bool Has(int value) => value >= Least && value <= Most;
}

/// <summary>What a tier asks for.</summary>
/// <param name="Match">share of the relations whose head and tail are in the text</param>
/// <param name="Ideals">how many of the two wishes, relations and length, are met</param>
public readonly record struct IeTierRule(double Match, int Ideals);

/// <summary>The steps of the way from InstructIE to conversations and their thresholds. The defaults are those of MicroLM's scripts 01 to
/// 06.</summary>
public sealed partial record IeRecipe
{
    /// <summary>Decides splits, samples, perturbations and the order of lines.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Files to make conversations of.</summary>
    public required IReadOnlyList<string> Train { get; init; }

    /// <summary>Files whose texts may not be learned.</summary>
    public IReadOnlyList<string> HeldOut { get; init; } = [];

    /// <summary>The file of the topics' fields.</summary>
    public required string SchemaFile { get; init; }

    /// <summary>normalise: other names of topics.</summary>
    public IReadOnlyDictionary<string, string> Topics { get; init; } = new Dictionary<string, string> { ["建筑结构"] = "建筑" };

    /// <summary>filter: number of relations.</summary>
    public IeRange Relations { get; init; } = new(1, 25);

    /// <summary>filter: characters of the text.</summary>
    public IeRange Input { get; init; } = new(15, 800);

    /// <summary>filter: most characters of the answer as JSON.</summary>
    public int Output { get; init; } = 2500;

    /// <summary>filter: most characters of a head or tail.</summary>
    public int HeadTail { get; init; } = 100;

    /// <summary>filter: percentile of its topic above which a record is too large in one respect; 100 keeps all.</summary>
    public double Percentile { get; init; } = 99;

    /// <summary>tier: number of relations that one wishes.</summary>
    public IeRange IdealRelations { get; init; } = new(2, 10);

    /// <summary>tier: characters that one wishes.</summary>
    public IeRange IdealInput { get; init; } = new(30, 400);

    /// <summary>tier: what is high.</summary>
    public IeTierRule High { get; init; } = new(1, 2);

    /// <summary>tier: what is medium.</summary>
    public IeTierRule Medium { get; init; } = new(0.8, 1);

    /// <summary>derive: fewest relations of an answer that is to be mended.</summary>
    public int RepairRelations { get; init; } = 3;

    /// <summary>sample: conversations in all.</summary>
    public int Total { get; init; } = 30_000;

    /// <summary>sample: share of the conversations, and of the source texts, that are held out.</summary>
    public double Valid { get; init; } = 0.05;

    /// <summary>sample: shares of the tasks, in the order of <see cref="IeTask"/>.</summary>
    public IReadOnlyList<double> Ratios { get; init; } = [0.5, 0.25, 0.15, 0.1];

    /// <summary>transcribe: the system message; empty for none.</summary>
    public string System { get; init; } = IeTexts.System;

    /// <summary>transcribe: number of prompts for the structured evaluation, from held-out texts.</summary>
    public int Prompts { get; init; } = 200;
}
