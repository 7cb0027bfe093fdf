using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>Instruction-set levels of the kernels, each including the ones before it.</summary>
public enum Isa
{
    /// <summary>128-bit vectors of the runtime (SSE, NEON) or scalar code.</summary>
    Portable,

    /// <summary>256-bit AVX2 and FMA.</summary>
    Avx2,

    /// <summary>512-bit AVX-512 F/BW/DQ/VL.</summary>
    Avx512,

    /// <summary>AVX512_BF16: VDPBF16PS, in kernels assembled at run time.</summary>
    Avx512Bf16,

    /// <summary>AMX tiles in bfloat16, in kernels assembled at run time.</summary>
    Amx,
}

/// <summary>What this CPU can do.</summary>
public static class CpuFeatures
{
    /// <summary>The name of the environment variable that caps the level.</summary>
    public const string CapVariable = "INK_ISA";

    /// <summary>Highest level this process may use: the CPU's, capped by <c>INK_ISA</c>.</summary>
    /// <exception cref="ArgumentException"><c>INK_ISA</c> holds no known level.</exception>
    public static Isa Best()
    {
        Isa best = Detect();
        string? cap = Environment.GetEnvironmentVariable(CapVariable);
        if (string.IsNullOrWhiteSpace(cap))
        {
            return best;
        }
        return Enum.TryParse(cap, ignoreCase: true, out Isa level) && Enum.IsDefined(level)
            ? (Isa)Math.Min((int)level, (int)best)
            : throw new ArgumentException(
                $"{CapVariable}={cap} is no instruction-set level: use portable, avx2, avx512, avx512bf16 or amx"
            );
    }

    /// <summary>Every level this CPU has, lowest first.</summary>
    public static IReadOnlyList<Isa> Levels()
    {
        List<Isa> levels = [Isa.Portable];
        if (Avx2.IsSupported && Fma.IsSupported)
        {
            levels.Add(Isa.Avx2);
        }
        if (HasAvx512)
        {
            levels.Add(Isa.Avx512);
        }
        if (HasAvx512 && HasBf16 && Assembler.IsSupported)
        {
            levels.Add(Isa.Avx512Bf16);
        }
        if (HasAvx512 && HasAmx && Assembler.IsSupported && AmxPermission.Granted)
        {
            levels.Add(Isa.Amx);
        }
        return levels;
    }

    /// <summary>A line for people: vendor string of the CPU and the level found.</summary>
    public static string Describe() => $"{CpuName()}, {Environment.ProcessorCount} cores, {Best()}";

    internal static bool HasAvx512 =>
        Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported && Vector512.IsHardwareAccelerated;

    /// <summary>CPUID leaf 7, subleaf 1, EAX bit 5.</summary>
    internal static bool HasBf16 => X86Base.IsSupported && MaxLeaf >= 7 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>CPUID leaf 7, ECX bit 11: AVX512_VNNI.</summary>
    internal static bool HasVnni => X86Base.IsSupported && MaxLeaf >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0;

    /// <summary>CPUID leaf 7, EDX bits 22 (AMX-BF16) and 24 (AMX-TILE).</summary>
    internal static bool HasAmx =>
        X86Base.IsSupported && MaxLeaf >= 7 && (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0 && (X86Base.CpuId(7, 0).Edx & (1 << 24)) != 0;

    /// <summary>CPUID leaf 7, EDX bit 25: AMX-INT8.</summary>
    internal static bool HasAmxInt8 => X86Base.IsSupported && MaxLeaf >= 7 && (X86Base.CpuId(7, 0).Edx & (1 << 25)) != 0;

    private static int MaxLeaf => X86Base.CpuId(0, 0).Eax;

    private static Isa Detect() => Levels()[^1];

    /// <summary>What the CPU calls itself.</summary>
    public static string CpuName()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(unchecked((int)0x80000000), 0).Eax >= 0)
        {
            return AdvSimd.IsSupported ? "Arm CPU" : "CPU";
        }
        Span<int> words = stackalloc int[12];
        for (int i = 0; i < 3; i++)
        {
            (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]) = X86Base.CpuId(unchecked((int)0x80000002) + i, 0);
        }
        return System.Text.Encoding.ASCII.GetString(System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)).Trim('\0', ' ');
    }
}
