using System.Globalization;
using System.Text.RegularExpressions;
using Inkstone.Files;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>What a result file tells of the run beside its scores.</summary>
/// <param name="Model">the model's path</param>
/// <param name="Source">the kind of model: ink, or responses that were made elsewhere</param>
/// <param name="ChatTemplate">the chat template that was applied, or null</param>
/// <param name="Seconds">how long it took</param>
/// <param name="Started">when it began</param>
public sealed record RunDescription(string Model, string Source, string? ChatTemplate, double Seconds, DateTimeOffset Started)
{
    /// <summary>Texts and ids of the tokenizer's pad, end and begin token.</summary>
    public IReadOnlyList<(string Role, string Token, int Id)> Tokens { get; init; } = [];

    /// <summary>Most tokens that were fed; null where no model was asked.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Number of the model's parameters; null where no model was asked.</summary>
    public long? Parameters { get; init; }

    /// <summary>Type of the weights in memory.</summary>
    public string? Type { get; init; }
}

/// <summary>Result files as lm-evaluation-harness leaves them: results_DATE.json and samples_TASK_DATE.jsonl in a directory of the model's
/// name.</summary>
public static partial class ResultFiles
{
    /// <summary>All that results_DATE.json holds.</summary>
    /// <param name="result">the scores</param>
    /// <param name="options">how it was run</param>
    /// <param name="run">by what</param>
    /// <param name="withSamples">count samples into task_hashes, which is done where they are kept</param>
    public static DictValue Whole(EvaluationResult result, EvaluationOptions options, RunDescription run, bool withSamples)
    {
        Value none = NoneValue.None;
        List<(string, Value)> config =
        [
            ("model", new StringValue(run.Source)),
            ("model_args", PythonValues.Dict(("pretrained", new StringValue(run.Model)))),
            .. run.Parameters is { } count ? new (string, Value)[] { ("model_num_parameters", PythonValues.Int(count)) } : [],
            .. run.Type is { } type ? new (string, Value)[] { ("model_dtype", new StringValue(type)) } : [],
            ("batch_size", PythonValues.Int(1)),
            ("batch_sizes", new ListValue([])),
            ("device", new StringValue("cpu")),
            ("use_cache", none),
            ("limit", options.Limit is { } limit ? new FloatValue(limit) : none),
            ("bootstrap_iters", PythonValues.Int(options.BootstrapIterations)),
            ("gen_kwargs", options.GenKwargs ?? none),
            ("random_seed", PythonValues.Int(0)),
            ("numpy_seed", PythonValues.Int(1234)),
            ("torch_seed", PythonValues.Int(1234)),
            ("fewshot_seed", PythonValues.Int(options.FewshotSeed)),
        ];
        List<(string, Value)> all =
        [
            .. result.Summary.Entries.Select(e => (e.Key.Text, e.Value)),
            ("config", PythonValues.Dict(config)),
            ("git_hash", none),
            ("date", new FloatValue(run.Started.ToUnixTimeMilliseconds() / 1000.0)),
            (
                "pretty_env_info",
                new StringValue(
                    $"{System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription}, {System.Runtime.InteropServices.RuntimeInformation.OSDescription}"
                )
            ),
            ("transformers_version", new StringValue("N/A")),
            ("lm_eval_version", new StringValue("0.4.13 (ink)")),
            ("upper_git_hash", none),
            .. run.Tokens.Select(t =>
                (
                    $"tokenizer_{t.Role}_token",
                    (Value)new ListValue([new StringValue(t.Token), new StringValue(t.Id.ToString(CultureInfo.InvariantCulture))])
                )
            ),
            .. run.MaxLength is { } length
                ? new (string, Value)[]
                {
                    (
                        "eot_token_id",
                        run.Tokens.FirstOrDefault(t => t.Role == "eos") is { Token: not null } eos ? PythonValues.Int(eos.Id) : none
                    ),
                    ("max_length", PythonValues.Int(length)),
                }
                : [],
            (
                "task_hashes",
                withSamples
                    ? PythonValues.Dict(result.Samples.Select(s => (s.Key, (Value)new StringValue(Hash(s.Value)))))
                    : PythonValues.Dict()
            ),
            ("model_source", new StringValue(run.Source)),
            ("model_name", new StringValue(run.Model)),
            ("model_name_sanitized", new StringValue(Sanitized(run.Model))),
            ("system_instruction", PythonValues.OrNone(options.SystemInstruction)),
            (
                "system_instruction_sha",
                PythonValues.OrNone(string.IsNullOrEmpty(options.SystemInstruction) ? null : Sha256.Hex(options.SystemInstruction))
            ),
            ("fewshot_as_multiturn", BoolValue.FromBoolean(options.Chat is not null && options.FewshotAsMultiturn)),
            ("chat_template", PythonValues.OrNone(run.ChatTemplate)),
            ("chat_template_sha", PythonValues.OrNone(run.ChatTemplate is null ? null : Sha256.Hex(run.ChatTemplate))),
            ("total_evaluation_time_seconds", new StringValue(new FloatValue(run.Seconds).Text)),
        ];
        return PythonValues.Dict(all);
    }

