using System.Buffers.Binary;
using System.IO.Hashing;
using System.Numerics;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Data;

/// <summary>
/// Walks the entries of one column of a row group: each has a repetition and a definition level, and a value where it is fully
/// defined. One page is in memory at a time, and the dictionary.
/// </summary>
internal sealed class ColumnCursor
{
    private const int LargestHeader = 1 << 24;
    private const int LargestPage = 1 << 30;
    private readonly SafeFileHandle _file;
    private readonly ColumnChunk _chunk;
    private readonly SchemaNode _column;
    private readonly string _place;
    private readonly PhysicalType _type;
    private readonly LeafReader _leaf;
    private readonly ByteBuffer _page = new();
    private byte[] _packed = [];
    private long _position;
    private long _valuesLeft;
    private int _pageValuesLeft;
    private int _pageNumber = -1;
    private RunLengths? _repetitions;
    private RunLengths? _definitions;
    private ValueDecoder? _values;
    private ColumnDictionary? _dictionary;
    private PhysicalValue _value;

    public ColumnCursor(SafeFileHandle file, ColumnChunk chunk, SchemaNode column, string place)
    {
        (_file, _chunk, _column, _place, _type) = (file, chunk, column, place, chunk.Type);
        (_position, _valuesLeft) = (chunk.Start, chunk.Values);
        _leaf = new LeafReader(column);
        Advance();
    }

    /// <inheritdoc cref="LeafReader.InvalidTexts"/>
    public long InvalidTexts => _leaf.InvalidTexts;

    /// <summary>Repetition level of the current entry; 0 at the end.</summary>
    public int Repetition { get; private set; }

    /// <summary>Definition level of the current entry; -1 at the end.</summary>
    public int Definition { get; private set; }

    public bool IsAtEnd => Definition < 0;

    /// <summary>The current entry's value as JSON.</summary>
    public JsonNode? Value()
    {
        try
        {
            return _leaf.Read(_value);
        }
        catch (FormatException exception)
        {
            throw Fault(exception.Message, exception);
        }
    }

    /// <summary>Goes to the next entry.</summary>
    /// <exception cref="InvalidDataException">The column is damaged.</exception>
    public void Advance()
    {
        try
        {
            while (_pageValuesLeft == 0 && _valuesLeft > 0)
            {
                ReadPage();
            }
            if (_valuesLeft == 0)
            {
                (Repetition, Definition) = (0, -1);
                return;
            }
            _pageValuesLeft--;
            _valuesLeft--;
            Repetition = _repetitions?.Next() ?? 0;
            Definition = _definitions?.Next() ?? 0;
            if ((uint)Repetition > (uint)_column.MaxRepetition || (uint)Definition > (uint)_column.MaxDefinition)
            {
                throw new FormatException("a level is higher than its schema allows");
            }
            if (Definition < _column.MaxDefinition)
            {
                return;
            }
            _value.DictionaryIndex = -1;
            _values!.Read(ref _value);
        }
        catch (FormatException exception)
        {
            throw Fault(exception.Message, exception);
        }
        catch (Exception exception) when (exception is ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw Fault("a page is shorter than what it should hold", exception); // Caught by the bounds of a span.
        }
    }

    /// <summary>A fault of the current page; pages are counted from 0 as row groups are, a dictionary's too.</summary>
    public InvalidDataException Fault(string reason, Exception? exception = null) =>
        new($"{_place}, column '{_column.Path}', page {_pageNumber}: {reason}: fetch the file again or write it anew.", exception);

    private void ReadPage()
    {
        _pageNumber++;
        PageHeader header = ReadHeader();
        if (header.PackedLength > End - _position)
        {
            throw new FormatException($"a page of {header.PackedLength} bytes does not fit into its column of {_chunk.Length}");
        }
        if (header.Length > LargestPage)
        {
            throw new FormatException($"a page of {header.Length} bytes is larger than 1 GiB, so write smaller ones");
        }
        if (header.Type is not (PageType.Data or PageType.DataV2 or PageType.Dictionary))
        {
            _position += header.PackedLength;
            return;
        }
        Load(header.PackedLength);
        ReadOnlySpan<byte> packed = _packed.AsSpan(0, header.PackedLength);
        if (header.Crc is { } crc && Crc32.HashToUInt32(packed) != (uint)crc)
        {
            throw new FormatException("a page does not have its checksum");
        }
        switch (header.Type)
        {
            case PageType.Dictionary:
                ReadDictionary(header);
                break;
            case PageType.Data:
                StartPage(header);
                break;
            default:
                StartPageV2(header);
                break;
        }
    }

    private long End => _chunk.Start + _chunk.Length;

