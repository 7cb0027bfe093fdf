namespace Inkstone.Tensors.Tests;

/// <summary>The AMX kernel on machines without AMX: its bytes as GNU as writes them, and its arithmetic in an emulator.</summary>
public sealed unsafe class AmxKernelTests
{
    private const int Size = 32;

    [Theory]
    [InlineData("c4827b4b041a", "tileloadd tmm0, [r10+r11]")]
    [InlineData("c4827b4b4c1a40", "tileloadd tmm1, [r10+r11+64]")]
    [InlineData("c4a27b4b340a", "tileloadd tmm6, [rdx+r9]")]
    [InlineData("c4a27b4b2400", "tileloadd tmm4, [rax+r8]")]
    [InlineData("c4a27b4b7c0a40", "tileloadd tmm7, [rdx+r9+64]")]
    [InlineData("c4a27b4b2c06", "tileloadd tmm5, [rsi+r8]")]
    [InlineData("c4e27b49d8", "tilezero tmm3")]
    [InlineData("c4e24a5cc4", "tdpbf16ps tmm0, tmm4, tmm6")]
    [InlineData("c4e2425ccc", "tdpbf16ps tmm1, tmm4, tmm7")]
    [InlineData("c4e24a5cd5", "tdpbf16ps tmm2, tmm5, tmm6")]
    [InlineData("c4e2425cdd", "tdpbf16ps tmm3, tmm5, tmm7")]
    [InlineData("c4827a4b041a", "tilestored [r10+r11], tmm0")]
    public void Kernel_holds_the_bytes_that_gnu_as_writes(string bytes, string instruction)
        => Convert.ToHexStringLower(Assembler.Encode(AmxKernel.Write)).ShouldContain(bytes, Case.Sensitive, instruction);

    [Fact]
    public void Configuration_functions_are_encoded_as_gnu_as_does()
    {
        Convert.ToHexStringLower(Assembler.Encode(AmxKernel.WriteBegin)).ShouldBe("c4e2784907" + "c3");
        Convert.ToHexStringLower(Assembler.Encode(AmxKernel.WriteEnd)).ShouldBe("c4e27849c0" + "c3");
    }

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(32, false, true)]
    [InlineData(33, true, true)]
    [InlineData(95, true, false)]
    [InlineData(160, false, true)]
    public void Packed_operands_and_kernel_multiply_in_the_emulator(int k, bool transposed, bool withAddend)
    {
        const int StrideC = Size + 7;
        float[] a = Random(Size * k, 1), b = Random(k * Size, 2), c = new float[Size * StrideC], addend = Random(Size * StrideC, 3);
        MicroKernel layout = new() { Name = "tiles", Rows = Size, Columns = Size, Layout = PanelLayout.Tiles, Run = null };
        byte[] panelA = new byte[Packing.BytesA(layout, k) + Packing.SlackBytes], panelB = new byte[Packing.BytesB(layout, k) + Packing.SlackBytes];
        fixed (float* pa = a, pb = b, pc = c, pd = addend)
        {
            fixed (byte* qa = panelA, qb = panelB)
            {
                // a is [rows, k], or [k, rows] when transposed; b is [k, columns], or [columns, k]
                MatrixView left = transposed ? MatrixView.Rows(pa, Size).T : MatrixView.Rows(pa, k);
                MatrixView right = transposed ? MatrixView.Rows(pb, k).T : MatrixView.Rows(pb, Size);
                Packing.PackA(layout, left, Size, Size, k, qa);
                Packing.PackB(layout, right, Size, Size, k, qb);
                TileArguments tile = new()
                {
                    A = qa,
                    B = qb,
                    C = pc,
                    Steps = (k + 31) / 32,
                    StrideC = StrideC * sizeof(float),
                    Addend = withAddend ? pd : null,
                    StrideAddend = StrideC * sizeof(float),
                };
                TileEmulator emulator = new();
                emulator.Run(Assembler.Encode(AmxKernel.Write), &tile);
                emulator.TileInstructions.ShouldBe(8 * ((k + 31) / 32) + 8);
            }
        }
        for (int i = 0; i < Size; i++)
        {
            for (int j = 0; j < Size; j++)
            {
                double sum = withAddend ? addend[i * StrideC + j] : 0;
                for (int p = 0; p < k; p++)
                {
                    sum += (double)Round(a[transposed ? p * Size + i : i * k + p]) * Round(b[transposed ? j * k + p : p * Size + j]);
                }
                ((double)c[i * StrideC + j]).ShouldBe(sum, 1e-4 * Math.Sqrt(k));
            }
        }
    }

    private static float Round(float value) => BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(value));

    private static float[] Random(int count, ulong stream)
    {
        float[] values = new float[count];
        new PhiloxRandom(5, stream).FillNormal(values, 1);
        return values;
    }
}
