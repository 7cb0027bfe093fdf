namespace Inkstone.Tensors;

/// <summary>Writes a tensor's elements; <typeparamref name="T"/> is float for float32, ushort for bfloat16, int for int32.</summary>
public delegate void ElementWriter<T>(Span<T> target)
    where T : unmanaged;

/// <summary>Transfers between a tensor and memory of the host. Code outside this library moves elements by these names alone, and holds no
/// address of a tensor.</summary>
public sealed unsafe partial class Tensor
{
    /// <summary>Copies the elements from <paramref name="start"/> on as float32, into which bfloat16 is widened.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer of them.</exception>
    public void CopyTo(Span<float> target, long start = 0)
    {
        CheckRange(start, target.Length);
        if (DType != DType.BFloat16)
        {
            new ReadOnlySpan<float>(F32 + start, target.Length).CopyTo(target);
            return;
        }
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = BFloat16Bits.ToFloat(B16[start + i]);
        }
    }

    /// <summary>Copies whole numbers from element <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer of them.</exception>
    public void CopyTo(Span<int> target, long start = 0)
    {
        CheckRange(start, target.Length);
        new ReadOnlySpan<int>(I32 + start, target.Length).CopyTo(target);
    }

    /// <summary>Copies the bytes of as many elements as fit, from <paramref name="start"/> on, as they lie in memory; not of quantised
    /// tensors, see <see cref="RowBytes"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer of them.</exception>
    public void CopyTo(Span<byte> target, long start = 0)
    {
        CheckRange(start, target.Length / DType.Size());
        new ReadOnlySpan<byte>(Pointer + start * DType.Size(), target.Length).CopyTo(target);
    }

    /// <summary>Sets the elements from <paramref name="start"/> on; bfloat16 is rounded to nearest even.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no room for them.</exception>
    public void CopyFrom(ReadOnlySpan<float> source, long start = 0)
    {
        CheckRange(start, source.Length);
        if (DType != DType.BFloat16)
        {
            source.CopyTo(new Span<float>(F32 + start, source.Length));
            return;
        }
        for (int i = 0; i < source.Length; i++)
        {
            B16[start + i] = BFloat16Bits.FromFloat(source[i]);
        }
    }

    /// <summary>Sets whole numbers from element <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no room for them.</exception>
    public void CopyFrom(ReadOnlySpan<int> source, long start = 0)
    {
        CheckRange(start, source.Length);
        source.CopyTo(new Span<int>(I32 + start, source.Length));
    }

    /// <summary>Copies 64-bit whole numbers from element <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer of them.</exception>
    public void CopyTo(Span<long> target, long start = 0)
    {
        CheckRange(start, target.Length);
        new ReadOnlySpan<long>(I64 + start, target.Length).CopyTo(target);
    }

    /// <summary>Sets 64-bit whole numbers from element <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no room for them.</exception>
    public void CopyFrom(ReadOnlySpan<long> source, long start = 0)
    {
        CheckRange(start, source.Length);
        source.CopyTo(new Span<long>(I64 + start, source.Length));
    }

    /// <summary>Copies all elements of a tensor of the same type and number of elements.</summary>
    /// <exception cref="ArgumentException">Type or number differ.</exception>
    public void CopyFrom(Tensor source)
    {
        if (source.DType != DType || source.Count != Count)
        {
            throw new ArgumentException($"{source.DType} {source.Shape} cannot be copied to {DType} {Shape}", nameof(source));
        }
        long bytes = DType.Bytes(Count);
        Buffer.MemoryCopy(source.Pointer, Pointer, bytes, bytes);
    }

    /// <summary>Lets <paramref name="write"/> fill the whole tensor: for loaders, which decode straight into it.</summary>
    /// <exception cref="InvalidOperationException">The elements are not of type <typeparamref name="T"/>.</exception>
    public void Load<T>(ElementWriter<T> write)
        where T : unmanaged
    {
        void* memory =
            typeof(T) == typeof(float) ? F32
            : typeof(T) == typeof(int) ? I32
            : typeof(T) == typeof(ushort) ? B16
            : throw new InvalidOperationException($"no tensor holds {typeof(T).Name}");
        write(new Span<T>(memory, checked((int)Count)));
    }

    /// <summary>All elements as float32.</summary>
    public float[] ToArray()
    {
        float[] values = new float[Count];
        CopyTo(values);
        return values;
    }

    /// <summary>One element as float32.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such element.</exception>
    public float Item(long index)
    {
        CheckRange(index, 1);
        return DType == DType.BFloat16 ? BFloat16Bits.ToFloat(B16[index]) : F32[index];
    }

    /// <summary>How many elements of an int32 tensor are <paramref name="value"/>.</summary>
    public long CountOf(int value)
    {
        long count = 0;
        int* all = I32;
        for (long i = 0; i < Count; i++)
        {
            count += all[i] == value ? 1 : 0;
        }
        return count;
    }

    private void CheckRange(long start, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start, nameof(count));
    }
}
