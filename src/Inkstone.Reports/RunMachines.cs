using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Reports;

/// <summary>The machines that a run was computed on, as its machine.jsonl names them.</summary>
public static class RunMachines
{
    private const string FileName = "machine.jsonl";

    /// <summary>A sentence for each machine: CPU, cores, level, memory, processes, system, runtime, version of the program; none where
    /// the run has not written them down, and lines that are none are left out.</summary>
    /// <param name="directory">the run's</param>
    public static IReadOnlyList<string> Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        return File.Exists(path) ? [.. File.ReadLines(path).Select(Sentence).OfType<string>()] : [];
    }

    private static string? Sentence(string line)
    {
        try
        {
            JsonNode m = JsonNode.Parse(line)!;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{(string?)m["cpu"]}, {(int?)m["cores"]} cores, {(string?)m["isa"]}, {(double?)m["memory_bytes"] / (1L << 30):0.0} GiB{((int?)m["processes"] is > 1 and var n ? $", {n} processes" : "")}; {(string?)m["os"]}, {(string?)m["architecture"]}; {(string?)m["runtime"]}; ink {(string?)m["version"]}"
            );
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            return null;
        }
    }
}
