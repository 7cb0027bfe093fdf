using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>
/// Small integers in runs of repeated or bit-packed values (Parquet's RLE / bit-packing hybrid): levels, dictionary indexes, booleans.
/// </summary>
internal sealed class RunLengths
{
    private readonly ReadOnlyMemory<byte> _source;
    private readonly int _width;
    private int _position;
    private long _left;
    private bool _isPacked;
    private int _repeated;
    private long _bit;

    /// <exception cref="FormatException">No such width is possible.</exception>
    public RunLengths(ReadOnlyMemory<byte> source, int width)
    {
        if (width > 32)
        {
            throw new FormatException($"its numbers are said to have {width} bits");
        }
        (_source, _width) = (source, width);
    }

    public int Next()
    {
        if (_width == 0)
        {
            return 0;
        }
        ReadOnlySpan<byte> source = _source.Span;
        while (_left == 0)
        {
            StartRun(source);
        }
        _left--;
        if (!_isPacked)
        {
            return _repeated;
        }
        int value = (int)Bits.Read(source, _bit, _width);
        _bit += _width;
        return value;
    }

    private void StartRun(ReadOnlySpan<byte> source)
    {
        ulong header = Bits.ReadVarint(source, ref _position);
        _left = (long)(header >> 1);
        _isPacked = (header & 1) != 0;
        if (_isPacked)
        {
            _bit = 8L * _position;
            _position = (int)Math.Min(source.Length, _position + Math.Min(_left, int.MaxValue) * _width);
            _left = Math.Min(_left, int.MaxValue) * 8;
        }
        else
        {
            int bytes = (_width + 7) / 8;
            Span<byte> value = stackalloc byte[4];
            value.Clear();
            source.Slice(_position, bytes).CopyTo(value);
            _repeated = BinaryPrimitives.ReadInt32LittleEndian(value);
            _position += bytes;
        }
    }
}
