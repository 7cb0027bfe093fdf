using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Jinja;

namespace Inkstone.Verification;

/// <summary>
/// Plays runs of lm-evaluation-harness (tasks/, data/, runs/*.json, generations.json, errors.json) with the scripted model of their README:
/// every request, filtered answer,
/// score and standard error must be the one that is recorded.
/// </summary>
public sealed class EvaluationVerification(string directory)
{
    /// <summary>Sums may come in another order.</summary>
    private const double Digits = 1e-12;

    /// <summary>Metrics that sacrebleu computes elsewhere; runs with them are compared in requests and answers alone.</summary>
    private static readonly string[] Unscored = ["bleu", "chrf", "chrf++", "ter"];

    private static readonly string[] SummaryKeys =
    [
        "results",
        "groups",
        "group_subtasks",
        "versions",
        "n-shot",
        "higher_is_better",
        "n-samples",
    ];

    private static readonly string[] RequestKeys = ["filter", "arguments", "doc_hash", "prompt_hash", "target_hash", "target"];

    private static readonly Dictionary<string, string> PublishedData = new(StringComparer.Ordinal)
    {
        ["ceval/ceval-exam"] = "ceval",
        ["haonan-li/cmmlu"] = "cmmlu",
        ["allenai/ai2_arc"] = "arc",
        ["Rowan/hellaswag"] = "hellaswag",
        ["baber/piqa"] = "piqa",
        ["openai/gsm8k"] = "gsm8k",
        ["google/IFEval"] = "ifeval",
    };

    /// <summary>Whether a directory holds such runs.</summary>
    public static bool IsCase(string directory) =>
        Directory.Exists(Path.Combine(directory, "runs")) && Directory.Exists(Path.Combine(directory, "tasks"));

    /// <summary>Two checks for each run, its requests and its scores, and one for each task that has to be refused.</summary>
    public IReadOnlyList<VerificationCheck> Run()
    {
        List<VerificationCheck> checks = [];
        foreach (string file in Directory.EnumerateFiles(Path.Combine(directory, "runs"), "*.json").Order(StringComparer.Ordinal))
        {
            checks.AddRange(Played(Path.GetFileNameWithoutExtension(file), JsonNode.Parse(File.ReadAllBytes(file))!.AsObject()));
        }
        string errors = Path.Combine(directory, "errors.json");
        return File.Exists(errors)
            ? [.. checks, .. JsonNode.Parse(File.ReadAllBytes(errors))!.AsObject().Select(e => Refused(e.Key, e.Value!.AsObject()))]
            : checks;
    }

    private IEnumerable<VerificationCheck> Played(string name, JsonObject run)
    {
        string[] tasks = run["tasks"] is JsonArray several ? [.. several.Select(t => (string)t!)] : [(string)run["tasks"]!];
        JsonObject options = run["options"]!.AsObject();
        EvaluationRun evaluation = EvaluationRun.Prepare(tasks, Options(options));
        evaluation.Answer(new ScriptedModel(directory));
        bool unscored = run["results"]!
            .AsObject()
            .Any(r => r.Value!.AsObject().Any(m => Unscored.Any(u => m.Key.StartsWith(u + ",", StringComparison.Ordinal))));
        if (unscored)
        {
            yield return new VerificationCheck($"{name}: requests", DifferentRequests(run["samples"]!.AsObject(), evaluation.Requests), 0);
            yield break;
        }
        EvaluationResult result = evaluation.Score();
        JsonObject summary = Json(result.Summary);
        double worst = SummaryKeys.Max(key =>
            run[key] is { } expected ? JsonDifference.Worst(expected, summary[key])
            : summary.ContainsKey(key) && key == "groups" ? double.PositiveInfinity
            : 0
        );
        (double requests, double samples) = Compared(run["samples"]!.AsObject(), result.Samples);
        yield return new VerificationCheck($"{name}: requests", requests, 0);
        yield return new VerificationCheck($"{name}: scores", Math.Max(worst, samples), Digits);
    }

