using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Numbers in memory that a kernel reads and writes as float32, whether they are stored so or as bfloat16.</summary>
internal readonly unsafe struct Elements(byte* pointer, bool isHalf)
{
    /// <summary>The elements of a float32 or bfloat16 tensor; none for null.</summary>
    public Elements(Tensor? tensor)
        : this(
            tensor is null ? null
                : tensor.DType == DType.BFloat16 ? (byte*)tensor.B16
                : (byte*)tensor.F32,
            tensor?.DType == DType.BFloat16
        ) { }

    /// <summary>Whether there is no memory.</summary>
    public bool IsNone => pointer == null;

    /// <summary>The elements from the one at <paramref name="index"/> on.</summary>
    public Elements From(long index) => new(pointer + index * (isHalf ? sizeof(ushort) : sizeof(float)), isHalf);

    /// <summary>16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Load(long index) =>
        isHalf ? BFloat16Bits.Load((ushort*)pointer + index) : Vector512.Load((float*)pointer + index);

    /// <summary>Stores 16 elements, rounding where they are bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(Vector512<float> value, long index)
    {
        if (isHalf)
        {
            BFloat16Bits.Store(value, (ushort*)pointer + index);
        }
        else
        {
            value.Store((float*)pointer + index);
        }
    }

    /// <summary>Stores, or adds where <paramref name="accumulate"/> is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(Vector512<float> value, long index, bool accumulate) => Store(accumulate ? value + Load(index) : value, index);

    /// <summary>One element.</summary>
    public float this[long index]
    {
        get => isHalf ? BFloat16Bits.ToFloat(((ushort*)pointer)[index]) : ((float*)pointer)[index];
        set
        {
            if (isHalf)
            {
                ((ushort*)pointer)[index] = BFloat16Bits.FromFloat(value);
            }
            else
            {
                ((float*)pointer)[index] = value;
            }
        }
    }

    /// <summary>The first <paramref name="count"/> (0..16) elements, zeros behind them.</summary>
    public Vector512<float> LoadPart(long index, int count)
    {
        if (!isHalf)
        {
            return Lanes.LoadPart((float*)pointer + index, count);
        }
        Vector256<ushort> part = default;
        new ReadOnlySpan<ushort>((ushort*)pointer + index, count).CopyTo(new Span<ushort>(&part, 16));
        return BFloat16Bits.Load((ushort*)&part);
    }

    /// <summary>Stores, or adds, the first <paramref name="count"/> lanes and nothing else.</summary>
    public void StorePart(Vector512<float> value, long index, int count, bool accumulate = false)
    {
        value = accumulate ? value + LoadPart(index, count) : value;
        if (!isHalf)
        {
            Lanes.StorePart(value, (float*)pointer + index, count);
            return;
        }
        Vector256<ushort> part;
        BFloat16Bits.Store(value, (ushort*)&part);
        new ReadOnlySpan<ushort>(&part, count).CopyTo(new Span<ushort>((ushort*)pointer + index, count));
    }
}
