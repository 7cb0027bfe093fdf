using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>A metric as a task uses it.</summary>
/// <param name="Name">the metric</param>
/// <param name="Options">its own settings</param>
/// <param name="Aggregation">how values of documents become one</param>
/// <param name="HigherIsBetter">true or false, as the task or the metric says</param>
internal sealed record MetricUse(string Name, DictValue Options, string Aggregation, Value HigherIsBetter)
{
    private static readonly Dictionary<string, (string Aggregation, bool Higher)> Known = new(StringComparer.Ordinal)
    {
        ["acc"] = ("mean", true),
        ["acc_norm"] = ("mean", true),
        ["acc_bytes"] = ("mean", true),
        ["acc_mutual_info"] = ("mean", true),
        ["exact_match"] = ("mean", true),
        ["brier_score"] = ("brier_score", false),
        ["f1"] = ("f1", true),
        ["mcc"] = ("matthews_corrcoef", true),
        ["perplexity"] = ("perplexity", false),
        ["likelihood"] = ("mean", true),
        ["word_perplexity"] = ("weighted_perplexity", false),
        ["byte_perplexity"] = ("weighted_perplexity", false),
        ["bits_per_byte"] = ("bits_per_byte", false),
        ["bleu"] = ("bleu", true),
        ["chrf"] = ("chrf", true),
        ["chrf++"] = ("chrf++", true),
        ["ter"] = ("ter", true),
        ["bypass"] = ("bypass", true),
    };

    private static readonly string[] OwnKeys = ["metric", "aggregation", "higher_is_better", "hf_evaluate"];

    public static MetricUse Bypass { get; } = new("bypass", new DictValue([]), "bypass", BoolValue.True);

    public static IReadOnlyList<MetricUse> Read(TaskConfig config)
    {
        if (config.Get("metric_list") is not ListValue list)
        {
            string[] names = config.OutputType switch
            {
                "loglikelihood" => ["perplexity", "acc"],
                "loglikelihood_rolling" => ["word_perplexity", "byte_perplexity", "bits_per_byte"],
                "multiple_choice" => ["acc", "acc_norm"],
                _ => ["exact_match"],
            };
            return
            [
                .. names.Select(n => new MetricUse(n, new DictValue([]), Known[n].Aggregation, BoolValue.FromBoolean(Known[n].Higher))),
            ];
        }
        return
        [
            .. list.Elements.Select(m =>
                Read(m as DictValue ?? throw new InvalidDataException($"{config.Place}: metric_list must hold maps with a metric."), config)
            ),
        ];
    }

    private static MetricUse Read(DictValue metric, TaskConfig config)
    {
        string name =
            metric.Text("metric") ?? throw new InvalidDataException($"{config.Place}: an entry of metric_list has no key metric.");
        bool own = YamlValues.FunctionName(config.Get("process_results")) is not null;
        if (!own && (!Known.ContainsKey(name) || metric.Get("hf_evaluate") is { IsTrue: true }))
        {
            throw new InvalidDataException($"{config.Place}: there is no metric '{name}'; there are {string.Join(", ", Known.Keys)}.");
        }
        string aggregation = metric.Get("aggregation") switch
        {
            StringValue text => Aggregations.Has(text.Content)
                ? text.Content
                : throw new InvalidDataException(
                    $"{config.Place}: there is no aggregation '{text.Content}'; there are {string.Join(", ", Aggregations.Names)}."
                ),
            { } function when YamlValues.FunctionName(function) is { } named => named,
            _ => Known.TryGetValue(name, out (string Aggregation, bool Higher) known) ? known.Aggregation : "mean",
        };
        if (name == "likelihood" && aggregation == "mean")
        {
            throw new InvalidDataException(
                $"{config.Place}: the metric likelihood gives a list for each document, of which no mean can be taken; take acc or brier_score."
            );
        }
        Value better =
            metric.Get("higher_is_better")
            ?? BoolValue.FromBoolean(!Known.TryGetValue(name, out (string Aggregation, bool Higher) usual) || usual.Higher);
        return new MetricUse(
            name,
            new DictValue(new OrderedDictionary<Value, Value>(metric.Entries.Where(e => !OwnKeys.Contains(e.Key.Text)))),
            aggregation,
            better
        );
    }
}
