using System.Globalization;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>The data caches of this CPU: what blocks of a product are measured by.</summary>
/// <param name="Level1">bytes of a core's first data cache</param>
/// <param name="Level2">bytes of a core's second cache</param>
/// <param name="Level3">bytes of the third cache that this core shares with its neighbours; 0 where there is none</param>
/// <param name="Level3Sharers">how many of this machine's logical cores share it, at least 1</param>
/// <param name="Source">where the sizes come from</param>
public sealed record CacheSizes(int Level1, int Level2, long Level3, int Level3Sharers, string Source)
{
    private const int FirstExtendedLeaf = unchecked((int)0x80000000),
        ExtendedCacheLeaf = unchecked((int)0x8000001D),
        CacheLeaf = 4,
        OldLeaf1 = unchecked((int)0x80000005),
        OldLeaf2And3 = unchecked((int)0x80000006);

    /// <summary>What most CPUs of the last ten years have at least.</summary>
    internal static readonly CacheSizes Default = new(32 << 10, 512 << 10, 4 << 20, 1, "assumed");

    /// <summary>Read once, when first asked for.</summary>
    public static CacheSizes Current { get; } = Read();

    /// <summary>Asks one leaf of CPUID, cache by cache: 4 on Intel, 0x8000001D on AMD, which share one format.</summary>
    /// <param name="leaf">EAX, EBX and ECX of a subleaf</param>
    /// <param name="cores">logical cores of this machine: CPUID may count ones that a virtual machine does not have</param>
    /// <param name="source">name of the leaf</param>
    internal static CacheSizes? FromCpuId(Func<int, (int Eax, int Ebx, int Ecx)> leaf, int cores, string source)
    {
        const int Data = 1,
            Unified = 3;
        CacheSizes sizes = new(0, 0, 0, 1, source);
        for (int index = 0; index < 16; index++)
        {
            (int eax, int ebx, int ecx) = leaf(index);
            int type = eax & 31;
            if (type == 0)
            {
                break;
            }
            if (type is Data or Unified)
            {
                long ways = (uint)ebx >> 22,
                    partitions = (ebx >> 12) & 0x3ff,
                    line = ebx & 0xfff,
                    sets = (uint)ecx;
                sizes = sizes.With(
                    (eax >> 5) & 7,
                    (ways + 1) * (partitions + 1) * (line + 1) * (sets + 1),
                    Math.Min(cores, ((eax >> 14) & 0xfff) + 1)
                );
            }
        }
        return sizes.OrNull();
    }

    /// <summary>Reads what Linux tells about a core's caches: folders index0, index1, … with files level, type, size and
    /// shared_cpu_list.</summary>
    internal static CacheSizes? FromFolder(string folder)
    {
        CacheSizes sizes = new(0, 0, 0, 1, folder);
        try
        {
            foreach (string cache in Directory.EnumerateDirectories(folder, "index*"))
            {
                string Line(string name) => File.ReadAllText(Path.Combine(cache, name)).Trim();
                if (Line("type") is "Data" or "Unified")
                {
                    sizes = sizes.With(
                        int.Parse(Line("level"), CultureInfo.InvariantCulture),
                        Bytes(Line("size")),
                        Cores(Line("shared_cpu_list"))
                    );
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return null;
        }
        return sizes.OrNull();
    }

    /// <summary>AMD's older leaves, which some virtual machines leave in place when they hide the newer one.</summary>
    /// <param name="level1">ECX of 0x80000005: KiB from bit 24</param>
    /// <param name="level2">ECX of 0x80000006: KiB from bit 16</param>
    /// <param name="level3">EDX of 0x80000006: units of 512 KiB from bit 18, of the whole package</param>
    /// <param name="cores">logical cores of this machine</param>
    internal static CacheSizes? FromOldLeaves(int level1, int level2, int level3, int cores)
    {
        // A core reaches only the cache of its own complex, which these leaves do not tell; few have more than this.
        const long LargestComplex = 32 << 20;
        long package = ((uint)level3 >> 18) * (512L << 10);
        return new CacheSizes(
            ((level1 >> 24) & 0xff) << 10,
            (int)((uint)level2 >> 16) << 10,
            Math.Min(package, LargestComplex),
            cores,
            "CPUID leaves 0x80000005 and 0x80000006"
        ).OrNull();
    }

    private static CacheSizes Read()
    {
        int cores = Environment.ProcessorCount;
        CacheSizes? sizes = null;
        if (X86Base.IsSupported)
        {
            // CPUs without a leaf answer with another one's contents, so ask first how many there are.
            uint lastExtended = (uint)X86Base.CpuId(FirstExtendedLeaf, 0).Eax;
            sizes = (uint)X86Base.CpuId(0, 0).Eax >= CacheLeaf ? FromCpuId(i => Registers(CacheLeaf, i), cores, "CPUID leaf 4") : null;
            sizes ??=
                lastExtended >= unchecked((uint)ExtendedCacheLeaf)
                    ? FromCpuId(i => Registers(ExtendedCacheLeaf, i), cores, "CPUID leaf 0x8000001D")
                    : null;
            sizes ??=
                lastExtended >= unchecked((uint)OldLeaf2And3)
                    ? FromOldLeaves(
                        X86Base.CpuId(OldLeaf1, 0).Ecx,
                        X86Base.CpuId(OldLeaf2And3, 0).Ecx,
                        X86Base.CpuId(OldLeaf2And3, 0).Edx,
                        cores
                    )
                    : null;
        }
        return sizes ?? (OperatingSystem.IsLinux() ? FromFolder("/sys/devices/system/cpu/cpu0/cache") : null) ?? Default;
    }

    private static (int Eax, int Ebx, int Ecx) Registers(int leaf, int index)
    {
        (int eax, int ebx, int ecx, _) = X86Base.CpuId(leaf, index);
        return (eax, ebx, ecx);
    }

    private CacheSizes With(int level, long bytes, int sharers) =>
        level switch
        {
            1 => this with { Level1 = checked((int)bytes) },
            2 => this with { Level2 = checked((int)bytes) },
            3 => this with { Level3 = bytes, Level3Sharers = Math.Max(1, sharers) },
            _ => this,
        };

    /// <summary>Null unless the sizes are such as a CPU may have: some virtual machines tell nothing, or nonsense.</summary>
    private CacheSizes? OrNull() =>
        Level1 is >= 4 << 10 and <= 1 << 20 && Level2 >= Level1 && Level2 <= 256 << 20 && (Level3 == 0 || Level3 >= Level2) ? this : null;

    /// <summary>"48K", "2M" or a plain number.</summary>
    private static long Bytes(string text)
    {
        int shift = text[^1] switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            _ => 0,
        };
        return long.Parse(shift == 0 ? text : text[..^1], CultureInfo.InvariantCulture) << shift;
    }

    /// <summary>How many cores a list like "0-3,8" names.</summary>
    private static int Cores(string list) =>
        list.Split(',')
            .Select(part => Array.ConvertAll(part.Split('-'), n => int.Parse(n, CultureInfo.InvariantCulture)))
            .Sum(ends => ends[^1] - ends[0] + 1);
}
