using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Inkstone.Tensors.Assembler;

namespace Inkstone.Tensors;

/// <summary>
/// A loop of one multiply-add instruction on registers alone, as fast as the unit that runs it: nothing that the unit computes can be faster.
/// Vector instructions have 24 independent sums (both pipes times the latency need ten), tile instructions four.
/// </summary>
internal sealed unsafe class UnitProbe
{
    private const int Sums = 24, TileSums = 4, Lanes = 16, TileRows = 16;

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
    public static UnitProbe? Float32 { get; } = Vector(CpuFeatures.HasAvx512, "VFMADD231PS", 1, (code, sum) => code.vfmadd231ps(sum, zmm24, zmm25));

    /// <summary>Pairs of bfloat16.</summary>
    public static UnitProbe? BFloat16 { get; } = Vector(CpuFeatures.HasAvx512 && CpuFeatures.HasBf16, "VDPBF16PS", 2, (code, sum) => code.vdpbf16ps(sum, zmm24, zmm25));

    /// <summary>Groups of four bytes.</summary>
    public static UnitProbe? Int8 { get; } = Vector(CpuFeatures.HasAvx512 && CpuFeatures.HasVnni, "VPDPBUSD", 4, (code, sum) => code.vpdpbusd(sum, zmm24, zmm25));

    /// <summary>Tiles of bfloat16.</summary>
    public static UnitProbe? TileBFloat16 { get; } = Tile(CpuFeatures.HasAmx, "TDPBF16PS", 32, code =>
    {
        code.tdpbf16ps(tmm0, tmm4, tmm6);
        code.tdpbf16ps(tmm1, tmm4, tmm7);
        code.tdpbf16ps(tmm2, tmm5, tmm6);
        code.tdpbf16ps(tmm3, tmm5, tmm7);
    });

    /// <summary>Tiles of bytes.</summary>
    public static UnitProbe? TileInt8 { get; } = Tile(CpuFeatures.HasAmx && CpuFeatures.HasAmxInt8, "TDPBUSD", 64, code =>
    {
        code.tdpbusd(tmm0, tmm4, tmm6);
        code.tdpbusd(tmm1, tmm4, tmm7);
        code.tdpbusd(tmm2, tmm5, tmm6);
        code.tdpbusd(tmm3, tmm5, tmm7);
    });

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

    /// <summary>Writes the loop. On entry rdi holds the number of rounds (System V).</summary>
    public static void WriteVectorLoop(Iced.Intel.Assembler code, Action<Iced.Intel.Assembler, AssemblerRegisterZMM> multiply)
    {
        for (int i = 0; i < Sums + 2; i++)
        {
            code.vpxord(Zmm(i), Zmm(i), Zmm(i));   // zeros: no denormals, and no number that would grow
        }
        WriteLoop(code, () =>
        {
            for (int i = 0; i < Sums; i++)
            {
                multiply(code, Zmm(i));
            }
        });
        code.vzeroupper();
        code.ret();
    }

    /// <summary>The same for tiles, which the caller has configured.</summary>
    public static void WriteTileLoop(Iced.Intel.Assembler code, Action<Iced.Intel.Assembler> multiply)
    {
        code.tilezero(tmm0);
        code.tilezero(tmm1);
        code.tilezero(tmm2);
        code.tilezero(tmm3);
        code.tilezero(tmm4);
        code.tilezero(tmm5);
        code.tilezero(tmm6);
        code.tilezero(tmm7);
        WriteLoop(code, () => multiply(code));
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
    /// <param name="multiply">writes it</param>
    private static UnitProbe? Vector(bool supported, string instruction, int products, Action<Iced.Intel.Assembler, AssemblerRegisterZMM> multiply)
        => supported && Assembler.IsSupported ? new(instruction, 2.0 * products * Lanes * Sums, false, code => WriteVectorLoop(code, multiply)) : null;

    /// <param name="supported">by the CPU</param>
    /// <param name="instruction">its name</param>
    /// <param name="products">multiply-adds in each of the 16 × 16 sums of a tile</param>
    /// <param name="multiply">writes one for each tile of sums</param>
    private static UnitProbe? Tile(bool supported, string instruction, int products, Action<Iced.Intel.Assembler> multiply)
        => supported && Assembler.IsSupported && AmxPermission.Granted
            ? new(instruction, 2.0 * products * TileRows * TileRows * TileSums, true, code => WriteTileLoop(code, multiply)) : null;
}
