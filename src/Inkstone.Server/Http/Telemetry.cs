using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Inkstone.Inference;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Inkstone.Server;

/// <summary>Traces and metrics by the names of OpenTelemetry's conventions for generative AI, the same figures for Prometheus, and one log
/// line a request.</summary>
internal sealed partial class Telemetry : IDisposable
{
    public const string Name = "Inkstone.Server";

    private static readonly double[] Seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

    private readonly ILogger _logger;
    private readonly ActivitySource _traces = new(Name);
    private readonly Meter _meter = new(Name);
    private readonly Histogram<double> _firstMetric,
        _totalMetric;
    private readonly Histogram<long> _tokenMetric;
    private readonly Histogram _first = new(Seconds),
        _total = new(Seconds),
        _between = new([.. Seconds.Select(s => s / 10)]);
    private readonly Lock _lock = new();
    private readonly SortedDictionary<(string Path, int Status), long> _requests = [];
    private readonly SortedDictionary<string, long> _ends = new(StringComparer.Ordinal);

    public Telemetry(ILogger logger)
    {
        _logger = logger;
        _firstMetric = _meter.CreateHistogram<double>("gen_ai.server.time_to_first_token", "s");
        _totalMetric = _meter.CreateHistogram<double>("gen_ai.server.request.duration", "s");
        _tokenMetric = _meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}");
    }

    public Activity? Begin(HttpContext http, string model)
    {
        Activity? activity = _traces.StartActivity($"generate {model}", ActivityKind.Server);
        activity?.SetTag("gen_ai.request.model", model).SetTag("url.path", http.Request.Path.Value);
        return activity;
    }

    /// <summary>An answer has ended, or its client has gone.</summary>
    public void Ended(HttpContext http, Activity? activity, Usage usage, double first, double total, string end)
    {
        lock (_lock)
        {
            _ends[end] = _ends.GetValueOrDefault(end) + 1;
            if (first > 0)
            {
                _first.Add(first);
                _total.Add(total);
            }
            if (usage.Completion > 1)
            {
                _between.Add((total - first) / (usage.Completion - 1));
            }
        }
        _firstMetric.Record(first);
        _totalMetric.Record(total);
        _tokenMetric.Record(usage.Prompt, new KeyValuePair<string, object?>("gen_ai.token.type", "input"));
        _tokenMetric.Record(usage.Completion, new KeyValuePair<string, object?>("gen_ai.token.type", "output"));
        activity
            ?.SetTag("gen_ai.usage.input_tokens", usage.Prompt)
            .SetTag("gen_ai.usage.output_tokens", usage.Completion)
            .SetTag("gen_ai.response.finish_reasons", end)
            .Dispose();
        LogAnswer(http.TraceIdentifier, usage.Prompt, usage.Cached, usage.Completion, first, total, end);
    }

    /// <summary>A request has ended.</summary>
    /// <param name="http">the request</param>
    /// <param name="path">its route</param>
    /// <param name="seconds">how long it took</param>
    public void Request(HttpContext http, string path, double seconds)
    {
        (string method, int status) = (http.Request.Method, http.Response.StatusCode);
        // The span of ASP.NET Core itself has neither name nor tags unless somebody gives it some.
        if (http.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } span)
        {
            span.DisplayName = $"{method} {path}";
            span.SetTag("http.request.method", method)
                .SetTag("http.route", path)
                .SetTag("http.response.status_code", status)
                .SetTag("http.request.header.x-request-id", http.TraceIdentifier);
        }
        lock (_lock)
        {
            _requests[(path, status)] = _requests.GetValueOrDefault((path, status)) + 1;
        }
        LogRequest(http.TraceIdentifier, method, path, status, 1e3 * seconds);
    }

    public void Failed(Exception fault) => LogFault(fault);

    public void Prompt(string id, string text) => LogPrompt(id, text);

    /// <summary>All figures in Prometheus' text form.</summary>
    public string Prometheus(EngineStatistics engine)
    {
        StringBuilder text = new();
        Gauge("inkstone_requests_running", "texts that are being made", engine.Running);
        Gauge("inkstone_requests_waiting", "texts that wait", engine.Waiting);
        Gauge("inkstone_cache_tokens", "tokens that caches have room for", engine.CacheTokens);
        Gauge("inkstone_cache_tokens_used", "tokens that running texts hold", engine.CacheTokensUsed);
        Counter("inkstone_prompt_tokens_total", "tokens of all prompts", engine.PromptTokens);
        Counter("inkstone_prompt_tokens_cached_total", "tokens of prompts that had been computed before", engine.CachedTokens);
        Counter("inkstone_generated_tokens_total", "tokens of all texts", engine.GeneratedTokens);
        Counter("inkstone_preemptions_total", "texts that had to give up their memory for a while", engine.Preemptions);
        Counter("inkstone_guessed_tokens_total", "tokens that were guessed", engine.Guessed);
        Counter("inkstone_accepted_tokens_total", "guessed tokens that were right", engine.Accepted);
        Counter("inkstone_steps_total", "forward passes", engine.Steps);
        Gauge("inkstone_memory_bytes", "memory of the process", Environment.WorkingSet);
        Gauge("inkstone_step_memory_bytes", "memory that forward passes use again and again", engine.StepBytes);
        Gauge("inkstone_managed_memory_bytes", "memory of the runtime's heap", GC.GetTotalMemory(forceFullCollection: false));
        lock (_lock)
        {
            Head("inkstone_http_requests_total", "counter", "requests by path and status");
            foreach (((string path, int status), long count) in _requests)
            {
                text.Append(CultureInfo.InvariantCulture, $"inkstone_http_requests_total{{path=\"{path}\",status=\"{status}\"}} {count}\n");
            }
            Head("inkstone_answers_total", "counter", "answers by how they ended");
            foreach ((string end, long count) in _ends)
            {
                text.Append(CultureInfo.InvariantCulture, $"inkstone_answers_total{{finish_reason=\"{end}\"}} {count}\n");
            }
            _first.Write(text, "inkstone_time_to_first_token_seconds", "seconds until the first token");
            _total.Write(text, "inkstone_request_duration_seconds", "seconds until the last token");
            _between.Write(text, "inkstone_time_per_output_token_seconds", "seconds a token after the first");
        }
        return text.ToString();

        void Head(string name, string type, string help) =>
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

        void Gauge(string name, string help, long value)
        {
            Head(name, "gauge", help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
        }

        void Counter(string name, string help, long value)
        {
            Head(name, "counter", help);
            text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
        }
    }

    public void Dispose()
    {
        _traces.Dispose();
        _meter.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{RequestId} {Method} {Path} {Status} {Milliseconds:0.0} ms")]
    private partial void LogRequest(string requestId, string method, string path, int status, double milliseconds);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "{RequestId} prompt {PromptTokens} tokens, {CachedTokens} cached; answer {CompletionTokens} tokens; first {FirstSeconds:0.000} s, all {TotalSeconds:0.000} s; {FinishReason}"
    )]
    private partial void LogAnswer(
        string requestId,
        int promptTokens,
        int cachedTokens,
        int completionTokens,
        double firstSeconds,
        double totalSeconds,
        string finishReason
    );

    [LoggerMessage(Level = LogLevel.Error, Message = "a request failed")]
    private partial void LogFault(Exception fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "{RequestId} {Body}")]
    private partial void LogPrompt(string requestId, string body);

    /// <summary>Counts of values up to bounds.</summary>
    private sealed class Histogram(double[] bounds)
    {
        private readonly long[] _counts = new long[bounds.Length + 1];
        private double _sum;

        public void Add(double value)
        {
            int at = Array.FindIndex(bounds, b => value <= b);
            _counts[at < 0 ? bounds.Length : at]++;
            _sum += value;
        }

        public void Write(StringBuilder text, string name, string help)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} histogram\n");
            long below = 0;
            for (int i = 0; i <= bounds.Length; i++)
            {
                below += _counts[i];
                string bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{le=\"{bound}\"}} {below}\n");
            }
            text.Append(CultureInfo.InvariantCulture, $"{name}_sum {_sum}\n{name}_count {below}\n");
        }
    }
}
