using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>Element types of safetensors files and their conversion to and from float32.</summary>
internal static class SafetensorsTypes
{
    /// <summary>Bits of one element, or 0 for a type that the format does not know.</summary>
    public static int Bits(string type) =>
        type switch
        {
            "F4" => 4,
            "F6_E2M3" or "F6_E3M2" => 6,
            "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
            "I16" or "U16" or "F16" or "BF16" => 16,
            "I32" or "U32" or "F32" => 32,
            "I64" or "U64" or "F64" or "C64" => 64,
            _ => 0,
        };

    /// <summary>The type's name for a tensor as it lies in memory.</summary>
    public static string NameOf(DType type) =>
        type switch
        {
            DType.Float32 => "F32",
            DType.BFloat16 => "BF16",
            DType.Int32 => "I32",
            DType.Int64 => "I64",
            _ => throw new ArgumentException($"safetensors has no {type}; open the model in float32 to write it", nameof(type)),
        };

    /// <summary>Converts little-endian elements to float32; returns false for a type that is not a floating-point number here.</summary>
    internal static bool ToFloats(string type, ReadOnlySpan<byte> source, Span<float> target)
    {
        switch (type)
        {
            case "F32":
                MemoryMarshal.Cast<byte, float>(source).CopyTo(target);
                return true;
            case "BF16":
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), target);
                return true;
            case "F16":
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(source);
                for (int i = 0; i < halves.Length; i++)
                {
                    target[i] = (float)halves[i];
                }
                return true;
            case "F64":
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(source[(8 * i)..]);
                }
                return true;
            default:
                return false;
        }
    }

    /// <summary>Converts float32 to elements of <paramref name="type"/>, rounding to nearest even.</summary>
    internal static void FromFloats(string type, ReadOnlySpan<float> source, Span<byte> target)
    {
        switch (type)
        {
            case "F32":
                MemoryMarshal.AsBytes(source).CopyTo(target);
                break;
            case "BF16":
                Span<ushort> words = MemoryMarshal.Cast<byte, ushort>(target);
                for (int i = 0; i < source.Length; i++)
                {
                    words[i] = ToBFloat16(source[i]);
                }
                break;
            case "F16":
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(target);
                for (int i = 0; i < source.Length; i++)
                {
                    halves[i] = (Half)source[i];
                }
                break;
            default:
                throw new ArgumentException($"weights can be written as F32, BF16 or F16, not as {type}", nameof(type));
        }
    }

    /// <summary>The upper half of a float32, rounded to nearest even; a NaN stays one.</summary>
    internal static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<float> target)
    {
        int i = 0;
        for (; i <= source.Length - 32; i += 32)
        {
            (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.Create(source[i..]));
            (low << 16).AsSingle().CopyTo(target[i..]);
            (high << 16).AsSingle().CopyTo(target[(i + 16)..]);
        }
        for (; i < source.Length; i++)
        {
            target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }
    }
}