    /// <summary>The length of a header is known only when it is read: a few hundred bytes, or many with statistics of long texts.</summary>
    private PageHeader ReadHeader()
    {
        for (int window = 512; ; window *= 8)
        {
            int length = (int)Math.Min(window, End - _position);
            if (length <= 0)
            {
                throw new FormatException($"its pages end with {_valuesLeft} values missing");
            }
            if (_packed.Length < length)
            {
                _packed = new byte[length];
            }
            ReadFile(length);
            try
            {
                PageHeader header = PageHeader.Read(_packed.AsSpan(0, length), out int headerLength);
                _position += headerLength;
                return header;
            }
            catch (Exception exception)
                when (exception is EndOfStreamException or FormatException && length == window && window < LargestHeader)
            {
                // It may go on behind the window.
            }
            catch (EndOfStreamException exception)
            {
                throw new FormatException("a page header is cut off", exception);
            }
        }
    }

    private void Load(int length)
    {
        if (_packed.Length < length)
        {
            _packed = new byte[length];
        }
        ReadFile(length);
        _position += length;
    }

    private void ReadFile(int length)
    {
        for (int read = 0; read < length; )
        {
            int more = RandomAccess.Read(_file, _packed.AsSpan(read, length - read), _position + read);
            if (more == 0)
            {
                throw new FormatException("the file ends in the middle of it");
            }
            read += more;
        }
    }

    private void ReadDictionary(PageHeader header)
    {
        if (_dictionary is not null)
        {
            throw new FormatException("it has two dictionaries");
        }
        if (header.Encoding is not (ValueEncoding.Plain or ValueEncoding.PlainDictionary))
        {
            throw new FormatException($"its dictionary has the encoding {header.Encoding}");
        }
        ByteBuffer bytes = new();
        PageCodec.Unpack(_chunk.Codec, _packed, 0, header.PackedLength, header.Length, bytes);
        _dictionary = new ColumnDictionary(_type, _column.Element.TypeLength, header.Values, bytes.Memory);
        _leaf.StartDictionary(_dictionary.Count);
    }

    private void StartPage(PageHeader header)
    {
        PageCodec.Unpack(_chunk.Codec, _packed, 0, header.PackedLength, header.Length, _page);
        ReadOnlyMemory<byte> page = _page.Memory;
        _repetitions = Levels(ref page, _column.MaxRepetition, header.RepetitionEncoding);
        _definitions = Levels(ref page, _column.MaxDefinition, header.DefinitionEncoding);
        StartValues(header, page);
    }

    private static RunLengths? Levels(ref ReadOnlyMemory<byte> page, int max, ValueEncoding encoding)
    {
        if (max == 0)
        {
            return null;
        }
        if (encoding != ValueEncoding.Rle)
        {
            throw new FormatException($"its levels have the encoding {encoding}, which is not read here");
        }
        int length = BinaryPrimitives.ReadInt32LittleEndian(page.Span);
        ReadOnlyMemory<byte> levels = page.Slice(4, length);
        page = page[(4 + length)..];
        return new RunLengths(levels, WidthOf(max));
    }

    /// <summary>In pages of version 2 the levels stand before the packed bytes.</summary>
    private void StartPageV2(PageHeader header)
    {
        long levels = (long)header.RepetitionLength + header.DefinitionLength;
        if (levels > header.PackedLength || levels > header.Length)
        {
            throw new FormatException("the levels of a page are longer than the page");
        }
        int start = (int)levels;
        PageCodec.Unpack(
            header.IsPacked && header.PackedLength > start ? _chunk.Codec : 0,
            _packed,
            start,
            header.PackedLength,
            header.Length - start,
            _page
        );
        _repetitions =
            _column.MaxRepetition == 0
                ? null
                : new RunLengths(_packed.AsMemory(0, header.RepetitionLength), WidthOf(_column.MaxRepetition));
        _definitions =
            _column.MaxDefinition == 0
                ? null
                : new RunLengths(_packed.AsMemory(header.RepetitionLength, header.DefinitionLength), WidthOf(_column.MaxDefinition));
        StartValues(header, _page.Memory);
    }

    private void StartValues(PageHeader header, ReadOnlyMemory<byte> bytes)
    {
        if (header.Values > _valuesLeft)
        {
            throw new FormatException($"a page holds {header.Values} values where {_valuesLeft} are left");
        }
        _pageValuesLeft = header.Values;
        _values = header.Values == 0 ? null : ValueDecoder.For(header.Encoding, _type, _column.Element.TypeLength, bytes, _dictionary);
    }

    private static int WidthOf(int max) => BitOperations.Log2((uint)max) + 1;
}
