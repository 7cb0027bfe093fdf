using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A task's configuration, with lm-evaluation-harness's names, defaults and order of keys.</summary>
internal sealed class TaskConfig
{
    public static readonly string[] OutputTypes = ["loglikelihood", "multiple_choice", "loglikelihood_rolling", "generate_until"];

    private static readonly string[] Keys =
    [
        "task",
        "task_alias",
        "tag",
        "custom_dataset",
        "dataset_path",
        "dataset_name",
        "dataset_kwargs",
        "training_split",
        "validation_split",
        "test_split",
        "fewshot_split",
        "process_docs",
        "doc_to_text",
        "doc_to_target",
        "doc_to_image",
        "doc_to_audio",
        "unsafe_code",
        "doc_to_choice",
        "process_results",
        "use_prompt",
        "description",
        "target_delimiter",
        "fewshot_delimiter",
        "fewshot_config",
        "num_fewshot",
        "metric_list",
        "output_type",
        "generation_kwargs",
        "repeats",
        "filter_list",
        "should_decontaminate",
        "doc_to_decontamination_query",
        "gen_prefix",
        "metadata",
    ];

    private static readonly string[] ShotKeys =
    [
        "sampler",
        "split",
        "process_docs",
        "fewshot_indices",
        "samples",
        "doc_to_text",
        "doc_to_choice",
        "doc_to_target",
        "gen_prefix",
        "fewshot_delimiter",
        "target_delimiter",
    ];

    private readonly OrderedDictionary<Value, Value> _entries = [];

    /// <param name="file">the file's keys</param>
    /// <param name="place">where they stand, for complaints</param>
    /// <exception cref="InvalidDataException">A key is unknown, or needs Python.</exception>
    public TaskConfig(DictValue file, string place)
    {
        (Place, Name) = (
            place,
            file.Text("task") ?? throw new InvalidDataException($"{place}: the task has no name; give it the key task.")
        );
        foreach ((Value key, Value value) in file.Entries)
        {
            if (!Keys.Contains(key.Text))
            {
                throw new InvalidDataException(
                    $"{place}: the task has an unknown key '{key.Text}'; the nearest that there is: {Keys.MinBy(k => Math.Abs(k.Length - key.Text.Length) + (k.Zip(key.Text).Count(p => p.First != p.Second) * 2))}."
                );
            }
        }
        foreach (string key in Keys)
        {
            _entries.SetValue(
                key,
                file.Get(key)
                    ?? key switch
                    {
                        "unsafe_code" or "should_decontaminate" => BoolValue.False,
                        "description" => StringValue.Empty,
                        "target_delimiter" => new StringValue(" "),
                        "fewshot_delimiter" => new StringValue("\n\n"),
                        "output_type" => new StringValue("generate_until"),
                        "repeats" => PythonValues.Int(1),
                        _ => NoneValue.None,
                    }
            );
        }
        if (!OutputTypes.Contains(OutputType))
        {
            throw new InvalidDataException($"{place}: output_type '{OutputType}' is none of {string.Join(", ", OutputTypes)}.");
        }
        SetGeneration();
        _entries.SetValue("fewshot_config", ShotConfig(Get("fewshot_config") as DictValue));
        RefusePython();
    }

    public string Name { get; }

    /// <summary>Where the configuration stands, for complaints.</summary>
    public string Place { get; }

    public string OutputType => Text("output_type")!;

    public DictValue Shots => (DictValue)_entries[new StringValue("fewshot_config")];

    /// <summary>None where nothing says it.</summary>
    public int? NumFewshot
    {
        get => PythonValues.Whole(Get("num_fewshot"));
        set => _entries.SetValue("num_fewshot", PythonValues.Int(value ?? 0));
    }

    public int Repeats => PythonValues.Whole(Get("repeats")) ?? 1;

    /// <summary>A key's value; null where it is absent or None.</summary>
    public Value? Get(string key) => _entries.GetValueOrDefault(new StringValue(key)) is { } value and not NoneValue ? value : null;

