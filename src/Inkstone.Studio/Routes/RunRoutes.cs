using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Reports;
using Inkstone.Server;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Studio;

/// <summary>What runs have written: the list of them, curves, samples, configurations, tables.</summary>
internal sealed class RunRoutes(StudioFolder folder)
{
    private const int MostSamples = 500,
        MostPoints = 5000;

    private readonly ConcurrentDictionary<string, MetricLog> _logs = new(StringComparer.Ordinal);

    /// <summary>GET /api/runs.</summary>
    public Task ListAsync(HttpContext http) =>
        Wire.SendAsync(
            http,
            new JsonObject
            {
                ["runs"] = Wire.Array(
                    folder
                        .Look()
                        .Runs.Select(
                            JsonNode (run) =>
                                new JsonObject
                                {
                                    ["name"] = run.Name,
                                    ["path"] = run.Path,
                                    ["curves"] = run.HasCurves,
                                    ["model"] = run.HasModel,
                                    ["tokenizer"] = run.HasTokenizer,
                                    ["samples"] = File.Exists(Path.Combine(run.Path, "samples.jsonl")),
                                }
                        )
                ),
            }
        );

    /// <summary>GET /api/metrics?run=NAME&amp;points=N&amp;from=STEP&amp;to=STEP: every curve, thinned; status 304 while nothing is new
    /// (ETag).</summary>
    public async Task MetricsAsync(HttpContext http)
    {
        StudioRun run = folder.Run(http.Request.Query["run"]);
        int points = (int)Number(http, "points", 600);
        if (points is < 2 or > MostPoints)
        {
            throw ApiException.Bad("points", $"points must be from 2 to {MostPoints}.");
        }
        (double from, double to) = (Number(http, "from", double.NegativeInfinity), Number(http, "to", double.PositiveInfinity));
        MetricLog log = _logs.GetOrAdd(run.Path, path => new MetricLog(path));
        string? known = http.Request.Headers.IfNoneMatch;
        (string version, byte[]? body) = log.Use(
            (columns, version) =>
            {
                string tag =
                    $"\"{version}-{points}-{from.ToString(CultureInfo.InvariantCulture)}-{to.ToString(CultureInfo.InvariantCulture)}\"";
                return (tag, tag == known ? null : Write(columns, points, from, to));
            }
        );
        http.Response.Headers.ETag = version;
        if (body is null)
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>GET /api/samples?run=NAME: the newest texts.</summary>
    public Task SamplesAsync(HttpContext http)
    {
        string file = Path.Combine(folder.Run(http.Request.Query["run"]).Path, "samples.jsonl");
        return Wire.SendAsync(
            http,
            new JsonObject
            {
                ["samples"] = Wire.Array(
                    File.Exists(file)
                        ? ReportRun
                            .ReadSamples(file)
                            .TakeLast(MostSamples)
                            .Select(
                                JsonNode (s) =>
                                    new JsonObject
                                    {
                                        ["step"] = s.Step,
                                        ["prompt"] = s.Prompt,
                                        ["text"] = s.Text,
                                    }
                            )
                        : []
                ),
            }
        );
    }

    /// <summary>GET /api/recipe?run=NAME: its configuration as text, and what it was computed on.</summary>
    public Task RecipeAsync(HttpContext http)
    {
        string path = folder.Run(http.Request.Query["run"]).Path;
        string? file = ((string[])["recipe.resolved.yaml", "config.json"])
            .Select(name => Path.Combine(path, name))
            .FirstOrDefault(File.Exists);
        return Wire.SendAsync(
            http,
            new JsonObject
            {
                ["recipe"] = file is null ? "" : File.ReadAllText(file),
                ["machines"] = new JsonArray([.. RunMachines.Read(path).Select(m => (JsonNode)m)]),
            }
        );
    }

    /// <summary>GET /api/tables: results of evaluations and counts of data, and the files that are none although they are called
    /// so.</summary>
    public Task TablesAsync(HttpContext http)
    {
        JsonArray tables = [],
            problems = [];
        foreach (string file in folder.Look().Tables)
        {
            try
            {
                if (ReportTable.Read(file) is { Rows.Count: > 0 } table)
                {
                    tables.Add((JsonNode)table.Json());
                }
            }
            catch (Exception fault) when (fault is InvalidDataException or IOException)
            {
                problems.Add((JsonNode)fault.Message);
            }
        }
        return Wire.SendAsync(http, new JsonObject { ["tables"] = tables, ["problems"] = problems });
    }

    private static double Number(HttpContext http, string name, double otherwise)
    {
        string? text = http.Request.Query[name];
        return string.IsNullOrEmpty(text) ? otherwise
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number
            : throw ApiException.Bad(name, $"{name} must be a number, it is '{text}'.");
    }

    private static byte[] Write(MetricColumns columns, int points, double from, double to)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("lines"u8, columns.Lines);
            json.WriteNumber("skipped"u8, columns.Skipped);
            json.WriteStartObject("series"u8);
            foreach (
                (string name, Curve curve) in columns
                    .Names.AsParallel()
                    .AsOrdered()
                    .Select(name => (name, columns.Thinned(name, points, from, to)))
            )
            {
                if (curve.Count == 0)
                {
                    continue;
                }
                json.WriteStartObject(name);
                json.WriteNumber("count"u8, curve.Count);
                json.WriteNumber("least"u8, curve.Least);
                json.WriteNumber("last"u8, curve.Last);
                json.WriteNumber("lastStep"u8, curve.LastStep);
                Array(json, "x", curve.X);
                Array(json, "y", curve.Y);
                Array(json, "low", curve.Low);
                Array(json, "high", curve.High);
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    /// <summary>Seven digits are more than a screen shows, and steps of a long run still differ.</summary>
    private static void Array(Utf8JsonWriter json, string name, double[]? numbers)
    {
        if (numbers is null)
        {
            return;
        }
        Span<byte> text = stackalloc byte[32];
        json.WriteStartArray(name);
        foreach (double number in numbers)
        {
            _ = number.TryFormat(
                text,
                out int length,
                number == Math.Floor(number) && Math.Abs(number) < 1e15 ? "F0" : "G7",
                CultureInfo.InvariantCulture
            );
            json.WriteRawValue(text[..length], skipInputValidation: true);
        }
        json.WriteEndArray();
    }
}
