using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Evaluation;

/// <summary>A share with its standard error: s/√n with s over n − 1.</summary>
/// <param name="Value">the share; NaN of nothing</param>
/// <param name="Error">its standard error; NaN below two</param>
/// <param name="Count">what it is a share of</param>
public readonly record struct Share(double Value, double Error, int Count)
{
    /// <summary>The mean of numbers.</summary>
    public static Share Measure(IEnumerable<double> numbers)
    {
        double[] all = [.. numbers.Where(n => !double.IsNaN(n))];
        double mean = all.Length == 0 ? double.NaN : all.Average();
        return new Share(
            mean,
            all.Length < 2 ? double.NaN : Math.Sqrt(all.Sum(n => (n - mean) * (n - mean)) / (all.Length - 1) / all.Length),
            all.Length
        );
    }

    /// <summary>How many of them hold.</summary>
    public static Share Measure(IEnumerable<bool> facts) => Measure(facts.Select(f => f ? 1.0 : 0));

    internal JsonObject Json() =>
        new()
        {
            ["value"] = Finite(Value),
            ["stderr"] = Finite(Error),
            ["n"] = Count,
        };

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 6) : null;
}

/// <summary>A model's scores over all prompts.</summary>
public sealed class StructuredTable
{
    private readonly IReadOnlyList<StructuredPrompt> _prompts;
    private readonly IReadOnlyList<StructuredAnswer> _answers;
    private readonly StructuredScore[] _scores;
    private readonly MicroLmScore[] _published;

    /// <summary>Scores answers.</summary>
    /// <param name="model">what tables call it</param>
    /// <param name="guided">whether answers were held to the schema</param>
    /// <param name="prompts">what was asked</param>
    /// <param name="answers">the answers, in the prompts' order</param>
    /// <param name="aliases">other names of fields</param>
    public StructuredTable(
        string model,
        bool guided,
        IReadOnlyList<StructuredPrompt> prompts,
        IReadOnlyList<StructuredAnswer> answers,
        FieldAliases aliases
    )
    {
        (Model, Guided, _prompts, _answers) = (model, guided, prompts, answers);
        _scores = [.. prompts.Zip(answers, (p, a) => StructuredScore.Compute(p, a.Text, aliases))];
        _published = [.. prompts.Zip(answers, (p, a) => MicroLmRules.Score(p, a.Text))];
        StructuredScore[] parsed = [.. _scores.Where(s => s.Parses)];
        Shares = new OrderedDictionary<string, Share>
        {
            ["parse"] = Share.Measure(_scores.Select(s => s.Parses)),
            ["json_only"] = Share.Measure(_scores.Select(s => s.JsonOnly)),
            ["missing"] = Share.Measure(_scores.Select(s => s.Missing.Count > 0)),
            ["hallucination"] = Share.Measure(parsed.Select(s => s.Extra.Count > 0)),
            ["types"] = Share.Measure(parsed.Select(s => s.WrongTypes.Count == 0)),
            ["enums"] = Share.Measure(
                prompts.Zip(_scores).Where(p => p.First.Enums.Count > 0 && p.Second.Parses).Select(p => p.Second.WrongValues.Count == 0)
            ),
            ["strict"] = Share.Measure(_scores.Select(s => s.Strict)),
            ["missing_alias"] = Share.Measure(_scores.Select(s => s.MissingByAlias)),
            ["hallucination_alias"] = Share.Measure(parsed.Select(s => s.ExtraByAlias)),
            ["strict_alias"] = Share.Measure(_scores.Select(s => s.StrictByAlias)),
            ["value_match"] = Share.Measure(_scores.Select(s => s.ValueMatch)),
            ["cut"] = Share.Measure(answers.Where(a => a.End is not null).Select(a => a.End == "length")),
            ["latency_seconds"] = Share.Measure(answers.Select(a => a.Seconds ?? double.NaN)),
        };
    }

    /// <summary>What tables call it.</summary>
    public string Model { get; }

    /// <summary>Whether answers were held to the schema.</summary>
    public bool Guided { get; }

    /// <summary>Scores by name. hallucination, types and enums are shares of what parses, and enums of the prompts that have any; cut are
    /// answers that ended at the limit of tokens, of those whose end is known; the others are shares of all prompts.</summary>
    public IReadOnlyDictionary<string, Share> Shares { get; }

    /// <summary>Precision, recall and F1 of (field, value) pairs over all prompts.</summary>
    public (double Precision, double Recall, double F1) Pairs
    {
        get
        {
            (double told, double right, double both) = (
                _scores.Sum(s => s.Pairs.Told),
                _scores.Sum(s => s.Pairs.Right),
                _scores.Sum(s => s.Pairs.Both)
            );
            return (told > 0 ? both / told : 0, right > 0 ? both / right : 0, told + right > 0 ? 2 * both / (told + right) : 0);
        }
    }

