using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Distributed;

/// <summary>Float32 numbers as bfloat16, for the wire: rounded to nearest, ties to even; what is no number stays none.</summary>
public static class BFloat16Wire
{
    /// <summary>Rounds.</summary>
    /// <param name="from">float32</param>
    /// <param name="to">bits of bfloat16, at least as many</param>
    public static void Narrow(ReadOnlySpan<float> from, Span<ushort> to)
    {
        ref float f = ref MemoryMarshal.GetReference(from);
        ref ushort t = ref MemoryMarshal.GetReference(to[..from.Length]);
        int i = 0;
        for (; i <= from.Length - 32; i += 32)
        {
            Vector512<uint> low = Round(Vector512.LoadUnsafe(ref f, (nuint)i)),
                high = Round(Vector512.LoadUnsafe(ref f, (nuint)i + 16));
            Vector512.Narrow(low, high).StoreUnsafe(ref t, (nuint)i);
        }
        for (; i < from.Length; i++)
        {
            to[i] = (ushort)Round(Vector512.Create(from[i]))[0];
        }
    }

    /// <summary>Widens, exactly.</summary>
    /// <param name="from">bits of bfloat16</param>
    /// <param name="to">float32, at least as many</param>
    public static void Widen(ReadOnlySpan<ushort> from, Span<float> to)
    {
        ref ushort f = ref MemoryMarshal.GetReference(from);
        ref float t = ref MemoryMarshal.GetReference(to[..from.Length]);
        int i = 0;
        for (; i <= from.Length - 32; i += 32)
        {
            (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.LoadUnsafe(ref f, (nuint)i));
            (low << 16).AsSingle().StoreUnsafe(ref t, (nuint)i);
            (high << 16).AsSingle().StoreUnsafe(ref t, (nuint)i + 16);
        }
        for (; i < from.Length; i++)
        {
            to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
        }
    }

    private static Vector512<uint> Round(Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32(),
            rounded = (bits + Vector512.Create(0x7fffu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, (bits >> 16) | Vector512.Create(0x40u));
    }
}
