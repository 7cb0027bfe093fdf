namespace Inkstone.Data;

/// <summary>Integers as differences in blocks of miniblocks, each with a bit width of its own (Parquet's DELTA_BINARY_PACKED).</summary>
internal sealed class DeltaIntegers
{
    private const int LargestBlock = 1 << 24;
    private readonly ReadOnlyMemory<byte> _source;
    private readonly int _miniblocks;
    private readonly int _miniblockSize;
    private long _left;
    private bool _isFirst = true;
    private long _value;
    private long _minDelta;
    private int _position;
    private int _widths;
    private int _miniblock;
    private int _leftInMiniblock;
    private int _width;
    private long _bit;

    public DeltaIntegers(ReadOnlyMemory<byte> source)
    {
        _source = source;
        ReadOnlySpan<byte> bytes = source.Span;
        ulong block = Bits.ReadVarint(bytes, ref _position),
            miniblocks = Bits.ReadVarint(bytes, ref _position);
        ulong count = Bits.ReadVarint(bytes, ref _position);
        _value = ZigZag(bytes);
        if (
            block == 0
            || block > LargestBlock
            || miniblocks == 0
            || miniblocks > block
            || block % miniblocks != 0
            || block / miniblocks % 8 != 0
            || count > int.MaxValue
        )
        {
            throw new FormatException("a page begins with impossible sizes of delta blocks");
        }
        (_miniblocks, _miniblockSize, _left) = ((int)miniblocks, (int)(block / miniblocks), (long)count);
        _miniblock = _miniblocks;
    }

    /// <summary>Bytes that a whole sequence takes, found without unpacking it.</summary>
    public static int LengthOf(ReadOnlyMemory<byte> source)
    {
        DeltaIntegers walk = new(source);
        for (walk._left--; walk._left > 0; walk._left -= walk._miniblockSize)
        {
            walk.OpenMiniblock(source.Span);
        }
        return walk._position;
    }

    public long Next()
    {
        if (_left <= 0)
        {
            throw new FormatException("a page ends before its last value");
        }
        _left--;
        if (_isFirst)
        {
            _isFirst = false;
            return _value;
        }
        ReadOnlySpan<byte> source = _source.Span;
        if (_leftInMiniblock == 0)
        {
            OpenMiniblock(source);
            _leftInMiniblock = _miniblockSize;
        }
        _leftInMiniblock--;
        _value = unchecked(_value + _minDelta + (long)Bits.Read(source, _bit, _width));
        _bit += _width;
        return _value;
    }

    private void OpenMiniblock(ReadOnlySpan<byte> source)
    {
        if (_miniblock == _miniblocks)
        {
            _minDelta = ZigZag(source);
            _widths = _position;
            _position += _miniblocks;
            _miniblock = 0;
            if (_position > source.Length)
            {
                throw new FormatException("a page ends in the middle of a delta block");
            }
        }
        _width = source[_widths + _miniblock++];
        if (_width > 64)
        {
            throw new FormatException($"a delta block has numbers of {_width} bits");
        }
        _bit = 8L * _position;
        long end = _position + (long)_miniblockSize / 8 * _width;
        if (end > source.Length)
        {
            throw new FormatException("a page ends in the middle of a delta block");
        }
        _position = (int)end;
    }

    private long ZigZag(ReadOnlySpan<byte> source)
    {
        ulong value = Bits.ReadVarint(source, ref _position);
        return (long)(value >> 1) ^ -(long)(value & 1);
    }
}

internal sealed class DeltaBinaryPackedDecoder(PhysicalType type, ReadOnlyMemory<byte> source) : ValueDecoder
{
    private readonly DeltaIntegers? _integers = source.IsEmpty ? null : new(source);

    public override void Read(ref PhysicalValue value)
    {
        long number = (_integers ?? throw new FormatException("a page ends before its last value")).Next();
        value.Bits = type == PhysicalType.Int32 ? unchecked((int)number) : number; // Differences of 32-bit numbers wrap around.
    }
}

/// <summary>All lengths, then all bytes.</summary>
internal sealed class DeltaLengthByteArrayDecoder : ValueDecoder
{
    private readonly ReadOnlyMemory<byte> _source;
    private readonly DeltaIntegers? _lengths;
    private int _position;

    public DeltaLengthByteArrayDecoder(ReadOnlyMemory<byte> source)
    {
        _source = source;
        if (source.IsEmpty)
        {
            return;
        }
        _lengths = new DeltaIntegers(source);
        _position = DeltaIntegers.LengthOf(source);
    }

    public override void Read(ref PhysicalValue value) => value.Bytes = Next();

    public ReadOnlyMemory<byte> Next()
    {
        long length = (_lengths ?? throw new FormatException("a page ends before its last value")).Next();
        if ((ulong)length > (ulong)(_source.Length - _position))
        {
            throw new FormatException($"a page ends in the middle of a value of {(ulong)length} bytes");
        }
        ReadOnlyMemory<byte> bytes = _source.Slice(_position, (int)length);
        _position += (int)length;
        return bytes;
    }
}

/// <summary>Each value as what it shares with the one before it, and the rest.</summary>
internal sealed class DeltaByteArrayDecoder : ValueDecoder
{
    private readonly DeltaIntegers? _prefixes;
    private readonly DeltaLengthByteArrayDecoder? _suffixes;
    private readonly int _fixedLength;
    private byte[] _value = [];
    private int _length;

    /// <param name="source">bytes of the page behind its levels</param>
    /// <param name="fixedLength">length that each value must have; 0 for any</param>
    public DeltaByteArrayDecoder(ReadOnlyMemory<byte> source, int fixedLength)
    {
        _fixedLength = fixedLength;
        if (source.IsEmpty)
        {
            return;
        }
        _prefixes = new DeltaIntegers(source);
        _suffixes = new DeltaLengthByteArrayDecoder(source[DeltaIntegers.LengthOf(source)..]);
    }

    public override void Read(ref PhysicalValue value)
    {
        if (_prefixes is null || _suffixes is null)
        {
            throw new FormatException("a page ends before its last value");
        }
        long prefix = _prefixes.Next();
        ReadOnlyMemory<byte> suffix = _suffixes.Next();
        if ((ulong)prefix > (ulong)_length)
        {
            throw new FormatException("a value shares more with the one before it than that has");
        }
        int length = (int)prefix + suffix.Length;
        if (_fixedLength > 0 && length != _fixedLength)
        {
            throw new FormatException($"a value has {length} bytes instead of {_fixedLength}");
        }
        if (_value.Length < length)
        {
            Array.Resize(ref _value, Math.Max(length, 2 * _value.Length));
        }
        suffix.Span.CopyTo(_value.AsSpan((int)prefix));
        _length = length;
        value.Bytes = _value.AsMemory(0, length);
    }
}