    /// <summary>Writes the files.</summary>
    /// <param name="path">a directory, in which one of the model's name is made; or a file whose name ends in .json, to whose stem the date
    /// is added</param>
    /// <param name="result">the scores</param>
    /// <param name="whole">what <see cref="Whole"/> gave</param>
    /// <param name="run">by what</param>
    /// <param name="withSamples">write the samples too</param>
    /// <returns>the written files</returns>
    public static IReadOnlyList<string> Write(string path, EvaluationResult result, DictValue whole, RunDescription run, bool withSamples)
    {
        string date = run.Started.LocalDateTime.ToString("yyyy-MM-ddTHH-mm-ss.ffffff", CultureInfo.InvariantCulture);
        bool named = path.EndsWith(".json", StringComparison.Ordinal);
        string directory = named ? Path.GetDirectoryName(Path.GetFullPath(path))! : Path.Combine(path, Sanitized(run.Model));
        List<string> files =
        [
            named
                ? Path.Combine(directory, $"{Path.GetFileNameWithoutExtension(path)}_{date}.json")
                : Path.Combine(directory, $"results_{date}.json"),
        ];
        AtomicFile.WriteText(files[0], JsonValues.Write(whole, indent: 2, ascii: false));
        foreach (
            (string task, IReadOnlyList<DictValue> samples) in withSamples
                ? result.Samples
                : new Dictionary<string, IReadOnlyList<DictValue>>()
        )
        {
            files.Add(Path.Combine(directory, $"samples_{task}_{date}.jsonl"));
            AtomicFile.WriteText(files[^1], string.Concat(samples.Select(s => SampleLine(s) + "\n")));
        }
        return files;
    }

    /// <summary>A sample as its line of a samples file: arguments by name, answers as texts.</summary>
    public static string SampleLine(DictValue sample)
    {
        OrderedDictionary<Value, Value> line = new(sample.Entries);
        line.SetValue("target", new StringValue(sample.Entries[new StringValue("target")].Text));
        line.SetValue(
            "arguments",
            PythonValues.Dict(
                ((SequenceValue)sample.Get("arguments")!).Elements.Select(
                    (a, i) =>
                        (
                            $"gen_args_{i.ToString(CultureInfo.InvariantCulture)}",
                            (Value)
                                PythonValues.Dict(
                                    ((SequenceValue)a).Elements.Select((v, j) => ($"arg_{j.ToString(CultureInfo.InvariantCulture)}", v))
                                )
                        )
                )
            )
        );
        line.SetValue("resps", Texts(sample.Get("resps")!));
        line.SetValue("filtered_resps", Texts(sample.Get("filtered_resps")!));
        return JsonValues.Write(new DictValue(line), ascii: false);
    }

    private static Value Texts(Value value) =>
        value is SequenceValue row ? new ListValue([.. row.Elements.Select(Texts)]) : new StringValue(value.Text);

    private static string Hash(IReadOnlyList<DictValue> samples) =>
        Sha256.Hex(string.Concat(samples.Select(s => s.Text("doc_hash") + s.Text("prompt_hash") + s.Text("target_hash"))));

    private static string Sanitized(string model) => Forbidden().Replace(model, "__");

    [GeneratedRegex("""["<>:/|\\?*\[\]]+""")]
    private static partial Regex Forbidden();
}
