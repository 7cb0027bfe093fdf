using System.Runtime.InteropServices;

namespace Inkstone.Formats;

/// <summary>From the blocks of a GGUF tensor to float32 and, for the types that are written, back. Layouts are ggml's
/// (ggml-quants.c).</summary>
public static class BlockCodec
{
    /// <summary>Whether <see cref="Encode"/> writes the type.</summary>
    public static bool CanEncode(GgufType type) =>
        type
            is GgufType.F32
                or GgufType.F16
                or GgufType.BF16
                or GgufType.Q4_0
                or GgufType.Q4_1
                or GgufType.Q5_0
                or GgufType.Q5_1
                or GgufType.Q8_0
        || IsK(type);

    /// <summary>Decodes whole blocks.</summary>
    public static void Decode(GgufType type, ReadOnlySpan<byte> source, Span<float> target)
    {
        if (target.Length % type.BlockElements() != 0 || source.Length != type.Bytes(target.Length))
        {
            throw new ArgumentException($"{source.Length} bytes of {type} are not {target.Length} elements", nameof(source));
        }
        switch (type)
        {
            case GgufType.F32 or GgufType.F16 or GgufType.BF16:
                _ = SafetensorsTypes.ToFloats(type.ToString(), source, target);
                break;
            case GgufType.Q4_0 or GgufType.Q4_1 or GgufType.Q5_0 or GgufType.Q5_1 or GgufType.Q8_0:
                LegacyBlocks.Decode(type, source, target);
                break;
            case GgufType.IQ4_NL or GgufType.IQ4_XS:
                TableBlocks.Decode(type, source, target);
                break;
            case GgufType.MXFP4:
                Mxfp4.DecodeGguf(source, target);
                break;
            case GgufType.TQ1_0 or GgufType.TQ2_0:
                TernaryBlocks.Decode(type, source, target);
                break;
            case var _ when IsK(type):
                KBlocks.Decode(type, source, target);
                break;
            default:
                GridBlocks.Decode(type, source, target);
                break;
        }
    }

    /// <summary>Encodes whole blocks.</summary>
    public static void Encode(GgufType type, ReadOnlySpan<float> source, Span<byte> target)
    {
        if (source.Length % type.BlockElements() != 0 || target.Length != type.Bytes(source.Length))
        {
            throw new ArgumentException($"{source.Length} elements do not make {target.Length} bytes of {type}", nameof(source));
        }
        if (type.BlockElements() == 1)
        {
            SafetensorsTypes.FromFloats(type.ToString(), source, target);
        }
        else if (IsK(type))
        {
            KEncoder.Encode(type, source, target);
        }
        else
        {
            LegacyEncoder.Encode(type, source, target);
        }
    }

    private static bool IsK(GgufType type) => type is GgufType.Q2_K or GgufType.Q3_K or GgufType.Q4_K or GgufType.Q5_K or GgufType.Q6_K;

    /// <summary>A half-precision number at the beginning of <paramref name="bytes"/>.</summary>
    internal static float Half(ReadOnlySpan<byte> bytes) => (float)MemoryMarshal.Read<Half>(bytes);
}
