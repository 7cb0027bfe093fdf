using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What a run was computed on: machine.jsonl of its directory, one line; another where a resumed run goes on elsewhere.</summary>
internal static class RunMachine
{
    public const string FileName = "machine.jsonl";

    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Adds this machine to the run's, unless it is the last of them already.</summary>
    /// <param name="directory">the run's</param>
    /// <param name="processes">how many compute it</param>
    public static void Record(string directory, int processes)
    {
        string path = Path.Combine(directory, FileName),
            line = new JsonObject
            {
                ["cpu"] = CpuFeatures.CpuName(),
                ["cores"] = Environment.ProcessorCount,
                ["memory_bytes"] = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                ["isa"] = CpuFeatures.Best().ToString().ToLowerInvariant(),
                ["os"] = RuntimeInformation.OSDescription,
                ["architecture"] = RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant(),
                ["runtime"] = RuntimeInformation.FrameworkDescription,
                ["version"] = Version,
                ["processes"] = processes,
            }.ToJsonString(Plain);
        string[] known = File.Exists(path) ? File.ReadAllLines(path) : [];
        if (known is not [.., var last] || last != line)
        {
            AtomicFile.WriteText(path, string.Concat(known.Append(line).Select(l => l + "\n")));
        }
        WrittenFiles.Read(directory).Add(FileName);
    }

    private static string Version =>
        typeof(RunMachine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
