using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A task with its data: what it asks of each document, and what is right.</summary>
internal sealed class EvaluationTask
{
    private readonly Dictionary<string, Template> _templates = new(StringComparer.Ordinal);
    private readonly HashSet<string> _columns;

    public EvaluationTask(TaskConfig config, DatasetSource datasets, string? file)
    {
        Config = config;
        Metrics = MetricUse.Read(config);
        Pipelines = FilterPipeline.Read(config);
        DatasetOf = split => BuiltInFunctions.Process(config, "process_docs", datasets.Load(config, split, file));
        string split =
            config.Text("test_split")
            ?? config.Text("validation_split")
            ?? throw new InvalidDataException(
                $"{config.Place}: the task has neither test_split nor validation_split; name the split to evaluate."
            );
        Documents = DatasetOf(split);
        if (Documents.Rows.Count == 0)
        {
            throw new InvalidDataException($"{config.Place}: the split '{split}' has no rows.");
        }
        _columns = [.. Documents.Columns];
        Sampler = ShotSampler.For(this);
        LookAtFirst(Documents.Rows[0]);
    }

    public TaskConfig Config { get; }

    public string Name => Config.Name;

    public string Alias => Config.Text("task_alias") ?? Name;

    public Dataset Documents { get; }

    /// <summary>Another split of the same data.</summary>
    public Func<string, Dataset> DatasetOf { get; }

    public IReadOnlyList<MetricUse> Metrics { get; private set; }

    public IReadOnlyList<FilterPipeline> Pipelines { get; }

    public ShotSampler Sampler { get; }

    /// <summary>The choices are contexts, and what follows is the same for all, as in WinoGrande.</summary>
    public bool MultipleInput { get; private set; }

    /// <summary>Targets are lists, any of which is right. The first document decides.</summary>
    public bool MultipleTarget { get; private set; }

    public bool HasMetric(string name) => Metrics.Any(m => m.Name == name);

    /// <summary>Responses alone are wanted.</summary>
    public void PredictOnly()
    {
        Metrics = [MetricUse.Bypass];
        Config.Set("metric_list", new ListValue([PythonValues.Dict(("metric", new StringValue("bypass")))]));
        Config.Set("process_results", new StringValue("process_results"));
    }

    /// <summary>The question: a text, or the place of the right choice where choices are contexts.</summary>
    public Value Question(DictValue document, Value? rule = null)
    {
        rule ??= Config.Get("doc_to_text") ?? throw new InvalidDataException($"{Config.Place}: the task has no doc_to_text.");
        if (rule is not StringValue text)
        {
            return rule is IntValue ? rule : throw new InvalidDataException($"{Config.Place}: doc_to_text must be a text or a number.");
        }
        if (_columns.Contains(text.Content))
        {
            return document.Entries.GetValueOrDefault(text) ?? throw Missing(text.Content);
        }
        string rendered = Render(text.Content, document, "doc_to_text");
        return PythonValues.IsDigits(rendered) && Config.Get("doc_to_choice") is not null
            ? Literal(rendered, "doc_to_text")
            : new StringValue(rendered);
    }

    /// <summary>What is right: a text, the place of a choice, or a list of either.</summary>
    public Value Target(DictValue document, Value? rule = null)
    {
        rule ??= Config.Get("doc_to_target") ?? throw new InvalidDataException($"{Config.Place}: the task has no doc_to_target.");
        if (rule is not StringValue text)
        {
            return rule is IntValue or ListValue
                ? rule
                : throw new InvalidDataException($"{Config.Place}: doc_to_target must be a text, a number or a list.");
        }
        if (_columns.Contains(text.Content))
        {
            return document.Entries.GetValueOrDefault(text) ?? throw Missing(text.Content);
        }
        string rendered = Render(text.Content, document, "doc_to_target");
        return PythonValues.IsDigits(rendered) && Config.Get("doc_to_choice") is not null ? Literal(rendered, "doc_to_target")
            : rendered.Length >= 2 && rendered[0] == '[' && rendered[^1] == ']'
                ? PythonLiteral.TryRead(rendered) ?? new StringValue(rendered)
            : new StringValue(rendered);
    }

    /// <summary>The choices; null where the task has none.</summary>
    public IReadOnlyList<string>? Choices(DictValue document, Value? rule = null)
    {
        rule ??= Config.Get("doc_to_choice");
        Value? choices = rule switch
        {
            null => null,
            StringValue column when _columns.Contains(column.Content) => document.Entries.GetValueOrDefault(column),
            StringValue template => Literal(Render(template.Content, document, "doc_to_choice"), "doc_to_choice"),
            DictValue map => new ListValue([.. map.Entries.Values]),
            _ => rule,
        };
        return choices switch
        {
            null => null,
            SequenceValue row => [.. row.Elements.Select(c => c.Text)],
            _ => throw new InvalidDataException($"{Config.Place}: doc_to_choice gives {choices.Repr}, and it must give a list."),
        };
    }

    /// <summary>A template, or the column that it names, over a document; null where there is no rule.</summary>
    public string? Field(DictValue document, string? rule, string key) =>
        string.IsNullOrEmpty(rule) ? null
        : document.Entries.TryGetValue(new StringValue(rule), out Value? value) ? value.Text
        : Render(rule, document, key);

    /// <summary>A template over a document.</summary>
    public string Render(string source, DictValue document, string key)
    {
        if (!_templates.TryGetValue(source, out Template? template))
        {
            _templates[source] = template = Template.Parse(source, $"{Config.Place}: {key}", TaskTemplates.Options);
        }
        return template.Render(document.Entries.Select(e => KeyValuePair.Create(e.Key.Text, e.Value)));
    }

    private InvalidDataException Missing(string column) => new($"{Config.Place}: a document has no column '{column}'.");

    private Value Literal(string text, string key)
    {
        try
        {
            return PythonLiteral.Read(text);
        }
        catch (FormatException fault)
        {
            throw new InvalidDataException($"{Config.Place}: {key}: {fault.Message}.", fault);
        }
    }

    private void LookAtFirst(DictValue document)
    {
        Value question = Question(document),
            target = Target(document);
        IReadOnlyList<string>? choices = Choices(document);
        MultipleInput = choices is not null && PythonValues.Whole(question) is not null;
        MultipleTarget = target is SequenceValue;
        if (choices is null)
        {
            return;
        }
        if (!MultipleTarget && PythonValues.Whole(target) is { } place && (place >= choices.Count || place < -choices.Count))
        {
            throw new InvalidDataException(
                $"{Config.Place}: the first document's target is choice number {place}, and it has {choices.Count} choices; check doc_to_target."
            );
        }
        if (choices.Any(c => c.Length == 0))
        {
            throw new InvalidDataException(
                $"{Config.Place}: the first document has an empty choice, which cannot be scored; leave the row out."
            );
        }
    }
}
