using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Training;

/// <summary>
/// A model behind an OpenAI URL says how good an answer is: the last number of its reply over <c>scale</c>. An answer for which the server
/// fails, times out or says no number gets nothing and is counted;
/// where that is so for all of them, the run ends.
/// </summary>
internal sealed class JudgeReward : IReward
{
    public const string Question =
        "Question:\n{prompt}\n\nAnswer:\n{answer}\n\nHow good is this answer? Reply with a number from 0 to 10 and nothing else.";

    private readonly OpenAiClient _client;
    private readonly string _name,
        _model,
        _question,
        _reference;
    private readonly double _scale;
    private readonly int _parallel;
    private long _failed;
    private string _why = "";

    private JudgeReward(string name, OpenAiClient client, string model, string question, string reference, double scale, int parallel) =>
        (_name, _client, _model, _question, _reference, _scale, _parallel) = (name, client, model, question, reference, scale, parallel);

    public long Failed => _failed;

    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string url = s.RequiredText("url"),
            model = s.Text("model", "default")!,
            question = s.Text("question", Question)!,
            reference = s.Text("field", "answer")!,
            name = s.Name;
        s.Require(
            url.Length == 0 || (Uri.TryCreate(url, UriKind.Absolute, out Uri? at) && at.Scheme is "http" or "https"),
            "url",
            "must be an address such as http://127.0.0.1:8080/v1"
        );
        s.Require(question.Contains("{answer}", StringComparison.Ordinal), "question", "must hold {answer} where the answer goes");
        double scale = s.Number("scale", 10, 1e-9, 1e9),
            seconds = s.Number("timeout_seconds", 60, 0.01, 1e5);
        int parallel = s.Integer("parallel", 4, 1, 1024),
            retries = s.Integer("retries", 2, 0, 100);
        string? variable = s.Text("api_key_env");
        return _ => new JudgeReward(
            name,
            new OpenAiClient(url, KeyOf(name, variable), retries + 1, TimeSpan.FromSeconds(seconds)),
            model,
            question,
            reference,
            scale,
            parallel
        );
    }

    public double?[] Score(IReadOnlyList<JudgedAnswer> answers)
    {
        double?[] scores = new double?[answers.Count];
        Parallel
            .ForAsync(
                0,
                answers.Count,
                new ParallelOptions { MaxDegreeOfParallelism = _parallel },
                async (i, stop) => scores[i] = await AskAsync(answers[i], stop).ConfigureAwait(false)
            )
            .GetAwaiter()
            .GetResult();
        return scores.Length > 0 && scores.All(s => s is null)
            ? throw new InvalidDataException(
                $"the judge at {_client.Api} of the reward {_name} has judged none of {scores.Length} answers ({_why}); see to it, then go on with --resume"
            )
            : scores;
    }

    public void Dispose() => _client.Dispose();

    private static string? KeyOf(string name, string? variable) =>
        variable is null
            ? null
            : Environment.GetEnvironmentVariable(variable)
                ?? throw new InvalidDataException(
                    $"the reward {name} takes its key from the environment variable {variable}, which is not set; set it"
                );

    private async Task<double?> AskAsync(JudgedAnswer answer, CancellationToken stop)
    {
        string question = _question
            .Replace("{prompt}", answer.Prompt, StringComparison.Ordinal)
            .Replace("{reference}", answer.Wanted(_reference) ?? "", StringComparison.Ordinal)
            .Replace("{answer}", answer.Answer, StringComparison.Ordinal);
        JsonObject body = new()
        {
            ["model"] = _model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
            ["temperature"] = 0,
        };
        string why;
        try
        {
            JsonNode reply = await _client.PostAsync("chat/completions", body, stop).ConfigureAwait(false);
            string said = (string?)reply["choices"]?[0]?["message"]?["content"] ?? "";
            if (NumberEquals.Last(said) is { } number)
            {
                return number / _scale;
            }
            why = $"it said no number but {JsonValue.Create(said.Length > 60 ? said[..60] + "…" : said)!.ToJsonString()}";
        }
        catch (Exception fault) when (fault is IOException or InvalidDataException)
        {
            why = fault.Message;
        }
        catch (Exception fault) when (fault is InvalidOperationException or FormatException or ArgumentOutOfRangeException)
        {
            why = "its reply is none of the OpenAI API";
        }
        Interlocked.Increment(ref _failed);
        Volatile.Write(ref _why, why);
        return null;
    }
}
