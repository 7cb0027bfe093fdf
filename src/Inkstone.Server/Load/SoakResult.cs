using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>What was seen of a server under long load.</summary>
public sealed class SoakResult
{
    /// <summary>Parts of the time by which memory and latency are compared: the second tenth, when all is warm, and the last.</summary>
    private const double WarmFrom = 0.1,
        WarmTo = 0.2,
        LastFrom = 0.9;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, (long All, long Wrong)> _kinds = new(StringComparer.Ordinal);
    private readonly List<string> _errors = [];
    private readonly List<(double At, double First, double Gap)> _latencies = [];
    private readonly List<(double At, long Bytes)> _memory = [];
    private long _structured,
        _valid,
        _cut;

    /// <summary>Requests so far.</summary>
    public long Requests { get; private set; }

    /// <summary>Requests that did not get what is right.</summary>
    public long Faults { get; private set; }

    /// <summary>Seconds that it took.</summary>
    public double Seconds { get; internal set; }

    internal int Streams { get; set; }

    internal long? Left { get; set; }

    internal long? CacheLeft { get; set; }

    /// <summary>Whether no status was wrong, every structured answer valid, and nothing was left behind.</summary>
    public bool Ok => Faults == 0 && _valid == _structured && Left is null or 0 && CacheLeft is null or 0;

    internal void Count(string kind, bool ok, string error)
    {
        lock (_lock)
        {
            (long all, long wrong) = _kinds.GetValueOrDefault(kind);
            _kinds[kind] = (all + 1, wrong + (ok ? 0 : 1));
            (Requests, Faults) = (Requests + 1, Faults + (ok ? 0 : 1));
            if (!ok && _errors.Count < 20)
            {
                _errors.Add($"{kind}: {(error.Length > 200 ? error[..200] + "…" : error)}");
            }
        }
    }

    /// <summary>Of an answer that was cut at the allowed number of tokens nothing can be said: null.</summary>
    internal void Structured(bool? valid)
    {
        lock (_lock)
        {
            (_structured, _valid, _cut) = (
                _structured + (valid is null ? 0 : 1),
                _valid + (valid == true ? 1 : 0),
                _cut + (valid is null ? 1 : 0)
            );
        }
    }

    internal void Latency(double at, double first, double gap)
    {
        lock (_lock)
        {
            _latencies.Add((at, first, gap));
        }
    }

    internal void Memory(double at, long bytes)
    {
        lock (_lock)
        {
            _memory.Add((at, bytes));
        }
    }

    /// <summary>All figures.</summary>
    public JsonObject Json()
    {
        lock (_lock)
        {
            JsonObject kinds = [];
            foreach ((string kind, (long all, long wrong)) in _kinds)
            {
                kinds[kind] = new JsonObject { ["requests"] = all, ["wrong"] = wrong };
            }
            return new JsonObject
            {
                ["ok"] = Ok,
                ["seconds"] = Math.Round(Seconds, 1),
                ["streams"] = Streams,
                ["requests"] = Requests,
                ["errors"] = Faults,
                ["kinds"] = kinds,
                ["structured"] = _structured,
                ["structured_cut"] = _cut,
                ["schema_valid_share"] = _structured > 0 ? (double)_valid / _structured : null,
                ["ttft_ms_early"] = Median(_latencies.Where(l => l.At is >= WarmFrom and < WarmTo).Select(l => 1e3 * l.First)),
                ["ttft_ms_late"] = Median(_latencies.Where(l => l.At >= LastFrom).Select(l => 1e3 * l.First)),
                ["itl_ms_early"] = Median(_latencies.Where(l => l.At is >= WarmFrom and < WarmTo).Select(l => 1e3 * l.Gap)),
                ["itl_ms_late"] = Median(_latencies.Where(l => l.At >= LastFrom).Select(l => 1e3 * l.Gap)),
                ["memory_bytes_early"] = Median(_memory.Where(m => m.At is >= WarmFrom and < WarmTo).Select(m => (double)m.Bytes)),
                ["memory_bytes_late"] = Median(_memory.Where(m => m.At >= LastFrom).Select(m => (double)m.Bytes)),
                ["requests_left_running"] = Left,
                ["cache_tokens_left"] = CacheLeft,
                ["first_errors"] = new JsonArray([.. _errors.Select(e => (JsonNode)e)]),
            };
        }
    }

    private static JsonNode? Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length > 0 ? Math.Round(ServeBench.Percentile(sorted, 50), 2) : null;
    }
}