    /// <summary>Answers in which our verdict and MicroLM's differ: the metric, and why.</summary>
    public IReadOnlyList<(string Id, string Metric, string Why)> Differences =>
        [.. _prompts.SelectMany((p, i) => StructuredDifference.Explain(_scores[i], _published[i]).Select(d => (p.Id, d.Metric, d.Why)))];

    /// <summary>As JSON, with the scores of every answer.</summary>
    public JsonObject Json() =>
        new()
        {
            ["model"] = Model,
            ["guided"] = Guided,
            ["metrics"] = new JsonObject([
                .. Shares.Select(s => KeyValuePair.Create(s.Key, (JsonNode?)s.Value.Json())),
                KeyValuePair.Create(
                    "pairs",
                    (JsonNode?)
                        new JsonObject
                        {
                            ["precision"] = Math.Round(Pairs.Precision, 6),
                            ["recall"] = Math.Round(Pairs.Recall, 6),
                            ["f1"] = Math.Round(Pairs.F1, 6),
                            ["n"] = _scores.Sum(s => s.Pairs.Right),
                        }
                ),
            ]),
            ["strict_by_group"] = Strict(p => p.Group),
            ["strict_by_prompt"] = _answers.All(a => a.Prompt is null)
                ? null
                : Strict(
                    (p, a) =>
                        a.Prompt is null ? "unknown"
                        : a.Prompt.Contains(IeTexts.List(p.Fields), StringComparison.Ordinal) ? "schema_shown"
                        : "schema_hidden"
                ),
            ["microlm_rules"] = MicroLm(),
            ["differences"] = new JsonArray([
                .. Differences
                    .GroupBy(d => (d.Metric, d.Why))
                    .Select(g =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["metric"] = g.Key.Metric,
                                ["why"] = g.Key.Why,
                                ["count"] = g.Count(),
                                ["ids"] = new JsonArray([.. g.Select(d => (JsonNode)d.Id)]),
                            }
                    ),
            ]),
            ["answers"] = new JsonArray([.. _prompts.Select((p, i) => (JsonNode)Answer(p, i))]),
        };

    /// <summary>MicroLM's summary, by its own names and roundings.</summary>
    private JsonObject MicroLm()
    {
        double n = _published.Length;
        return new JsonObject
        {
            ["total"] = _published.Length,
            ["parseable"] = _published.Count(s => s.Parses),
            ["parseable_rate"] = Rate(s => s.Parses),
            ["missing_fields_count"] = _published.Sum(s => s.Missing),
            ["missing_rate"] = Rate(s => s.Missing > 0),
            ["extra_fields_count"] = _published.Sum(s => s.Extra),
            ["hallucination_rate"] = Rate(s => s.Extra > 0),
            ["schema_strict_count"] = _published.Count(s => s.Strict),
            ["schema_strict_rate"] = Rate(s => s.Strict),
        };

        double Rate(Func<MicroLmScore, bool> holds) => Math.Round(_published.Count(holds) / n, 4);
    }

    private JsonObject Strict(Func<StructuredPrompt, string> group) => Strict((p, _) => group(p));

    private JsonObject Strict(Func<StructuredPrompt, StructuredAnswer, string> group) =>
        new(
            _prompts
                .Select((p, i) => (Group: group(p, _answers[i]), _scores[i].Strict))
                .GroupBy(s => s.Group)
                .Select(g => KeyValuePair.Create(g.Key, (JsonNode?)Share.Measure(g.Select(s => s.Strict)).Json()))
        );

    private JsonObject Answer(StructuredPrompt prompt, int i) =>
        new()
        {
            ["id"] = prompt.Id,
            ["output"] = _answers[i].Text,
            ["form"] = _scores[i].Form,
            ["parse"] = _scores[i].Parses,
            ["missing"] = List(_scores[i].Missing),
            ["extra"] = List(_scores[i].Extra),
            ["wrong_types"] = List(_scores[i].WrongTypes),
            ["wrong_values"] = List(_scores[i].WrongValues),
            ["strict"] = _scores[i].Strict,
            ["value_match"] = double.IsNaN(_scores[i].ValueMatch) ? null : Math.Round(_scores[i].ValueMatch, 4),
            ["seconds"] = _answers[i].Seconds,
            ["tokens"] = _answers[i].Tokens,
            ["end"] = _answers[i].End,
        };

    private static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)t)]);
}
