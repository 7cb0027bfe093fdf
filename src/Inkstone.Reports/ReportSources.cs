namespace Inkstone.Reports;

/// <summary>What paths hold: runs, evaluations, counts of data. A directory that is no run is looked through two levels deep.</summary>
/// <param name="Runs">the runs, with names that tell them apart</param>
/// <param name="Tables">the tables</param>
public sealed record ReportSources(IReadOnlyList<ReportRun> Runs, IReadOnlyList<ReportTable> Tables)
{
    /// <summary>Reads paths.</summary>
    /// <param name="paths">directories of runs, of evaluations, of data, or files of these</param>
    /// <exception cref="FileNotFoundException">A path is not there.</exception>
    /// <exception cref="InvalidDataException">There is nothing to report in a path.</exception>
    public static ReportSources Read(IReadOnlyList<string> paths)
    {
        List<string> runs = [];
        List<ReportTable> tables = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string path in paths)
        {
            if (!File.Exists(path) && !Directory.Exists(path))
            {
                throw new FileNotFoundException($"there is no file or directory '{path}'; check the path");
            }
            int before = runs.Count + tables.Count;
            bool again = seen.Contains(Path.GetFullPath(path));
            Look(path, 2);
            if (runs.Count + tables.Count == before && !again)
            {
                throw new InvalidDataException(
                    $"{path} holds nothing to report: no run (metrics.jsonl or TensorBoard's event files), no evaluation (structured.json, results_*.json, eval_results.jsonl), no counts of data"
                );
            }
        }
        string[] names = Names(runs);
        return new ReportSources([.. runs.Select((r, i) => ReportRun.Read(r, names[i]))], tables);

        void Look(string path, int levels)
        {
            if (!seen.Add(Path.GetFullPath(path)))
            {
                return;
            }
            if (File.Exists(path))
            {
                if (ReportTable.Read(path) is { Rows.Count: > 0 } table)
                {
                    tables.Add(table);
                }
                return;
            }
            bool isRun = ReportRun.IsRun(path);
            if (isRun)
            {
                runs.Add(path);
            }
            foreach (
                string file in Directory
                    .EnumerateFiles(path)
                    .Where(f => f.EndsWith(".json", StringComparison.Ordinal) || f.EndsWith(".jsonl", StringComparison.Ordinal))
                    .Order(StringComparer.Ordinal)
            )
            {
                Look(file, 0);
            }
            if (levels == 0 || isRun)
            {
                return;
            }
            foreach (
                string directory in Directory
                    .EnumerateDirectories(path)
                    .Where(d => !Path.GetFileName(d).StartsWith('.'))
                    .Order(StringComparer.Ordinal)
            )
            {
                Look(directory, levels - 1);
            }
        }
    }

    /// <summary>Names of paths: their last parts, as many as tell them apart.</summary>
    /// <param name="paths">different paths</param>
    public static string[] Names(IReadOnlyList<string> paths)
    {
        string[][] parts =
        [
            .. paths.Select(p => Path.GetFullPath(p).Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries)),
        ];
        for (int count = 1; ; count++)
        {
            string[] names = [.. parts.Select(p => string.Join('/', p.TakeLast(count)))];
            if (names.Distinct().Count() == names.Length || count > parts.Max(p => p.Length))
            {
                return names;
            }
        }
    }
}