    /// <summary>Different texts, settings and hashes of requests, and the worst difference of answers and scores.</summary>
    private static (double Requests, double Scores) Compared(
        JsonObject expected,
        IReadOnlyDictionary<string, IReadOnlyList<DictValue>> samples
    )
    {
        double requests = 0,
            scores = 0;
        foreach ((string task, JsonNode? rows) in expected)
        {
            JsonObject[] right = [.. rows!.AsArray().Select(r => r!.AsObject())];
            JsonObject[] found = samples.TryGetValue(task, out IReadOnlyList<DictValue>? ours) ? [.. ours.Select(Json)] : [];
            requests += Math.Abs(right.Length - found.Length);
            // Documents that were asked for out of order are numbered wrongly in some versions: the same numbers in any order are right.
            requests += right.Select(r => (int)r["doc_id"]!).Order().SequenceEqual(found.Select(f => (int)f["doc_id"]!).Order()) ? 0 : 1;
            for (int i = 0; i < Math.Min(right.Length, found.Length); i++)
            {
                requests += RequestKeys.Count(key => JsonDifference.Worst(right[i][key], found[i][key]) > 0);
                scores = new[]
                {
                    JsonDifference.Worst(right[i]["resps"], found[i]["resps"]),
                    JsonDifference.Worst(right[i]["filtered_resps"], found[i]["filtered_resps"]),
                    scores,
                }.Max();
                foreach ((string metric, JsonNode? value) in right[i]["metrics"]!.AsObject())
                {
                    scores = Math.Max(scores, JsonDifference.Worst(value, found[i][metric]));
                }
                scores = right[i]["metrics"]!.AsObject().Count == found[i]["metrics"]!.AsArray().Count ? scores : double.PositiveInfinity;
            }
        }
        return (requests, scores);
    }

    private static double DifferentRequests(JsonObject expected, IReadOnlyList<Request> requests)
    {
        string[] right =
        [
            .. expected.SelectMany(t => t.Value!.AsArray()).SelectMany(s => s!["arguments"]!.AsArray()).Select(a => (string)a![0]!),
        ];
        string[] found = [.. requests.Select(r => r.Context)];
        return Math.Abs(right.Length - found.Length) + right.Zip(found).Count(p => p.First != p.Second);
    }

    /// <summary>A task that ends in an error elsewhere has to be refused, and one that does not has to have the same results.</summary>
    private VerificationCheck Refused(string name, JsonObject expected)
    {
        string[] tasks = name == "one_task_in_two_groups" ? ["grp_weighted", "grp_plain"] : ["bad_" + name];
        EvaluationOptions options = Options([]) with
        {
            NumFewshot =
                name is "too_many_shots" or "more_shots_than_rows" ? 1000
                : name.EndsWith("with_shots", StringComparison.Ordinal) ? 1
                : null,
            Limit = name == "limit_zero" ? 0 : null,
            BootstrapIterations = 0,
        };
        try
        {
            EvaluationRun evaluation = EvaluationRun.Prepare(tasks, options);
            evaluation.Answer(new ScriptedModel(directory));
            JsonObject found = Json(evaluation.Score().Summary);
            return new VerificationCheck(
                $"{name}: results",
                expected["results"] is { } results ? JsonDifference.Worst(results, found["results"]) : double.PositiveInfinity,
                Digits
            );
        }
        catch (Exception fault) when (fault is InvalidDataException or ArgumentException or TemplateException or IOException)
        {
            return new VerificationCheck($"{name}: refused", expected["raised"] is null ? double.PositiveInfinity : 0, 0);
        }
    }

    private EvaluationOptions Options(JsonObject options) =>
        new()
        {
            NumFewshot = (int?)options["num_fewshot"],
            FewshotSeed = (int?)options["fewshot_random_seed"] ?? 1234,
            Limit = (double?)options["limit"],
            Samples = options["samples"] is JsonObject samples
                ? samples.ToDictionary(s => s.Key, IReadOnlyList<int> (s) => [.. s.Value!.AsArray().Select(i => (int)i!)])
                : null,
            GenKwargs = options["gen_kwargs"] switch
            {
                JsonObject settings => (DictValue)JsonValues.FromJson((JsonNode)settings),
                JsonValue text => GenKwargs.Parse((string)text!),
                _ => null,
            },
            SystemInstruction = (string?)options["system_instruction"],
            Chat = (bool?)options["apply_chat_template"] == true ? ScriptedModel.Chat : null,
            FewshotAsMultiturn = (bool?)options["fewshot_as_multiturn"] ?? true,
            BootstrapIterations = (int?)options["bootstrap_iters"] ?? 100_000,
            PredictOnly = (bool?)options["predict_only"] ?? false,
            IncludePaths = [Path.Combine(directory, "tasks")],
            DataFiles = Published,
        };

