using System.Globalization;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Whether this machine can carry a pipeline, asked before anything begins.</summary>
internal static class MachineCheck
{
    private const string Memory = "/proc/meminfo",
        Available = "MemAvailable:";

    /// <summary>Says what the machine has, and refuses what it has not.</summary>
    /// <exception cref="ArgumentException">Too little of something is free.</exception>
    public static void Run(CommandContext call, PipelineNeeds needs, string output)
    {
        string place = Path.GetFullPath(output);
        while (!Directory.Exists(place))
        {
            place = Path.GetDirectoryName(place)!;
        }
        long memory = FreeMemory(),
            disk = new DriveInfo(place).AvailableFreeSpace;
        int threads = call.Threads ?? Environment.ProcessorCount;
        call.Say(
            Format.Text(
                $"this machine: {CpuFeatures.CpuName()}, {threads} threads ({CpuFeatures.Best().ToString().ToLowerInvariant()}), {Format.Bytes(memory)} of memory free, {Format.Bytes(disk)} of disk free"
            )
        );
        Ask("memory", memory, needs.MemoryBytes, "end other programs, or name smaller sizes with --set");
        Ask("disk", disk, needs.DiskBytes, "free some, or name a directory on another disk with --out");
        if (threads > Environment.ProcessorCount)
        {
            call.Warn($"--threads {threads} on {Environment.ProcessorCount} cores: they will wait for each other");
        }
    }

    private static void Ask(string what, long free, long? needed, string mend)
    {
        if (free < needed)
        {
            throw new ArgumentException(
                Format.Text($"this pipeline needs {Format.Bytes(needed.Value)} of {what}, and {Format.Bytes(free)} are free: {mend}")
            );
        }
    }

    /// <summary>What can be had without swapping, within what a container allows.</summary>
    private static long FreeMemory()
    {
        long allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        string? line = File.Exists(Memory)
            ? File.ReadLines(Memory).FirstOrDefault(l => l.StartsWith(Available, StringComparison.Ordinal))
            : null;
        return line is null
            ? allowed
            : Math.Min(
                allowed,
                1024 * long.Parse(line.AsSpan(Available.Length, line.Length - Available.Length - 2).Trim(), CultureInfo.InvariantCulture)
            );
    }
}
