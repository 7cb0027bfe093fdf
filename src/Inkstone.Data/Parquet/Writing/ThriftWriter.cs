using System.Text;

namespace Inkstone.Data;

/// <summary>Thrift's compact protocol, as far as Parquet's headers need it. Fields of a struct are written in ascending order.</summary>
internal sealed class ThriftWriter
{
    private const int True = 1,
        False = 2,
        Int32 = 5,
        Int64 = 6,
        Binary = 8,
        List = 9,
        Struct = 12;
    private readonly List<byte> _bytes = [];
    private readonly Stack<int> _outer = [];
    private int _last;

    public byte[] ToArray() => [.. _bytes];

    public ThriftWriter Field(int id, int value)
    {
        Head(id, Int32);
        Varint(ZigZag(value));
        return this;
    }

    public ThriftWriter Field(int id, long value)
    {
        Head(id, Int64);
        Varint(ZigZag(value));
        return this;
    }

    public ThriftWriter Field(int id, bool value)
    {
        Head(id, value ? True : False);
        return this;
    }

    public ThriftWriter Field(int id, string value)
    {
        Head(id, Binary);
        Text(value);
        return this;
    }

    public ThriftWriter Field(int id, Action<ThriftWriter> fields)
    {
        Head(id, Struct);
        return Body(fields);
    }

    public ThriftWriter Field(int id, IReadOnlyCollection<int> values)
    {
        ListHead(id, values.Count, Int32);
        foreach (int value in values)
        {
            Varint(ZigZag(value));
        }
        return this;
    }

    public ThriftWriter Field(int id, IReadOnlyCollection<string> values)
    {
        ListHead(id, values.Count, Binary);
        foreach (string value in values)
        {
            Text(value);
        }
        return this;
    }

    public ThriftWriter Field<T>(int id, IReadOnlyCollection<T> values, Action<ThriftWriter, T> fields)
    {
        ListHead(id, values.Count, Struct);
        foreach (T value in values)
        {
            Body(w => fields(w, value));
        }
        return this;
    }

    /// <summary>Ends the outermost struct.</summary>
    public ThriftWriter End()
    {
        _bytes.Add(0);
        return this;
    }

    private ThriftWriter Body(Action<ThriftWriter> fields)
    {
        _outer.Push(_last);
        _last = 0;
        fields(this);
        End();
        _last = _outer.Pop();
        return this;
    }

    private void Head(int id, int type)
    {
        _bytes.Add((byte)((id - _last) << 4 | type)); // Never more than 15 apart here.
        _last = id;
    }

    private void ListHead(int id, int count, int type)
    {
        Head(id, List);
        if (count < 15)
        {
            _bytes.Add((byte)(count << 4 | type));
            return;
        }
        _bytes.Add((byte)(0xF0 | type));
        Varint((ulong)count);
    }

    private void Text(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Varint((ulong)bytes.Length);
        _bytes.AddRange(bytes);
    }

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.Add((byte)(value | 0x80));
        }
        _bytes.Add((byte)value);
    }

    private static ulong ZigZag(long value) => (ulong)(value << 1 ^ value >> 63);
}
