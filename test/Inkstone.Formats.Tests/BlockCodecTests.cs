using System.Runtime.InteropServices;
using Inkstone.Formats;

namespace Inkstone.Formats.Tests;

/// <summary>Every block type against gguf-py, bit by bit.</summary>
public sealed class BlockCodecTests
{
    [GoldenTheory]
    [InlineData(GgufType.F16)]
    [InlineData(GgufType.BF16)]
    [InlineData(GgufType.Q8_0)]
    [InlineData(GgufType.Q4_0)]
    [InlineData(GgufType.Q4_1)]
    [InlineData(GgufType.Q5_0)]
    [InlineData(GgufType.Q5_1)]
    [InlineData(GgufType.Q2_K)]
    [InlineData(GgufType.Q3_K)]
    [InlineData(GgufType.Q4_K)]
    [InlineData(GgufType.Q5_K)]
    [InlineData(GgufType.Q6_K)]
    [InlineData(GgufType.IQ4_NL)]
    [InlineData(GgufType.IQ4_XS)]
    public void Decoded_values_are_exact(GgufType type)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Goldens.Of("misc/quantised_blocks.safetensors"));
        float[] wanted = file.ReadFloats($"{type}.values"), got = new float[wanted.Length];
        BlockCodec.Decode(type, file.Bytes($"{type}.bytes"), got);
        Same(MemoryMarshal.AsBytes(got.AsSpan()), MemoryMarshal.AsBytes(wanted.AsSpan()));
    }

    [GoldenTheory]
    [InlineData(GgufType.F16)]
    [InlineData(GgufType.BF16)]
    [InlineData(GgufType.Q8_0)]
    [InlineData(GgufType.Q4_0)]
    [InlineData(GgufType.Q4_1)]
    [InlineData(GgufType.Q5_0)]
    [InlineData(GgufType.Q5_1)]
    public void Encoded_bytes_are_exact(GgufType type)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Goldens.Of("misc/quantised_blocks.safetensors"));
        byte[] wanted = file.Bytes($"{type}.bytes").ToArray(), got = new byte[wanted.Length];
        BlockCodec.Encode(type, file.ReadFloats("float32"), got);
        if (type is GgufType.Q4_1 or GgufType.Q5_1)
        {
            // The last row holds zeros of both signs: which of them is the minimum depends on the order of numpy's vectors.
            (got, wanted) = (got[..(got.Length / 4 * 3)], wanted[..(got.Length / 4 * 3)]);
        }
        Same(got, wanted);
    }

    [Theory]
    [InlineData(GgufType.Q8_0)]
    [InlineData(GgufType.Q4_0)]
    [InlineData(GgufType.Q4_1)]
    [InlineData(GgufType.Q5_0)]
    [InlineData(GgufType.Q5_1)]
    public void Zeros_stay_zeros(GgufType type)
    {
        byte[] bytes = new byte[type.Bytes(64)];
        float[] values = new float[64];
        BlockCodec.Encode(type, values, bytes);
        values.AsSpan().Fill(1);
        BlockCodec.Decode(type, bytes, values);
        values.ShouldAllBe(v => v == 0);
    }

    private static void Same(ReadOnlySpan<byte> got, ReadOnlySpan<byte> wanted)
        => got.CommonPrefixLength(wanted).ShouldBe(wanted.Length, "the first byte that differs");
}
