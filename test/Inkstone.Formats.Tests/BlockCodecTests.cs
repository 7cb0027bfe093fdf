using System.Runtime.InteropServices;
using System.Security.Cryptography;
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
        float[] wanted = file.ReadFloats($"{type}.values"),
            got = new float[wanted.Length];
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
        byte[] wanted = file.Bytes($"{type}.bytes").ToArray(),
            got = new byte[wanted.Length];
        BlockCodec.Encode(type, file.ReadFloats("float32"), got);
        if (type is GgufType.Q4_1 or GgufType.Q5_1)
        {
            // The last row holds zeros of both signs: which of them is the minimum depends on the order of numpy's vectors.
            (got, wanted) = (got[..(got.Length / 4 * 3)], wanted[..(got.Length / 4 * 3)]);
        }
        Same(got, wanted);
    }

    /// <summary>512 blocks of random bytes, which use every point of the grids; hashes of what ggml's own dequantize_row functions (libggml
    /// 0.5, x64) give.</summary>
    [Theory]
    [InlineData(GgufType.IQ2_XXS, "3ef01094e3a4eb7d56187894188c548bab0a3b22b75e7c29f3faf06f7172b33a")]
    [InlineData(GgufType.IQ2_XS, "0539cc8318157384ac2531add0ca90b2139ac6b28026a53437b46011866a5470")]
    [InlineData(GgufType.IQ2_S, "e863400b7e866f7aab743fce9eec06b58da65e6ca197d02fbd1f32253277751f")]
    [InlineData(GgufType.IQ3_XXS, "6d8f32f21e507bed1f4265445df31d1d07a086d7ac49b6b5193aeb9e832473f6")]
    [InlineData(GgufType.IQ3_S, "20e56cecbdcc34c8a490387ced329b81998e87991d3f794c8f94679a9ed529f4")]
    [InlineData(GgufType.IQ1_S, "630b4ba5a2c36a47e3e8e202d7f3dc84a6f4a034030ffcec41d287e03568f3ba")]
    [InlineData(GgufType.IQ1_M, "a73ae835b3a0fac390c8ee7cc9786267c09f5ff02601c1c1f12eb5086d0437f1")]
    [InlineData(GgufType.TQ1_0, "3d6daf31adf918ca16c271b732c1f58d6a2dc5f7c8b35bc67b132fde94886851")]
    [InlineData(GgufType.TQ2_0, "6afe9ad27f5fb6f56b2c93d80b629d15f1deaf9d519b1192fba6b24bd46f8ccb")]
    public void Grid_and_ternary_blocks_are_exact(GgufType type, string wanted)
    {
        const int blocks = 512;
        int size = type.BlockBytes();
        byte[] bytes = new byte[blocks * size];
        ulong state = (ulong)type;
        foreach (ref byte b in bytes.AsSpan())
        {
            b = Next(ref state);
        }
        for (int i = 0; i < blocks; i++)
        {
            // A scale that is a number: 1/16 and somewhat more.
            int half = 0x2C00 + i;
            Span<byte> block = bytes.AsSpan(i * size, size);
            if (type == GgufType.IQ1_M)
            {
                for (int k = 0; k < 4; k++)
                {
                    block[49 + 2 * k] = (byte)((block[49 + 2 * k] & 15) | ((half >> (4 * k)) & 15) << 4);
                }
            }
            else
            {
                BitConverter.TryWriteBytes(block[(type is GgufType.TQ1_0 or GgufType.TQ2_0 ? size - 2 : 0)..], (ushort)half);
            }
        }
        float[] values = new float[blocks * 256];
        BlockCodec.Decode(type, bytes, values);
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan()))).ShouldBe(wanted);
    }

    /// <summary>Relative root mean square errors that ggml's own quantiser reaches on the same numbers (ggml_quantize_chunk, libggml 0.5,
    /// x64).</summary>
    [Theory]
    [InlineData(GgufType.Q2_K, 0.33125)]
    [InlineData(GgufType.Q3_K, 0.18605)]
    [InlineData(GgufType.Q4_K, 0.08392)]
    [InlineData(GgufType.Q5_K, 0.04268)]
    [InlineData(GgufType.Q6_K, 0.02276)]
    public void K_blocks_are_rounded_as_well_as_ggml_does(GgufType type, double reached)
    {
        float[] x = new float[1 << 14],
            y = new float[x.Length];
        ulong state = 7;
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (Next(ref state) + Next(ref state) + Next(ref state) + Next(ref state) - 510) / 8192f;
            x[i] *= Next(ref state) < 8 ? 4 : 1;
        }
        byte[] bytes = new byte[type.Bytes(x.Length)];
        BlockCodec.Encode(type, x, bytes);
        BlockCodec.Decode(type, bytes, y);
        double error = Math.Sqrt(x.Zip(y, (a, b) => (double)(a - b) * (a - b)).Sum() / x.Sum(a => (double)a * a));
        error.ShouldBeInRange(reached / 2, reached * 1.005);
    }

    private static byte Next(ref ulong state)
    {
        state = unchecked(state * 6364136223846793005 + 1442695040888963407);
        return (byte)(state >> 56);
    }

    [Theory]
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
    public void Zeros_stay_zeros(GgufType type)
    {
        byte[] bytes = new byte[type.Bytes(256)];
        float[] values = new float[256];
        BlockCodec.Encode(type, values, bytes);
        values.AsSpan().Fill(1);
        BlockCodec.Decode(type, bytes, values);
        values.ShouldAllBe(v => v == 0);
    }

    private static void Same(ReadOnlySpan<byte> got, ReadOnlySpan<byte> wanted) =>
        got.CommonPrefixLength(wanted).ShouldBe(wanted.Length, "the first byte that differs");
}
