using Iced.Intel;

namespace Inkstone.Tensors.Tests;

/// <summary>Every function that the engine assembles, in every variant. A writer that is missing here fails
/// <see cref="EncodingTests"/>.</summary>
internal static class AssembledFunctions
{
    private static readonly CpuidFeature[] Base = [CpuidFeature.INTEL8086, CpuidFeature.INTEL386, CpuidFeature.X64];

    /// <summary>What <see cref="CpuFeatures.HasAvx512"/> asks for; a CPU without PREFETCHW takes it for a NOP.</summary>
    private static readonly CpuidFeature[] Avx512 =
    [
        .. Base,
        CpuidFeature.SSE,
        CpuidFeature.AVX,
        CpuidFeature.AVX512F,
        CpuidFeature.AVX512BW,
        CpuidFeature.AVX512DQ,
        CpuidFeature.AVX512VL,
        CpuidFeature.PREFETCHW,
    ];

    private static readonly CpuidFeature[] Bf16 = [.. Avx512, CpuidFeature.AVX512_BF16],
        Vnni = [.. Avx512, CpuidFeature.AVX512_VNNI];

    private static readonly CpuidFeature[] Amx = [.. Base, CpuidFeature.AMX_TILE, CpuidFeature.AMX_BF16],
        AmxBytes = [.. Base, CpuidFeature.AMX_TILE, CpuidFeature.AMX_INT8];

    public static AssembledFunction AmxTile { get; } = new("AMX bfloat16 tile", AmxKernel.Write, Amx);

    public static AssembledFunction AmxBegin { get; } = new("AMX begin", AmxKernel.WriteBegin, Amx);

    public static AssembledFunction AmxEnd { get; } = new("AMX end", AmxKernel.WriteEnd, Amx);

    public static AssembledFunction AmxInt8Sums { get; } = new("AMX int8 sums", AmxInt8.Write, AmxBytes);

    public static IReadOnlyList<AssembledFunction> All { get; } =
    [
        Tile(bfloat16: false, rows: false),
        Tile(bfloat16: false, rows: true),
        Tile(bfloat16: true, rows: false),
        Tile(bfloat16: true, rows: true),
        Strip(bfloat16: false),
        Strip(bfloat16: true),
        .. Enumerable.Range(1, AssembledInt8.Rows).Select(rows => Int8Tile(rows, minima: false)),
        .. Enumerable.Range(1, AssembledInt8.Rows).Select(rows => Int8Tile(rows, minima: true)),
        Int8Dot(DType.Q8_0),
        Int8Dot(DType.Q4_0),
        Int8Dot(DType.Q4_1),
        AmxTile,
        AmxBegin,
        AmxEnd,
        AmxInt8Sums,
        .. Probes(),
    ];

    public static AssembledFunction Tile(bool bfloat16, bool rows) =>
        new($"{Name(bfloat16)} tile{(rows ? " of rows" : "")}", code => AssembledKernels.Write(code, bfloat16, rows), Vector(bfloat16));

    public static AssembledFunction Strip(bool bfloat16) =>
        new($"{Name(bfloat16)} strip", code => StripKernel.Write(code, bfloat16), Vector(bfloat16));

    public static AssembledFunction Int8Tile(int rows, bool minima) =>
        new($"int8 tile of {rows} rows{(minima ? " with minima" : "")}", code => AssembledInt8.WriteTile(code, rows, minima), Vnni);

    public static AssembledFunction Int8Dot(DType type) => new($"int8 dot {type}", code => AssembledInt8.WriteDot(code, type), Vnni);

    public static AssembledFunction[] Probes() =>
        [
            new("probe of VFMADD231PS", UnitProbe.WriteFloat32, Avx512),
            new("probe of VDPBF16PS", UnitProbe.WriteBFloat16, Bf16),
            new("probe of VPDPBUSD", UnitProbe.WriteInt8, Vnni),
            new("probe of TDPBF16PS", UnitProbe.WriteTileBFloat16, Amx),
            new("probe of TDPBUSD", UnitProbe.WriteTileInt8, AmxBytes),
        ];

    private static string Name(bool bfloat16) => bfloat16 ? "bfloat16" : "float32";

    private static CpuidFeature[] Vector(bool bfloat16) => bfloat16 ? Bf16 : Avx512;
}
