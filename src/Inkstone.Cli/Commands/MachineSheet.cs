using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary><c>ink inspect --machine</c>: the CPU, its caches, the limits measured now, and the kernels that this program uses on
/// it.</summary>
internal static class MachineSheet
{
    public static FactSheet Create(Device device)
    {
        MachineRoofs roofs = MachineRoofs.Measure(device);
        CacheSizes caches = CacheSizes.Current;
        FactSheet sheet = new("machine", CpuFeatures.CpuName());
        sheet.Add("cores", Environment.ProcessorCount);
        sheet.Add("threads", roofs.Threads);
        sheet.Add("levels", string.Join(", ", CpuFeatures.Levels().Select(level => level.ToString().ToLowerInvariant())));
        sheet.Add("level", device.Isa.ToString().ToLowerInvariant());
        sheet.Add("l1d_bytes", caches.Level1);
        sheet.Add("l2_bytes", caches.Level2);
        sheet.Add("l3_bytes", caches.Level3);
        sheet.Add("l3_cores", caches.Level3Sharers);
        sheet.Add("caches_from", caches.Source);
        sheet.Add("read_gbytes_per_second", Rounded(roofs.ReadAllThreads));
        sheet.Add("read_gbytes_per_second_one_thread", Rounded(roofs.ReadOneThread));
        sheet.Table(
            "units",
            ["type", "instruction", "gops_one_thread", "gops_all_threads", "of_fp32"],
            roofs.Units.Select(u =>
                new[]
                {
                    u.Type,
                    u.Instruction,
                    Format.Text($"{u.OneThread / 1e9:0.0}"),
                    Format.Text($"{u.AllThreads / 1e9:0.0}"),
                    Format.Text($"{u.OfFloat32:0.00}"),
                }
            )
        );
        sheet.Table("kernels", ["type", "kernel", "reason"], roofs.Choices.Select(c => new[] { c.Type, c.Kernel, c.Reason }));
        return sheet;
    }

    private static double Rounded(double bytes) => Math.Round(bytes / 1e9, 1);
}
