namespace Inkstone.Tensors.Tests;

/// <summary>The int8 kernels in machine code on machines that cannot run them: bytes as GNU as writes them, and the tiles' arithmetic in an emulator.</summary>
public sealed unsafe class AmxInt8Tests
{
    private static readonly TileEmulator Emulator = new();

    [Theory]
    [InlineData("c4e24a5ec4", "tdpbsud tmm0, tmm4, tmm6")]
    [InlineData("c4e2425ecc", "tdpbsud tmm1, tmm4, tmm7")]
    [InlineData("c4e24a5ed5", "tdpbsud tmm2, tmm5, tmm6")]
    [InlineData("c4e2425edd", "tdpbsud tmm3, tmm5, tmm7")]
    [InlineData("c4a27b4b340a", "tileloadd tmm6, [rdx+r9]")]
    [InlineData("c4a27b4b7c0a40", "tileloadd tmm7, [rdx+r9+64]")]
    [InlineData("c4a27b4b2400", "tileloadd tmm4, [rax+r8]")]
    [InlineData("c4a27b4b2c06", "tileloadd tmm5, [rsi+r8]")]
    [InlineData("c4827a4b040a", "tilestored [r10+r9], tmm0")]
    [InlineData("c4827a4b4c0a40", "tilestored [r10+r9+64], tmm1")]
    [InlineData("c4827a4b940a00080000", "tilestored [r10+r9+2048], tmm2")]
    [InlineData("c4827a4b9c0a40080000", "tilestored [r10+r9+2112], tmm3")]
    public void Tiles_hold_the_bytes_that_gnu_as_writes(string bytes, string instruction)
        => Convert.ToHexStringLower(Assembler.Encode(AmxInt8.Write)).ShouldContain(bytes, Case.Sensitive, instruction);

    [Theory]
    [InlineData("62123d4050e2", "vpdpbusd zmm12, zmm24, zmm26")]
    public void The_vector_tile_holds_the_bytes_that_gnu_as_writes(string bytes, string instruction)
        => Convert.ToHexStringLower(Assembler.Encode(code => AssembledInt8.WriteTile(code, minima: false))).ShouldContain(bytes, Case.Sensitive, instruction);

    /// <summary>The assembler's shorter encodings know no masks, and would drop them in silence.</summary>
    [Theory]
    [InlineData("62727d2c580c", "vpbroadcastd ymm9{k4}, [rax+...]")]
    [InlineData("62d2355bb84102", "vfmadd231ps zmm0{k3}, zmm9, [r9+8]{1to16}")]
    public void Masks_are_kept(string bytes, string instruction)
        => Convert.ToHexStringLower(Assembler.Encode(code => AssembledInt8.WriteDot(code, DType.Q4_1))).ShouldContain(bytes, Case.Sensitive, instruction);

    [Theory]
    [InlineData(DType.Q8_0)]
    [InlineData(DType.Q4_0)]
    [InlineData(DType.Q4_1)]
    public void Tiles_in_theEmulator_give_the_bits_of_the_portable_kernel(DType type)
    {
        byte* configuration = stackalloc byte[64];
        AmxInt8.Configure(configuration);
        Emulator.Configure(configuration);
        Int8Kernel emulated = new() { Name = "emulated", Rows = 32, Tile = &Tile, Dot = PortableInt8.Kernel.Dot };
        float[] got = Int8Proof.Product(emulated, type), wanted = Int8Proof.Product(PortableInt8.Kernel, type);
        got.ShouldBe(wanted);
        Emulator.TileInstructions.ShouldBeGreaterThan(0);

        static void Tile(DType type, Int8Tile* tile) => AmxInt8.Tile(type, tile, &Integers);

        static void Integers(AmxInt8.Arguments* arguments) => Emulator.Run(Assembler.Encode(AmxInt8.Write), arguments);
    }
}
