using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Part of a row of any type as float32.</summary>
internal static unsafe class RowDecoder
{
    private const int Elements = DTypes.BlockElements;

    /// <summary>The <paramref name="count"/> elements from the first one of <paramref name="view"/> on.</summary>
    public static void Decode(MatrixView view, int count, float* target)
    {
        if (view.Type == DType.Float32)
        {
            new ReadOnlySpan<float>((float*)view.Pointer, count).CopyTo(new Span<float>(target, count));
            return;
        }
        if (view.Type == DType.BFloat16)
        {
            BFloat16((ushort*)view.Pointer, count, (uint*)target);
            return;
        }
        int size = view.Type.BlockBytes(),
            skip = (int)(view.Offset % Elements);
        byte* block = view.Pointer + view.Offset / Elements * size;
        float* part = stackalloc float[Elements];
        for (int done = 0; done < count; block += size)
        {
            int taken = Math.Min(Elements - skip, count - done);
            float* to = taken == Elements ? target + done : part;
            Blocks32.Load(view.Type, block, out Vector512<float> low, out Vector512<float> high);
            low.Store(to);
            high.Store(to + 16);
            if (to == part)
            {
                new ReadOnlySpan<float>(part + skip, taken).CopyTo(new Span<float>(target + done, taken));
            }
            (done, skip) = (done + taken, 0);
        }
    }

    /// <summary>A bfloat16 is the upper half of a float32.</summary>
    private static void BFloat16(ushort* from, int count, uint* to)
    {
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            BFloat16Bits.Load(from + i).AsUInt32().Store(to + i);
        }
        for (; i < count; i++)
        {
            to[i] = (uint)from[i] << 16;
        }
    }
}
