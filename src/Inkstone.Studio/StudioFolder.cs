using System.Diagnostics;
using Inkstone.Reports;
using Inkstone.Server;

namespace Inkstone.Studio;

/// <summary>A directory that the page shows.</summary>
/// <param name="Name">its name on the page, by which it is asked for</param>
/// <param name="Path">where it lies</param>
/// <param name="HasCurves">whether it has logs</param>
/// <param name="HasModel">whether it has a model</param>
/// <param name="HasTokenizer">whether it has a tokenizer, its own or the model's</param>
internal sealed record StudioRun(string Name, string Path, bool HasCurves, bool HasModel, bool HasTokenizer);

/// <summary>What lies in the named directories. Requests name what was found and never a path, so nothing else can be reached.</summary>
internal sealed class StudioFolder(IReadOnlyList<string> roots, Func<string, bool> holdsModel)
{
    private const int Levels = 3,
        MostDirectories = 20_000;
    private const double FreshSeconds = 2,
        ShareOfTime = 0.05;
    private static readonly string[] Logs = ["metrics.jsonl", "samples.jsonl", "eval_results.jsonl", "structured.jsonl"],
        DataKinds = [".jsonl", ".txt", ".parquet", ".arrow", ".csv", ".gz", ".zst"];

    private readonly Lock _lock = new();
    private long _looked;
    private double _took;
    private Found _found = new([], [], []);

    /// <summary>What is there now.</summary>
    /// <param name="Runs">runs and models, with names that tell them apart</param>
    /// <param name="Tables">files that hold evaluations or counts of data</param>
    /// <param name="Data">files of texts or conversations by name</param>
    public sealed record Found(IReadOnlyList<StudioRun> Runs, IReadOnlyList<string> Tables, IReadOnlyList<(string Name, string Path)> Data);

    /// <summary>Looks again where the last look is older than two seconds, or than twenty times what it took.</summary>
    public Found Look()
    {
        lock (_lock)
        {
            if (_looked == 0 || Stopwatch.GetElapsedTime(_looked).TotalSeconds > Math.Max(FreshSeconds, _took / ShareOfTime))
            {
                long began = Stopwatch.GetTimestamp();
                _found = Search();
                (_looked, _took) = (Stopwatch.GetTimestamp(), Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
            return _found;
        }
    }

    /// <summary>The run that a request names.</summary>
    /// <exception cref="ApiException">404: there is none.</exception>
    public StudioRun Run(string? name) =>
        Look().Runs.FirstOrDefault(r => r.Name == name)
        ?? throw new ApiException(404, $"there is no run '{name}'; it may have been moved.");

    /// <summary>The data file that a request names.</summary>
    /// <exception cref="ApiException">404: there is none.</exception>
    public string DataFile(string name) =>
        Look().Data.FirstOrDefault(d => d.Name == name).Path
        ?? throw new ApiException(404, $"there is no file '{name}' of data; it may have been moved.");

    private Found Search()
    {
        List<(string Path, bool Curves, bool Model, bool Tokenizer)> runs = [];
        List<string> tables = [],
            data = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string root in roots)
        {
            Walk(root, 0);
        }
        string[] names = ReportSources.Names([.. runs.Select(r => r.Path)]),
            files = ReportSources.Names(data);
        return new Found(
            [.. runs.Select((r, i) => new StudioRun(names[i], r.Path, r.Curves, r.Model, r.Tokenizer))],
            tables,
            [.. data.Select((path, i) => (files[i], path))]
        );

        void Walk(string path, int level)
        {
            if (!Directory.Exists(path) || seen.Count >= MostDirectories || !seen.Add(Path.GetFullPath(path)))
            {
                return;
            }
            bool curves,
                model,
                within = false;
            try
            {
                curves = ReportRun.IsRun(path);
                model = holdsModel(path);
                foreach (string file in Directory.EnumerateFiles(path).Order(StringComparer.Ordinal))
                {
                    Sort(file);
                }
                bool tokenizer = model || File.Exists(Path.Combine(path, "tokenizer.json"));
                if (curves || tokenizer)
                {
                    runs.Add((path, curves, model, tokenizer));
                    within = curves || model; // its checkpoints are no runs of their own
                }
                if (level < Levels && !within)
                {
                    foreach (
                        string directory in Directory
                            .EnumerateDirectories(path)
                            .Where(d => !Path.GetFileName(d).StartsWith('.'))
                            .Order(StringComparer.Ordinal)
                    )
                    {
                        Walk(directory, level + 1);
                    }
                }
            }
            catch (Exception fault) when (fault is UnauthorizedAccessException or IOException or InvalidDataException)
            {
                // What may not be read, or has just been moved, is not shown.
            }
        }

        void Sort(string file)
        {
            string name = Path.GetFileName(file);
            if (
                name is "structured.json" or "eval_results.jsonl" or "report.json" or "mix.json" or "metadata.json"
                || (name.StartsWith("results_", StringComparison.Ordinal) && name.EndsWith(".json", StringComparison.Ordinal))
            )
            {
                tables.Add(file);
            }
            else if (DataKinds.Contains(Path.GetExtension(name)) && !Logs.Contains(name))
            {
                data.Add(file);
            }
        }
    }
}
