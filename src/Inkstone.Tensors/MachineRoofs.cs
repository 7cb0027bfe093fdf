namespace Inkstone.Tensors;

/// <summary>What one arithmetic unit does at best, in operations per second.</summary>
/// <param name="Type">fp32, bf16 or int8</param>
/// <param name="Instruction">what it was measured with</param>
/// <param name="OneThread">of one thread</param>
/// <param name="AllThreads">of all together</param>
/// <param name="OfFloat32">one thread over that of float32</param>
public sealed record UnitRoof(string Type, string Instruction, double OneThread, double AllThreads, double OfFloat32);

/// <summary>Which kernel products of one type run on, and why.</summary>
public sealed record KernelChoice(string Type, string Kernel, string Reason);

/// <summary>The speed limits of this machine, measured: its arithmetic units and its memory.</summary>
/// <param name="Threads">how many "all threads" are</param>
/// <param name="Units">those that this CPU has, float32 first</param>
/// <param name="ReadOneThread">bytes per second from main memory</param>
/// <param name="ReadAllThreads">bytes per second from main memory</param>
/// <param name="Choices">kernels in use</param>
public sealed record MachineRoofs(
    int Threads,
    IReadOnlyList<UnitRoof> Units,
    double ReadOneThread,
    double ReadAllThreads,
    IReadOnlyList<KernelChoice> Choices
)
{
    /// <summary>Measures all of them; takes about a second. The calling thread must be prepared like a worker
    /// (<see cref="CpuThread.Prepare"/>).</summary>
    public static MachineRoofs Measure(Device device)
    {
        List<UnitRoof> units = [];
        if (UnitProbe.Float32 is null || device.Isa < Isa.Avx512)
        {
            MicroKernel kernel = MicroKernel.Float32(device.Isa);
            units.Add(
                new UnitRoof(
                    "fp32",
                    kernel.Name,
                    Roofline.MeasureProducts(device, kernel, alone: true),
                    Roofline.MeasureProducts(device, kernel),
                    1
                )
            );
        }
        else
        {
            Add("fp32", UnitProbe.Float32);
            if (device.Isa >= Isa.Avx512Bf16)
            {
                Add("bf16", UnitProbe.BFloat16);
            }
            Add("int8", UnitProbe.Int8);
            if (device.Isa >= Isa.Amx)
            {
                Add("bf16", UnitProbe.TileBFloat16);
                Add("int8", UnitProbe.TileInt8);
            }
        }
        return new MachineRoofs(
            device.Workers.Count,
            units,
            Roofline.MeasureMemory(device, alone: true),
            Roofline.MeasureMemory(device),
            Choose(device.Isa, units)
        );

        void Add(string type, UnitProbe? probe)
        {
            if (probe is not null)
            {
                double alone = Roofline.MeasureUnit(device, probe, alone: true);
                units.Add(
                    new UnitRoof(
                        type,
                        probe.Instruction,
                        alone,
                        Roofline.MeasureUnit(device, probe, alone: false),
                        units.Count == 0 ? 1 : alone / units[0].OneThread
                    )
                );
            }
        }
    }

    private static KernelChoice[] Choose(Isa isa, List<UnitRoof> units)
    {
        MicroKernel float32 = MicroKernel.Float32(isa),
            bfloat16 = MicroKernel.BFloat16(isa);
        Int8Kernel int8 = Int8Kernel.Of(isa);
        string level = isa == CpuFeatures.Levels()[^1] ? "the best level of this CPU" : $"{CpuFeatures.CapVariable} allows no more";
        return
        [
            new("fp32", float32.Name, $"{isa}, {level}"),
            new(
                "bf16",
                bfloat16.Name,
                bfloat16.Layout switch
                {
                    PanelLayout.Tiles => $"AMX has {Times("TDPBF16PS")} the rate of fp32",
                    PanelLayout.Pairs => $"VDPBF16PS has {Times("VDPBF16PS")} the rate of fp32",
                    _ when isa < Isa.Avx512Bf16 => "no unit for bfloat16 at this level: numbers are multiplied in float32",
                    _ => $"VDPBF16PS has {Times("VDPBF16PS")} the rate of fp32, which is no gain: numbers are multiplied in float32",
                }
            ),
            new(
                "int8",
                int8.Name,
                int8 == PortableInt8.Kernel ? "no unit for products of bytes at this level"
                    : int8 == AmxInt8.Kernel ? $"AMX has {Times("TDPBUSD")} the rate of fp32"
                    : $"VPDPBUSD has {Times("VPDPBUSD")} the rate of fp32"
            ),
        ];

        string Times(string instruction) =>
            string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{units.FirstOrDefault(u => u.Instruction == instruction)?.OfFloat32 ?? UnitSpeed.BFloat16:0.0} ×"
            );
    }
}
