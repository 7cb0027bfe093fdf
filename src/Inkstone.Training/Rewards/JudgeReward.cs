using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

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

    private readonly HttpClient _client;
    private readonly string _name,
        _url,
        _model,
        _question,
        _reference;
    private readonly double _scale;
    private readonly int _parallel,
        _retries;
    private long _failed;
    private string _why = "";

    private JudgeReward(
        string name,
        string url,
        string model,
        string question,
        string reference,
        double scale,
        int parallel,
        int retries,
        double seconds,
        string? keyVariable
    )
    {
        (_name, _url, _model, _question, _reference, _scale, _parallel, _retries) = (
            name,
            url.TrimEnd('/') + "/chat/completions",
            model,
            question,
            reference,
            scale,
            parallel,
            retries
        );
        _client = new HttpClient { Timeout = TimeSpan.FromSeconds(seconds) };
        if (keyVariable is not null)
        {
            string key =
                Environment.GetEnvironmentVariable(keyVariable)
                ?? throw new InvalidDataException(
                    $"the reward {name} takes its key from the environment variable {keyVariable}, which is not set; set it"
                );
            _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

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
        string? key = s.Text("api_key_env");
        return _ => new JudgeReward(name, url, model, question, reference, scale, parallel, retries, seconds, key);
    }

    public double?[] Score(IReadOnlyList<JudgedAnswer> answers)
    {
        double?[] scores = new double?[answers.Count];
        Parallel.For(0, answers.Count, new ParallelOptions { MaxDegreeOfParallelism = _parallel }, i => scores[i] = Ask(answers[i]));
        return scores.Length > 0 && scores.All(s => s is null)
            ? throw new InvalidDataException(
                $"the judge at {_url} of the reward {_name} has judged none of {scores.Length} answers ({_why}); see to it, then go on with --resume"
            )
            : scores;
    }

    public void Dispose() => _client.Dispose();

    private double? Ask(JudgedAnswer answer)
    {
        string question = _question
            .Replace("{prompt}", answer.Prompt, StringComparison.Ordinal)
            .Replace("{reference}", answer.Wanted(_reference) ?? "", StringComparison.Ordinal)
            .Replace("{answer}", answer.Answer, StringComparison.Ordinal);
        string body = new JsonObject
        {
            ["model"] = _model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
            ["temperature"] = 0,
        }.ToJsonString();
        string why = "";
        for (int i = 0; i <= _retries; i++)
        {
            try
            {
                using HttpRequestMessage request = new(HttpMethod.Post, _url)
                {
                    Content = new StringContent(body, Encoding.UTF8, "application/json"),
                };
                using HttpResponseMessage response = _client.Send(request);
                using StreamReader reader = new(response.Content.ReadAsStream());
                string text = reader.ReadToEnd();
                if (response.IsSuccessStatusCode)
                {
                    string said = (string?)JsonNode.Parse(text)?["choices"]?[0]?["message"]?["content"] ?? "";
                    if (NumberEquals.Last(said) is { } number)
                    {
                        return number / _scale;
                    }
                    why = $"it said no number but {JsonValue.Create(said.Length > 60 ? said[..60] + "…" : said)!.ToJsonString()}";
                    break; // at temperature 0 it would say so again
                }
                why = $"it answers {(int)response.StatusCode}";
            }
            catch (Exception e)
                when (e is HttpRequestException or TaskCanceledException or JsonException or InvalidOperationException or IOException)
            {
                why =
                    e is TaskCanceledException ? "it takes longer than timeout_seconds"
                    : e is HttpRequestException ? "it cannot be reached"
                    : "its reply is none of the OpenAI API";
            }
        }
        Interlocked.Increment(ref _failed);
        Volatile.Write(ref _why, why);
        return null;
    }
}
