using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Server;

/// <summary>
/// How much sooner the second turn of a long conversation starts because the server kept what it computed for the first one. Beside each
/// second turn stands one of the same length whose beginning the server has never seen, which is what it costs without that.
/// </summary>
public static class SecondTurn
{
    /// <summary>Runs it: one conversation after the other, nothing beside it.</summary>
    /// <param name="o">where; <see cref="ServeBenchOptions.PromptTokens"/> is the length of the first message,
    /// <see cref="ServeBenchOptions.MaxTokens"/> that of answers, <see cref="ServeBenchOptions.Requests"/> the number of
    /// conversations</param>
    /// <param name="progress">told how many conversations have ended</param>
    /// <param name="cancelled">ends it</param>
    /// <returns>milliseconds to the first token, and the median of the ratios</returns>
    /// <exception cref="IOException">The server cannot be reached.</exception>
    /// <exception cref="InvalidDataException">It refuses a request.</exception>
    public static async Task<JsonObject> RunAsync(ServeBenchOptions o, Action<int> progress, CancellationToken cancelled)
    {
        using OpenAiClient client = LoadClient.Open(o.Url, o.Key);
        string model = o.Model ?? await client.ModelAsync(cancelled).ConfigureAwait(false);
        List<double> first = [],
            second = [],
            unseen = [];
        int tokens = 0;
        for (int i = -o.Warmup; i < o.Requests; i++)
        {
            string said = ServeBench.MadeUp(o, i + o.Warmup);
            Measured a = await AskAsync(User(said)).ConfigureAwait(false);
            JsonObject[] Then(string beginning) =>
                [User(beginning), new JsonObject { ["role"] = "assistant", ["content"] = a.Text.ToString() }, User("And what then?")];
            Measured b = await AskAsync(Then(said)).ConfigureAwait(false),
                c = await AskAsync(Then("Now " + said)).ConfigureAwait(false);
            if (i >= 0)
            {
                first.Add(1e3 * a.FirstSeconds);
                second.Add(1e3 * b.FirstSeconds);
                unseen.Add(1e3 * c.FirstSeconds);
                tokens = b.PromptTokens;
                progress(i + 1);
            }
        }
        return new JsonObject
        {
            ["model_id"] = model,
            ["conversations"] = o.Requests,
            ["prompt_tokens"] = tokens,
            ["median_first_turn_ttft_ms"] = Median(first),
            ["median_second_turn_ttft_ms"] = Median(second),
            ["median_unseen_second_turn_ttft_ms"] = Median(unseen),
            ["median_speedup"] = Median(unseen.Zip(second, (u, s) => u / s)),
            ["least_speedup"] = unseen.Zip(second, (u, s) => u / s).Min(),
        };

        async Task<Measured> AskAsync(params JsonObject[] messages)
        {
            JsonObject body = new()
            {
                ["model"] = model,
                ["max_tokens"] = o.MaxTokens,
                ["temperature"] = 0,
                ["stream_options"] = new JsonObject { ["include_usage"] = true },
                ["messages"] = new JsonArray([.. messages]),
                ["ignore_eos"] = true,
            };
            Measured m = await client.MeasureAsync("chat/completions", body, cancelled).ConfigureAwait(false);
            return m.Ok ? m : throw new InvalidDataException($"{client.Api}/chat/completions answers with {m.Status}: {m.Error}");
        }
    }

    private static JsonObject User(string text) => new() { ["role"] = "user", ["content"] = text };

    private static double Median(IEnumerable<double> values) => ServeBench.Percentile([.. values.Order()], 50);
}
