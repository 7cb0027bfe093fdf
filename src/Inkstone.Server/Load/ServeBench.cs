using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Client;

namespace Inkstone.Server;

/// <summary>What a load test of a server does.</summary>
/// <param name="Url">a server with OpenAI's API</param>
public sealed record ServeBenchOptions(string Url)
{
    /// <summary>Sent as a bearer token.</summary>
    public string? Key { get; init; }

    /// <summary>Model to ask for; null: the first that the server has.</summary>
    public string? Model { get; init; }

    /// <summary>Whether prompts are conversations (chat/completions) or texts (completions).</summary>
    public bool Chat { get; init; } = true;

    /// <summary>Requests.</summary>
    public int Requests { get; init; } = 64;

    /// <summary>Most requests at once; with a rate 0 means as many as come.</summary>
    public int Concurrency { get; init; } = 16;

    /// <summary>Requests a second, at random times (Poisson); infinity: each as soon as one has ended (closed loop).</summary>
    public double Rate { get; init; } = double.PositiveInfinity;

    /// <summary>Rate at the end, where it grows or falls linearly; NaN: it does not.</summary>
    public double RampTo { get; init; } = double.NaN;

    /// <summary>Prompts, used in turns; null: made up ones of <see cref="PromptTokens"/> words.</summary>
    public IReadOnlyList<JsonNode>? Prompts { get; init; }

    /// <summary>Words of a made-up prompt, each about one token.</summary>
    public int PromptTokens { get; init; } = 128;

    /// <summary>Most tokens of an answer.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>Whether answers go on after end tokens, so that all are equally long (vLLM, llama.cpp and Inkstone know this).</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Temperature of the requests.</summary>
    public double Temperature { get; init; }

    /// <summary>Milliseconds that a good request keeps below, by ttft, tpot, itl or e2el.</summary>
    public IReadOnlyDictionary<string, double> Goodput { get; init; } = new Dictionary<string, double>();

    /// <summary>Requests before the measured ones.</summary>
    public int Warmup { get; init; } = 1;

    /// <summary>Of prompts and arrival times.</summary>
    public int Seed { get; init; }
}

/// <summary>Load on a server, measured from the streams: the figures of vLLM's benchmark by their names.</summary>
public static class ServeBench
{
    private static readonly string[] Words =
    [
        "the",
        "ink",
        "stone",
        "river",
        "and",
        "moon",
        "under",
        "a",
        "bright",
        "hill",
        "where",
        "old",
        "birds",
        "sing",
        "of",
        "rain",
        "in",
        "green",
        "spring",
        "light",
    ];

