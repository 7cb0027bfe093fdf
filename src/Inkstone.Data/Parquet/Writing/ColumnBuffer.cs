using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>The values of one column of a row group with their levels (Dremel: Melnik et al. 2010, section 4), on the way to one
/// page.</summary>
internal sealed class ColumnBuffer(string[] path, JsonShape shape, int maxRepetition, int maxDefinition)
{
    private readonly ArrayBufferWriter<byte> _values = new();
    private readonly List<byte> _repetitions = [],
        _definitions = [];
    private readonly List<bool> _flags = [];

    public string[] Path => path;

    public int Count => _definitions.Count;

    public PhysicalType Type =>
        shape.Kind switch
        {
            ShapeKind.Boolean => PhysicalType.Boolean,
            ShapeKind.Integer => shape.IsNarrow && !shape.IsUnsigned ? PhysicalType.Int32 : PhysicalType.Int64,
            ShapeKind.Number => PhysicalType.Double,
            _ => PhysicalType.ByteArray,
        };

    /// <summary>ConvertedType of parquet.thrift, or -1.</summary>
    public int Converted =>
        Type == PhysicalType.ByteArray ? ParquetWriter.Utf8
        : Type == PhysicalType.Int64 && shape.IsUnsigned ? ParquetWriter.Uint64
        : -1;

    /// <summary>Bytes so far, about.</summary>
    public long Bytes => _values.WrittenCount + 2L * Count;

    public void AddNull(int repetition, int definition)
    {
        _repetitions.Add((byte)repetition);
        _definitions.Add((byte)definition);
    }

    public void Add(JsonNode value, int repetition)
    {
        AddNull(repetition, maxDefinition);
        Span<byte> bytes = stackalloc byte[8];
        switch (Type)
        {
            case PhysicalType.Boolean:
                _flags.Add(value.GetValue<bool>());
                break;
            case PhysicalType.Int32:
                BinaryPrimitives.WriteInt32LittleEndian(
                    bytes,
                    int.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)
                );
                _values.Write(bytes[..4]);
                break;
            case PhysicalType.Int64:
                BinaryPrimitives.WriteInt64LittleEndian(
                    bytes,
                    shape.IsUnsigned
                        ? (long)ulong.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)
                        : long.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture)
                );
                _values.Write(bytes);
                break;
            case PhysicalType.Double:
                BinaryPrimitives.WriteDoubleLittleEndian(
                    bytes,
                    double.Parse(value.ToString(), System.Globalization.CultureInfo.InvariantCulture)
                );
                _values.Write(bytes);
                break;
            default:
                byte[] text = Encoding.UTF8.GetBytes(
                    shape.Kind == ShapeKind.Text ? value.GetValue<string>() : value.ToJsonString(ParquetWriter.Readable)
                );
                BinaryPrimitives.WriteInt32LittleEndian(bytes, text.Length);
                _values.Write(bytes[..4]);
                _values.Write(text);
                break;
        }
    }

    /// <summary>The body of a page of version 1: levels, then plain values; the buffer is empty afterwards.</summary>
    public byte[] TakePage(out int count)
    {
        using MemoryStream page = new();
        if (maxRepetition > 0)
        {
            WriteLevels(page, _repetitions, maxRepetition);
        }
        if (maxDefinition > 0)
        {
            WriteLevels(page, _definitions, maxDefinition);
        }
        byte[] packed = new byte[(_flags.Count + 7) / 8];
        for (int i = 0; i < _flags.Count; i++)
        {
            if (_flags[i])
            {
                packed[i / 8] |= (byte)(1 << i % 8);
            }
        }
        page.Write(packed);
        page.Write(_values.WrittenSpan);
        count = Count;
        _values.ResetWrittenCount();
        _flags.Clear();
        _repetitions.Clear();
        _definitions.Clear();
        return page.ToArray();
    }

    /// <summary>Runs of equal levels: a varint of twice the length, then the level (Encodings.md, RLE).</summary>
    private static void WriteLevels(MemoryStream page, List<byte> levels, int max)
    {
        using MemoryStream runs = new();
        for (int start = 0; start < levels.Count; )
        {
            int end = start + 1;
            while (end < levels.Count && levels[end] == levels[start])
            {
                end++;
            }
            uint length = (uint)(end - start) << 1;
            for (; length >= 0x80; length >>= 7)
            {
                runs.WriteByte((byte)(length | 0x80));
            }
            runs.WriteByte((byte)length);
            runs.WriteByte(levels[start]); // Levels below 256 fit one byte.
            start = end;
        }
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, (int)runs.Length);
        page.Write(size);
        runs.WriteTo(page);
    }
}
