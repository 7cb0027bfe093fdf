using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>The Python functions of well-known tasks that are written here anew: HellaSwag's rows, IFEval's checks.</summary>
internal static class BuiltInFunctions
{
    private const string HellaSwagData = "hellaswag",
        IfEvalData = "ifeval",
        InstructionMean = "utils.agg_inst_level_acc";

    /// <summary>Whether a function of a task file is known here.</summary>
    public static bool Has(TaskConfig config, string function) =>
        (Data(config), function) switch
        {
            (HellaSwagData, "utils.process_docs") => true,
            (IfEvalData, "utils.process_results" or InstructionMean) => true,
            _ => false,
        };

    /// <summary>Rows as a task's function makes them.</summary>
    public static Dataset Process(TaskConfig config, string key, Dataset data) =>
        YamlValues.FunctionName(config.Get(key)) is null ? data : Dataset.FromRows([.. data.Rows.Select(HellaSwag.Row)]);

    /// <summary>A document's scores where a task's own function makes them; else null.</summary>
    public static IReadOnlyList<(string, Value)>? Score(TaskConfig config, DictValue document, IReadOnlyList<Value> responses) =>
        YamlValues.FunctionName(config.Get("process_results")) is null ? null : IfEval.Score(document, responses[0].Text);

    /// <summary>The number that a function of a task makes of all documents' values; null where the name is no function's.</summary>
    public static Value? Aggregate(string function, IReadOnlyList<Value> values) =>
        function != InstructionMean
            ? null
            : new FloatValue(values.SelectMany(v => ((SequenceValue)v).Elements).Average(v => v.IsTrue ? 1.0 : 0));

    private static string? Data(TaskConfig config) => config.Text("dataset_path")?.Split('/')[^1].ToLowerInvariant();
}