    /// <summary>Runs it.</summary>
    /// <param name="o">what to do</param>
    /// <param name="progress">told how many requests have ended</param>
    /// <param name="cancelled">ends it</param>
    /// <returns>vLLM's members</returns>
    /// <exception cref="IOException">The server cannot be reached.</exception>
    public static async Task<JsonObject> RunAsync(ServeBenchOptions o, Action<int> progress, CancellationToken cancelled)
    {
        using OpenAiClient client = LoadClient.Open(o.Url, o.Key);
        string model = o.Model ?? await client.ModelAsync(cancelled).ConfigureAwait(false);
        JsonObject[] bodies = [.. Enumerable.Range(0, o.Requests + o.Warmup).Select(i => BodyOf(o, model, i))];
        string path = o.Chat ? "chat/completions" : "completions";
        for (int i = 0; i < o.Warmup; i++)
        {
            Measured first = await client.MeasureAsync(path, bodies[o.Requests + i], cancelled).ConfigureAwait(false);
            if (!first.Ok)
            {
                throw new InvalidDataException($"{client.Api}/{path} answers with {first.Status}: {first.Error}");
            }
        }
        using SemaphoreSlim room = new(o.Concurrency > 0 ? o.Concurrency : int.MaxValue);
        ConcurrentQueue<Measured> results = [];
        Random random = new(o.Seed);
        long began = Stopwatch.GetTimestamp();
        double due = 0;
        List<Task> tasks = [];
        int peak = 0,
            now = 0;
        for (int i = 0; i < o.Requests; i++)
        {
            if (double.IsFinite(o.Rate))
            {
                double rate = double.IsNaN(o.RampTo) ? o.Rate : o.Rate + ((o.RampTo - o.Rate) * i / Math.Max(o.Requests - 1, 1));
                TimeSpan wait = TimeSpan.FromSeconds(due) - Stopwatch.GetElapsedTime(began);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, cancelled).ConfigureAwait(false);
                }
                due -= Math.Log(1 - random.NextDouble()) / rate;
            }
            await room.WaitAsync(cancelled).ConfigureAwait(false);
            JsonObject body = bodies[i];
            tasks.Add(
                Task.Run(
                    async () =>
                    {
                        int running = Interlocked.Increment(ref now);
                        peak = Math.Max(peak, running);
                        try
                        {
                            results.Enqueue(await client.MeasureAsync(path, body, cancelled).ConfigureAwait(false));
                        }
                        catch (Exception fault) when (fault is HttpRequestException or IOException)
                        {
                            results.Enqueue(new Measured { Error = fault.Message });
                        }
                        finally
                        {
                            Interlocked.Decrement(ref now);
                            room.Release();
                            progress(results.Count);
                        }
                    },
                    cancelled
                )
            );
        }
        await Task.WhenAll(tasks).ConfigureAwait(false);
        return Figures(o, model, [.. results], Stopwatch.GetElapsedTime(began).TotalSeconds, peak);
    }

    /// <summary>Prompts of a file: JSON lines with prompt, messages or conversations, or a text a line.</summary>
    /// <exception cref="InvalidDataException">A line is none.</exception>
    public static IReadOnlyList<JsonNode> ReadPrompts(string file)
    {
        List<JsonNode> prompts = [];
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            if (line.Trim().Length == 0)
            {
                continue;
            }
            if (!line.TrimStart().StartsWith('{'))
            {
                prompts.Add(line);
                continue;
            }
            JsonNode? node;
            try
            {
                node = JsonNode.Parse(line);
            }
            catch (JsonException fault)
            {
                throw new InvalidDataException($"{file}, line {number} is no JSON: {fault.Message}", fault);
            }
            prompts.Add(
                (
                    node!["prompt"]
                    ?? node["messages"]
                    ?? node["text"]
                    ?? node["conversations"]?[0]?["value"]
                    ?? throw new InvalidDataException($"{file}, line {number} has neither prompt nor messages")
                ).DeepClone()
            );
        }
        return prompts.Count > 0 ? prompts : throw new InvalidDataException($"{file} holds no prompt");
    }

    private static JsonObject BodyOf(ServeBenchOptions o, string model, int index)
    {
        JsonNode prompt = o.Prompts is { Count: > 0 } given ? given[index % given.Count].DeepClone() : MadeUp(o, index);
        JsonObject body = new()
        {
            ["model"] = model,
            ["max_tokens"] = o.MaxTokens,
            ["temperature"] = o.Temperature,
            ["stream_options"] = new JsonObject { ["include_usage"] = true },
        };
        if (o.Chat)
        {
            body["messages"] = prompt is JsonArray messages
                ? messages
                : new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt });
        }
        else
        {
            body["prompt"] =
                prompt is JsonValue ? prompt : throw new ArgumentException("--completions takes texts as prompts, not conversations");
        }
        if (o.IgnoreEos)
        {
            body["ignore_eos"] = true;
        }
        return body;
    }

    /// <summary>No two begin alike, so that no prompt is found in a cache.</summary>
    internal static string MadeUp(ServeBenchOptions o, int index)
    {
        Random random = new(o.Seed ^ (index * 7919));
        return $"{index}: "
            + string.Join(' ', Enumerable.Range(0, Math.Max(1, o.PromptTokens - 2)).Select(_ => Words[random.Next(Words.Length)]));
    }

    private static JsonObject Figures(ServeBenchOptions o, string model, Measured[] all, double seconds, int peak)
    {
        Measured[] done = [.. all.Where(m => m.Ok)];
        long input = done.Sum(m => (long)m.PromptTokens),
            output = done.Sum(m => (long)m.CompletionTokens);
        JsonObject json = new()
        {
            ["date"] = DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture),
            ["backend"] = o.Chat ? "openai-chat" : "openai",
            ["model_id"] = model,
            ["num_prompts"] = o.Requests,
            ["request_rate"] = double.IsFinite(o.Rate) ? o.Rate : "inf",
            ["burstiness"] = 1.0,
            ["max_concurrency"] = o.Concurrency > 0 ? o.Concurrency : null,
            ["max_concurrent_requests"] = peak,
            ["duration"] = seconds,
            ["completed"] = done.Length,
            ["failed"] = all.Length - done.Length,
            ["total_input_tokens"] = input,
            ["total_output_tokens"] = output,
            ["request_throughput"] = done.Length / seconds,
            ["request_goodput"] = o.Goodput.Count > 0 ? done.Count(m => IsGood(m, o.Goodput)) / seconds : null,
            ["output_throughput"] = output / seconds,
            ["total_token_throughput"] = (input + output) / seconds,
        };
        Add("ttft", done.Select(m => m.FirstSeconds));
        Add("tpot", done.Where(m => m.CompletionTokens > 1).Select(Tpot));
        Add("itl", done.SelectMany(m => m.Gaps));
        Add("e2el", done.Select(m => m.TotalSeconds));
        json["errors"] = new JsonArray([
            .. all.Where(m => !m.Ok)
                .Select(m => m.Error ?? "the stream ended without a finish_reason")
                .Distinct()
                .Take(10)
                .Select(e => (JsonNode)e),
        ]);
        return json;

        void Add(string name, IEnumerable<double> values)
        {
            double[] ms = [.. values.Select(v => 1e3 * v).Order()];
            double mean = ms.Length > 0 ? ms.Average() : 0;
            json[$"mean_{name}_ms"] = mean;
            json[$"median_{name}_ms"] = Percentile(ms, 50);
            json[$"std_{name}_ms"] = ms.Length > 0 ? Math.Sqrt(ms.Average(v => (v - mean) * (v - mean))) : 0;
            json[$"p99_{name}_ms"] = Percentile(ms, 99);
        }
    }

    private static double Tpot(Measured m) => (m.TotalSeconds - m.FirstSeconds) / (m.CompletionTokens - 1);

    private static bool IsGood(Measured m, IReadOnlyDictionary<string, double> limits) =>
        limits.All(limit =>
            limit.Key switch
            {
                "ttft" => 1e3 * m.FirstSeconds,
                "tpot" => m.CompletionTokens > 1 ? 1e3 * Tpot(m) : 0,
                "itl" => m.Gaps.Count > 0 ? 1e3 * m.Gaps.Average() : 0,
                "e2el" => 1e3 * m.TotalSeconds,
                _ => throw new ArgumentException($"--goodput knows ttft, tpot, itl and e2el, not '{limit.Key}'"),
            } <= limit.Value
        );

    /// <summary>With a straight line between neighbours, as numpy does.</summary>
    internal static double Percentile(double[] sorted, double percent)
    {
        if (sorted.Length == 0)
        {
            return 0;
        }
        double at = percent / 100 * (sorted.Length - 1);
        int low = (int)at;
        return low + 1 < sorted.Length ? sorted[low] + ((at - low) * (sorted[low + 1] - sorted[low])) : sorted[low];
    }
}
