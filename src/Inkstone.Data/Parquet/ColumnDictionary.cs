namespace Inkstone.Data;

/// <summary>The distinct values of a column chunk, which its data pages name by number.</summary>
internal sealed class ColumnDictionary
{
    private readonly PhysicalType _type;
    private readonly ReadOnlyMemory<byte> _source;
    private readonly int _size;
    private readonly int[] _ends = [];

    /// <exception cref="FormatException">The page holds fewer values than announced.</exception>
    public ColumnDictionary(PhysicalType type, int typeLength, int count, ReadOnlyMemory<byte> source)
    {
        (_type, _source, _size, Count) = (type, source, ValueDecoder.SizeOf(type, typeLength), count);
        int smallest = type == PhysicalType.ByteArray ? 4 : _size; // A value takes its length at least, so that no lie about the count allocates.
        if (smallest == 0)
        {
            throw new FormatException($"the type {type} has no dictionary");
        }
        if (count > source.Length / smallest)
        {
            throw new FormatException($"its dictionary has no room for {count} values");
        }
        if (type != PhysicalType.ByteArray)
        {
            return;
        }

        _ends = new int[count];
        PlainDecoder plain = new(type, typeLength, source);
        PhysicalValue value = default;
        for (int i = 0; i < count; i++)
        {
            plain.Read(ref value);
            _ends[i] = plain.Position;
        }
    }

    public int Count { get; }

    public void Read(int index, ref PhysicalValue value)
    {
        if ((uint)index >= (uint)Count)
        {
            throw new FormatException($"a value is number {(uint)index} of a dictionary of {Count}");
        }
        value.DictionaryIndex = index;
        if (_type != PhysicalType.ByteArray)
        {
            ValueDecoder.Set(ref value, _type, _source.Slice(index * _size, _size));
        }
        else
        {
            int start = (index == 0 ? 0 : _ends[index - 1]) + 4;
            value.Bytes = _source[start.._ends[index]];
        }
    }
}

/// <summary>A byte with the width of the numbers, then numbers of dictionary entries.</summary>
internal sealed class DictionaryDecoder(ColumnDictionary dictionary, ReadOnlyMemory<byte> source) : ValueDecoder
{
    private readonly RunLengths? _indexes = source.IsEmpty ? null : new(source[1..], source.Span[0]);

    public override void Read(ref PhysicalValue value) =>
        dictionary.Read((_indexes ?? throw new FormatException("a page ends before its last value")).Next(), ref value);
}
