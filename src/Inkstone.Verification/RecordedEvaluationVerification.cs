using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Evaluation;
using Inkstone.Formats;
using Inkstone.Jinja;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Verification;

/// <summary>
/// Runs of lm-evaluation-harness on a real model (results.json, tasks/): requests, scores from the recorded answers, and where the model
/// lies in ../../models/NAME its own log-likelihoods.
/// </summary>
internal sealed class RecordedEvaluationVerification(string directory, Device device)
{
    private const double LogLikelihoods = 1e-3,
        Digits = 1e-12;

    /// <summary>Whether a directory holds such runs.</summary>
    public static bool IsCase(string directory) =>
        File.Exists(Path.Combine(directory, "results.json")) && Directory.Exists(Path.Combine(directory, "tasks"));

    /// <summary>Requests, scores and log-likelihoods of each run.</summary>
    public IReadOnlyList<VerificationCheck> Run()
    {
        JsonObject file = JsonNode.Parse(File.ReadAllBytes(Path.Combine(directory, "results.json")))!.AsObject();
        string models = Path.GetFullPath(Path.Combine(directory, "..", "..", "models"));
        string? weights = Directory.Exists(models)
            ? Directory
                .EnumerateFiles(models, "*.gguf", SearchOption.AllDirectories)
                .FirstOrDefault(f =>
                    ((string?)file["note"])?.Contains(Path.GetFileName(Path.GetDirectoryName(f)!), StringComparison.Ordinal) == true
                )
            : null;
        using CausalLm? model = weights is null ? null : Pretrained.Open(weights, device, DType.Float32, trained: false);
        LocalModel? local = model is null
            ? null
            : new LocalModel(model, AsTransformers(weights!), new LocalModelOptions((int)file["max_length"]!));
        return [.. file["runs"]!.AsObject().SelectMany(r => Played(r.Key, r.Value!.AsObject(), local))];
    }

    /// <summary>transformers, which made the numbers, leaves the rule for digits of a GGUF file's tokenizer out: "12" is one token there,
    /// and two in the model's own tokenizer.</summary>
    private static Tokenizer AsTransformers(string file)
    {
        using GgufFile gguf = GgufFile.Open(file);
        GgufTokenizer tokenizer = GgufTokenizer.Read(gguf.Metadata) ?? throw new InvalidDataException($"{file} holds no tokenizer.");
        JsonNode json = JsonNode.Parse(tokenizer.Json)!;
        if (
            json["pre_tokenizer"]?["pretokenizers"] is JsonArray steps
            && steps.FirstOrDefault(s => (string?)s!["type"] == "Digits") is { } digits
        )
        {
            _ = steps.Remove(digits);
        }
        return Tokenizer.FromJson(Encoding.UTF8.GetBytes(json.ToJsonString()), Encoding.UTF8.GetBytes(tokenizer.ConfigJson), file);
    }

    private IEnumerable<VerificationCheck> Played(string name, JsonObject run, LocalModel? model)
    {
        // A run is called TASK_Nshot.
        int last = name.LastIndexOf('_');
        EvaluationRun evaluation = EvaluationRun.Prepare(
            [name[..last]],
            new EvaluationOptions
            {
                NumFewshot = int.Parse(name[(last + 1)..].TrimEnd('s', 'h', 'o', 't'), System.Globalization.CultureInfo.InvariantCulture),
                IncludePaths = [Path.Combine(directory, "tasks")],
            }
        );
        JsonNode[] samples = [.. run["samples"]!.AsArray().Select(s => s!)];
        (string Context, string? Continuation)[] expected =
        [
            .. samples
                .SelectMany(s => s["arguments"]!.AsArray())
                .Select(a => ((string)a![0]!, a.AsArray().Count > 1 ? (string?)a[1] : null)),
        ];
        JsonNode[] answers = [.. samples.SelectMany(s => s["responses"]!.AsArray()).Select(a => a!)];
        yield return new VerificationCheck(
            $"{name}: requests",
            Math.Abs(expected.Length - evaluation.Requests.Count)
                + expected.Zip(evaluation.Requests).Count(p => p.First != (p.Second.Context, p.Second.Continuation)),
            0
        );
        if (model is not null)
        {
            yield return new VerificationCheck($"{name}: log-likelihoods", Worst(evaluation.Requests, answers, model), LogLikelihoods);
        }
        evaluation.Answer(new Recorded(answers));
        JsonNode results = JsonNode.Parse(
            JsonValues.Write(
                ((DictValue)evaluation.Score().Summary.Entries[new StringValue("results")]).Entries[new StringValue(name[..last])]
            )
        )!;
        yield return new VerificationCheck(
            $"{name}: scores",
            run["results"]!.AsObject().Max(m => JsonDifference.Worst(m.Value, results[m.Key])),
            Digits
        );
    }

    private static double Worst(IReadOnlyList<Request> requests, JsonNode[] answers, LocalModel model)
    {
        if (requests[0].Kind == RequestKind.Rolling)
        {
            return model
                .RollingLogLikelihoods([.. requests.Select(r => r.Context)])
                .Zip(answers)
                .Max(p => Math.Abs(p.First - Number(p.Second)));
        }
        IReadOnlyList<LogLikelihood> found = model.LogLikelihoods([.. requests.Select(r => (r.Context, r.Continuation!))]);
        return found
            .Zip(answers)
            .Max(p => p.First.IsGreedy == (bool)p.Second[1]! ? Math.Abs(p.First.Value - (double)p.Second[0]!) : double.PositiveInfinity);
    }

    private static double Number(JsonNode answer) => answer is JsonArray array ? (double)array[0]! : (double)answer;

    private sealed class Recorded(JsonNode[] answers) : IEvaluatedModel
    {
        public IReadOnlyList<LogLikelihood> LogLikelihoods(
            IReadOnlyList<(string Context, string Continuation)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => [.. answers.Select(a => new LogLikelihood((double)a[0]!, (bool)a[1]!))];

        public IReadOnlyList<double> RollingLogLikelihoods(IReadOnlyList<string> texts, Action? answered, CancellationToken cancelled) =>
            [.. answers.Select(Number)];

        public IReadOnlyList<string> Generate(
            IReadOnlyList<(string Context, TextSettings Settings)> requests,
            Action? answered,
            CancellationToken cancelled
        ) => [.. answers.Select(a => (string)a!)];
    }
}