    public string? Text(string key) => (Get(key) as StringValue)?.Content;

    public void Set(string key, Value value) => _entries.SetValue(key, value);

    /// <summary>Settings of --gen-kwargs over those of the task.</summary>
    public void UpdateGeneration(DictValue changes)
    {
        OrderedDictionary<Value, Value> merged = new(((DictValue)Get("generation_kwargs")!).Entries);
        foreach ((Value key, Value value) in changes.Entries)
        {
            merged[key] = value;
        }
        _entries.SetValue("generation_kwargs", new DictValue(merged));
    }

    /// <summary>The configuration as result files have it: without what is None.</summary>
    public DictValue ToValue() => new(new OrderedDictionary<Value, Value>(_entries.Where(e => e.Value is not NoneValue)));

    private void SetGeneration()
    {
        ListValue until = new([new StringValue(Text("fewshot_delimiter")!)]);
        if (Get("generation_kwargs") is DictValue given)
        {
            OrderedDictionary<Value, Value> settings = new(given.Entries);
            if (given.Get("temperature") is { } temperature)
            {
                settings.SetValue(
                    "temperature",
                    new FloatValue(
                        PythonValues.Real(temperature)
                            ?? throw new InvalidDataException(
                                $"{Place}: generation_kwargs has a temperature that is no number: {temperature.Repr}."
                            )
                    )
                );
            }
            if (!given.Has("until"))
            {
                settings.SetValue("until", until);
            }
            _entries.SetValue("generation_kwargs", new DictValue(settings));
        }
        else if (OutputType == "generate_until")
        {
            _entries.SetValue(
                "generation_kwargs",
                PythonValues.Dict(
                    ("temperature", new FloatValue(0)),
                    ("do_sample", BoolValue.False),
                    ("max_gen_toks", PythonValues.Int(256)),
                    ("until", until)
                )
            );
        }
    }

    private DictValue ShotConfig(DictValue? given)
    {
        foreach (Value key in given?.Entries.Keys ?? Enumerable.Empty<Value>())
        {
            if (!ShotKeys.Contains(key.Text))
            {
                throw new InvalidDataException(
                    $"{Place}: fewshot_config has an unknown key '{key.Text}'; there are {string.Join(", ", ShotKeys)}."
                );
            }
        }
        OrderedDictionary<Value, Value> shots = [];
        foreach (string key in ShotKeys)
        {
            Value inherited = key switch
            {
                "sampler" => new StringValue("default"),
                "split" => Get("fewshot_split") ?? NoneValue.None,
                "fewshot_indices" or "samples" => NoneValue.None,
                _ => Get(key) ?? NoneValue.None,
            };
            shots.SetValue(key, given is not null && given.Entries.TryGetValue(new StringValue(key), out Value? own) ? own : inherited);
        }
        return new DictValue(shots);
    }

    /// <summary>What is written in Python is refused by name, but for functions that are built in.</summary>
    private void RefusePython()
    {
        foreach ((Value key, Value value) in _entries)
        {
            string? function = Functions(value).FirstOrDefault(f => !BuiltInFunctions.Has(this, f));
            if (function is not null)
            {
                throw new InvalidDataException(
                    $"{Place}: the task '{Name}' needs Python ({key.Text}: !function {function}), which is not run here; write the rows as the function makes them, or take a task without it."
                );
            }
        }
        foreach (string key in (string[])["doc_to_image", "doc_to_audio", "use_prompt", "custom_dataset"])
        {
            if (Get(key) is not null)
            {
                throw new InvalidDataException($"{Place}: the task '{Name}' has the key {key}, which is not supported here.");
            }
        }
    }

    private static IEnumerable<string> Functions(Value value) =>
        value switch
        {
            DictValue dict => YamlValues.FunctionName(dict) is { } function ? [function] : dict.Entries.Values.SelectMany(Functions),
            SequenceValue row => row.Elements.SelectMany(Functions),
            _ => [],
        };
}