    /// <summary>Rows in the form of published data sets lie in data/pub_NAME_SPLIT.jsonl.</summary>
    private string[]? Published(string path, string? config, string split)
    {
        if (!PublishedData.TryGetValue(path, out string? name))
        {
            return null;
        }
        string[] candidates =
        [
            $"pub_{name}_{split}.jsonl",
            $"pub_{name}_{(split == "validation" ? "val" : split)}.jsonl",
            $"pub_{name}.jsonl",
        ];
        string? found = candidates.Select(c => Path.Combine(directory, "data", c)).FirstOrDefault(File.Exists);
        // A run without shots has no file of rows for them.
        found ??=
            candidates
                .Take(1)
                .Select(c => Path.Combine(directory, "data", c.Replace(split, "test", StringComparison.Ordinal)))
                .FirstOrDefault(File.Exists)
            ?? Directory
                .EnumerateFiles(Path.Combine(directory, "data"), $"pub_{name}_*.jsonl")
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
        return found is null ? null : [found];
    }

    private static JsonObject Json(DictValue value) => JsonNode.Parse(JsonValues.Write(value))!.AsObject();

    /// <summary>The model of the README: log-likelihoods from a hash of the request, texts from a file.</summary>
    private sealed class ScriptedModel : IEvaluatedModel
    {
        private readonly JsonObject _texts;
        private readonly Dictionary<string, int> _asked = new(StringComparer.Ordinal);

        public ScriptedModel(string directory) =>
            _texts = JsonNode.Parse(File.ReadAllBytes(Path.Combine(directory, "generations.json")))!.AsObject();

        public static string Chat(IReadOnlyList<PromptMessage> messages, bool addGenerationPrompt)
        {
            string text = string.Concat(messages.Select(m => $"<|{m.Role}|>\n{m.Content}<|end|>\n"));
            return addGenerationPrompt ? text + "<|assistant|>\n" : text[..^"<|end|>\n".Length];
        }

        public IReadOnlyList<LogLikelihood> LogLikelihoods(
            IReadOnlyList<(string Context, string Continuation)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => [.. requests.Select(r => Score(r.Context, r.Continuation))];

        public IReadOnlyList<double> RollingLogLikelihoods(IReadOnlyList<string> texts, Action? answered, CancellationToken cancelled) =>
            [.. texts.Select(t => Score("", t).Value)];

        public IReadOnlyList<string> Generate(
            IReadOnlyList<(string Context, TextSettings Settings)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => [.. requests.Select(r => Text(r.Context, r.Settings.Until))];

        private string Text(string context, IReadOnlyList<string> until)
        {
            string key = Convert.ToHexStringLower(Sha256.Hash(Encoding.UTF8.GetBytes(context)));
            JsonArray texts =
                _texts[key]?.AsArray()
                ?? throw new InvalidDataException(
                    $"generations.json has no answer to the prompt that ends in '{context[Math.Max(0, context.Length - 60)..]}'; the prompt is not the recorded one."
                );
            int number = _asked.GetValueOrDefault(key);
            _asked[key] = number + 1;
            return until.Where(u => u.Length > 0).Aggregate((string)texts[number % texts.Count]!, (text, stop) => text.Split(stop)[0]);
        }

        private static LogLikelihood Score(string context, string continuation)
        {
            byte[] c = Encoding.UTF8.GetBytes(continuation);
            ulong hash = BinaryPrimitives.ReadUInt64BigEndian(Sha256.Hash([.. Encoding.UTF8.GetBytes(context), 0x1F, .. c]));
            return new LogLikelihood(-Math.Max(1, c.Length) * (1 + (double)(hash % 4096)) / 4096, hash / 4096 % 3 == 0);
        }
    }
}
