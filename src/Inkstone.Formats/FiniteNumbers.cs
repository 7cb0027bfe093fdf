using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>Finds weights that are infinite or no number at all: damage when they are read, too large for their type when they are
/// written.</summary>
public static class FiniteNumbers
{
    private const uint Exponent32 = 0x7F80_0000;
    private const ushort Exponent16 = 0x7C00,
        ExponentBFloat16 = 0x7F80;

    /// <summary>The first element of <paramref name="tensor"/> that is not finite, or the first of a block whose scale is not; −1 where all
    /// are.</summary>
    public static long FirstOutside(Tensor tensor) =>
        tensor.DType switch
        {
            DType.Float32 => FirstInRows(GgufType.F32, tensor),
            DType.BFloat16 => FirstInRows(GgufType.BF16, tensor),
            DType.Int32 or DType.Int64 => -1,
            _ => FirstInRows(Enum.Parse<GgufType>(tensor.DType.ToString()), tensor),
        };

    /// <summary>The same of encoded elements.</summary>
    internal static int FirstOutside(GgufType type, ReadOnlySpan<byte> bytes)
    {
        switch (type)
        {
            case GgufType.F32:
                return First(MemoryMarshal.Cast<byte, uint>(bytes), Exponent32);
            case GgufType.F16:
                return First(MemoryMarshal.Cast<byte, ushort>(bytes), Exponent16);
            case GgufType.BF16:
                return First(MemoryMarshal.Cast<byte, ushort>(bytes), ExponentBFloat16);
        }
        int size = type.BlockBytes();
        (int scale, int least) = type.ScalePlaces();
        for (int block = 0; block * size < bytes.Length; block++)
        {
            ReadOnlySpan<byte> b = bytes.Slice(block * size, size);
            if (
                !Half.IsFinite(scale < 0 ? GridBlocks.SpreadScale(b) : MemoryMarshal.Read<Half>(b[scale..]))
                || (least >= 0 && !Half.IsFinite(MemoryMarshal.Read<Half>(b[least..])))
            )
            {
                return block * type.BlockElements();
            }
        }
        return -1;
    }

    /// <summary>What a writer says of a weight that its type cannot hold.</summary>
    internal static InvalidDataException TooLarge(string tensor, float value, string type) =>
        new(
            !float.IsFinite(value)
                ? $"{tensor} holds {Name(value)}, which is no weight: the model is damaged."
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"the weight {value:R} of {tensor} is too large for {type}{(type == "F16" ? ", which ends at 65504" : "")}; convert to {(type == "BF16" ? "" : "bf16 or ")}f32."
                )
        );

    /// <summary>What a reader says of a tensor whose element <paramref name="index"/> is not finite.</summary>
    public static InvalidDataException Damaged(string file, string tensor, Tensor values, long index)
    {
        string found = values.DType switch
        {
            DType.Float32 or DType.BFloat16 => Name(values.Item(index)),
            _ => "a block whose scale is not a finite number",
        };
        long[] place = new long[values.Shape.Rank];
        for (int i = place.Length - 1; i >= 0; i--)
        {
            (index, place[i]) = Math.DivRem(index, Math.Max(1, values.Shape[i]));
        }
        return new InvalidDataException(
            $"{file}: tensor \"{tensor}\" holds {found} at [{string.Join(", ", place)}]; the weights are damaged, take them from their source again or from an earlier checkpoint."
        );
    }

    private static string Name(float value) =>
        float.IsNaN(value) ? "NaN"
        : value > 0 ? "infinity"
        : "minus infinity";

    private static long FirstInRows(GgufType type, Tensor tensor)
    {
        int width = tensor.Shape.Last;
        for (long row = 0, rows = width == 0 ? 0 : tensor.Count / width; row < rows; row++)
        {
            if (FirstOutside(type, tensor.RowBytes(row)) is >= 0 and var at)
            {
                return row * width + at;
            }
        }
        return -1;
    }

    /// <summary>The first number whose exponent bits are all set.</summary>
    private static int First<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector<T> all = new(exponent);
        int i = 0;
        while (i <= bits.Length - Vector<T>.Count && !Vector.EqualsAny(new Vector<T>(bits[i..]) & all, all))
        {
            i += Vector<T>.Count;
        }
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & exponent) == exponent)
            {
                return i;
            }
        }
        return -1;
    }
}
