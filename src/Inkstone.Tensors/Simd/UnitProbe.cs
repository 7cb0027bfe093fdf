using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Inkstone.Tensors.Assembler;

namespace Inkstone.Tensors;

/// <summary>
/// A loop of one multiply-add instruction on registers alone, as fast as the unit that runs it: nothing that the unit computes can be
/// faster.
/// Vector instructions have 24 independent sums (both pipes times the latency need ten), tile instructions four.
/// </summary>
internal sealed unsafe class UnitProbe
{
    private const int Sums = 24,
        TileSums = 4,
        Lanes = 16,
        TileRows = 16;

    private readonly delegate* unmanaged<nint, void> _run;
    private readonly bool _tiles;

    private UnitProbe(string instruction, double operationsPerRound, bool tiles, Action<Iced.Intel.Assembler> write)
    {
        (Instruction, OperationsPerRound, _tiles) = (instruction, operationsPerRound, tiles);
        _run = (delegate* unmanaged<nint, void>)Assembler.Compile(write);
    }

    /// <summary>The instruction.</summary>
    public string Instruction { get; }

    /// <summary>Multiplications and additions of one round of the loop.</summary>
    public double OperationsPerRound { get; }

    /// <summary>Float32 multiply-add on 512-bit vectors; null without AVX-512 or where no code can be made. So are the others.</summary>
    public static UnitProbe? Float32 { get; } = Vector(CpuFeatures.HasAvx512, "VFMADD231PS", 1, WriteFloat32);

    /// <summary>Pairs of bfloat16.</summary>
    public static UnitProbe? BFloat16 { get; } = Vector(CpuFeatures.HasAvx512 && CpuFeatures.HasBf16, "VDPBF16PS", 2, WriteBFloat16);

    /// <summary>Groups of four bytes.</summary>
    public static UnitProbe? Int8 { get; } = Vector(CpuFeatures.HasAvx512 && CpuFeatures.HasVnni, "VPDPBUSD", 4, WriteInt8);

    /// <summary>Tiles of bfloat16.</summary>
    public static UnitProbe? TileBFloat16 { get; } = Tile(CpuFeatures.HasAmx, "TDPBF16PS", 32, WriteTileBFloat16);

    /// <summary>Tiles of bytes.</summary>
    public static UnitProbe? TileInt8 { get; } = Tile(CpuFeatures.HasAmx && CpuFeatures.HasAmxInt8, "TDPBUSD", 64, WriteTileInt8);

    /// <summary>Runs the loop that often on the calling thread, which must be one of the workers' or prepared like them.</summary>
    public void Run(nint rounds)
    {
        if (_tiles)
        {
            AmxKernel.Begin();
        }
        _run(rounds);
        if (_tiles)
        {
            AmxKernel.End();
        }
    }

    /// <summary>Writes the loop of <see cref="Float32"/>. On entry rdi holds the number of rounds, at least one (System V). So do the
    /// others.</summary>
    public static void WriteFloat32(Iced.Intel.Assembler code) => WriteVectorLoop(code, sum => code.vfmadd231ps(sum, zmm24, zmm25));

    /// <summary>The loop of <see cref="BFloat16"/>.</summary>
    public static void WriteBFloat16(Iced.Intel.Assembler code) => WriteVectorLoop(code, sum => code.vdpbf16ps(sum, zmm24, zmm25));

    /// <summary>The loop of <see cref="Int8"/>.</summary>
    public static void WriteInt8(Iced.Intel.Assembler code) => WriteVectorLoop(code, sum => code.vpdpbusd(sum, zmm24, zmm25));

    /// <summary>The loop of <see cref="TileBFloat16"/>; the caller has configured the tiles.</summary>
    public static void WriteTileBFloat16(Iced.Intel.Assembler code) => WriteTileLoop(code, code.tdpbf16ps);

    /// <summary>The loop of <see cref="TileInt8"/>; the caller has configured the tiles.</summary>
    public static void WriteTileInt8(Iced.Intel.Assembler code) => WriteTileLoop(code, code.tdpbusd);

    private static void WriteVectorLoop(Iced.Intel.Assembler code, Action<AssemblerRegisterZMM> multiply)
    {
        for (int i = 0; i < Sums + 2; i++)
        {
            code.vpxord(Zmm(i), Zmm(i), Zmm(i)); // zeros: no denormals, and no number that would grow
        }
        WriteLoop(
            code,
            () =>
            {
                for (int i = 0; i < Sums; i++)
                {
                    multiply(Zmm(i));
                }
            }
        );
        code.vzeroupper();
        code.ret();
    }

    private static void WriteTileLoop(
        Iced.Intel.Assembler code,
        Action<AssemblerRegisterTMM, AssemblerRegisterTMM, AssemblerRegisterTMM> multiply
    )
    {
        foreach (AssemblerRegisterTMM tile in (AssemblerRegisterTMM[])[tmm0, tmm1, tmm2, tmm3, tmm4, tmm5, tmm6, tmm7])
        {
            code.tilezero(tile);
        }
        WriteLoop(
            code,
            () =>
            {
                multiply(tmm0, tmm4, tmm6);
                multiply(tmm1, tmm4, tmm7);
                multiply(tmm2, tmm5, tmm6);
                multiply(tmm3, tmm5, tmm7);
            }
        );
        code.ret();
    }

    private static void WriteLoop(Iced.Intel.Assembler code, Action body)
    {
        Label loop = code.CreateLabel();
        code.Label(ref loop);
        body();
        code.dec(rdi);
        code.jnz(loop);
    }

    /// <param name="supported">by the CPU</param>
    /// <param name="instruction">its name</param>
    /// <param name="products">multiply-adds in each of the sixteen sums of a vector</param>
    /// <param name="write">writes the loop</param>
    private static UnitProbe? Vector(bool supported, string instruction, int products, Action<Iced.Intel.Assembler> write) =>
        supported && Assembler.IsSupported ? new(instruction, 2.0 * products * Lanes * Sums, false, write) : null;

    /// <param name="supported">by the CPU</param>
    /// <param name="instruction">its name</param>
    /// <param name="products">multiply-adds in each of the 16 × 16 sums of a tile</param>
    /// <param name="write">writes the loop</param>
    private static UnitProbe? Tile(bool supported, string instruction, int products, Action<Iced.Intel.Assembler> write) =>
        supported && Assembler.IsSupported && AmxPermission.Granted
            ? new(instruction, 2.0 * products * TileRows * TileRows * TileSums, true, write)
            : null;
}
