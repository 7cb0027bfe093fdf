using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Inkstone.Data;

/// <summary>Rows of Arrow's files and streams (Feather 2, what the library datasets keeps on disk), one record batch in memory at a
/// time.</summary>
internal static class ArrowRows
{
    /// <summary>Whether a file begins as Arrow's files do, or as its streams do.</summary>
    public static bool IsArrow(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        Span<byte> start = stackalloc byte[8];
        int read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        return read == 8
            && (start.StartsWith("ARROW1"u8) || (start is [0xFF, 0xFF, 0xFF, 0xFF, ..] && start[4..] is not [0, 0, 0, 0] && start[7] == 0));
    }

    /// <summary>The rows in order, in the form that Parquet's have.</summary>
    /// <param name="path">the file</param>
    /// <param name="wanted">names of the columns to read, where it has any of them; else all</param>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IEnumerable<JsonObject> Read(string path, IReadOnlyCollection<string> wanted)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        using ArrowStreamReader reader = Open(stream, path);
        for (long rows = 0; Next(reader, path, rows) is { } batch; rows += batch.Length)
        {
            using RecordBatch held = batch;
            int[] columns = [.. Enumerable.Range(0, batch.ColumnCount).Where(i => wanted.Contains(batch.Schema.GetFieldByIndex(i).Name))];
            if (columns.Length == 0)
            {
                columns = [.. Enumerable.Range(0, batch.ColumnCount)];
            }
            for (int i = 0; i < batch.Length; i++)
            {
                JsonObject row = new();
                foreach (int c in columns)
                {
                    row[batch.Schema.GetFieldByIndex(c).Name] = Value(batch.Schema.GetFieldByIndex(c), batch.Column(c), i);
                }
                yield return row;
            }
        }
    }

    private static ArrowStreamReader Open(FileStream stream, string path)
    {
        bool isFile = stream.ReadByte() == 'A';
        stream.Position = 0;
        try
        {
            return isFile
                ? new ArrowFileReader(stream, new CompressionCodecFactory())
                : new ArrowStreamReader(stream, new CompressionCodecFactory());
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Fault(path, 0, e);
        }
    }

    private static RecordBatch? Next(ArrowStreamReader reader, string path, long rows)
    {
        try
        {
            return reader.ReadNextRecordBatch();
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Fault(path, rows, e);
        }
    }

    private static bool IsDamage(Exception e) =>
        e
            is InvalidDataException
                or EndOfStreamException
                or InvalidOperationException
                or ArgumentException
                or IndexOutOfRangeException
                or NotSupportedException
                or NotImplementedException
                or OverflowException
                or FormatException
                or KeyNotFoundException;

    private static InvalidDataException Fault(string path, long rows, Exception e) =>
        new($"The Arrow file '{path}' cannot be read behind row {rows} ({e.Message.TrimEnd('.')}): fetch it again or write it anew.", e);

    private static JsonNode? Value(Field field, IArrowArray array, int i)
    {
        if (array.IsNull(i))
        {
            return null;
        }
        switch (array)
        {
            case BooleanArray a:
                return JsonValue.Create(a.GetValue(i)!.Value);
            case Int8Array a:
                return JsonValue.Create(a.Values[i]);
            case Int16Array a:
                return JsonValue.Create(a.Values[i]);
            case Int32Array a:
                return JsonValue.Create(a.Values[i]);
            case Int64Array a:
                return JsonValue.Create(a.Values[i]);
            case UInt8Array a:
                return JsonValue.Create(a.Values[i]);
            case UInt16Array a:
                return JsonValue.Create(a.Values[i]);
            case UInt32Array a:
                return JsonValue.Create(a.Values[i]);
            case UInt64Array a:
                return JsonValue.Create(a.Values[i]);
            case HalfFloatArray a:
                return Cells.Number((double)a.Values[i]);
            case FloatArray a:
                return Cells.Number(a.Values[i]);
            case DoubleArray a:
                return Cells.Number(a.Values[i]);
            case StringArray a:
                return Text(field, a.GetString(i));
            case LargeStringArray a:
                return Text(field, a.GetString(i));
            case StringViewArray a:
                return Text(field, a.GetString(i));
            case BinaryArray a:
                return Bytes(a.GetBytes(i));
            case LargeBinaryArray a:
                return Bytes(a.GetBytes(i));
            case BinaryViewArray a:
                return Bytes(a.GetBytes(i));
            case Date32Array a:
                return Cells.Date(a.Values[i]);
            case Date64Array a:
                return Cells.Date(a.Values[i] / 86_400_000);
            case TimestampArray a:
                return Cells.Timestamp(
                    a.Values[i],
                    PerSecond(((TimestampType)a.Data.DataType).Unit),
                    ((TimestampType)a.Data.DataType).Timezone is { Length: > 0 }
                );
            case Time32Array a:
                return Cells.Time(a.Values[i], 1_000_000_000 / PerSecond(((Time32Type)a.Data.DataType).Unit));
            case Time64Array a:
                return Cells.Time(a.Values[i], 1_000_000_000 / PerSecond(((Time64Type)a.Data.DataType).Unit));
            case DurationArray a:
                return JsonValue.Create(a.Values[i]);
            case Decimal128Array a:
                return Decimal(a.GetString(i)!);
            case Decimal256Array a:
                return Decimal(a.GetString(i)!);
            case Apache.Arrow.Arrays.FixedSizeBinaryArray a:
                return Bytes(a.GetBytes(i));
            case DictionaryArray a:
                return Value(field, a.Dictionary, Index(a.Indices, i));
            case MapArray a:
                return Pairs(a, i);
            case ListArray a:
                return List(((ListType)a.Data.DataType).ValueField, a.Values, a.ValueOffsets[i], a.ValueOffsets[i + 1]);
            case LargeListArray a:
                return List(((LargeListType)a.Data.DataType).ValueField, a.Values, (int)a.ValueOffsets[i], (int)a.ValueOffsets[i + 1]);
            case ListViewArray a:
                return List(((ListViewType)a.Data.DataType).ValueField, a.Values, a.ValueOffsets[i], a.ValueOffsets[i] + a.Sizes[i]);
            case FixedSizeListArray a:
                FixedSizeListType fixedType = (FixedSizeListType)a.Data.DataType;
                return List(fixedType.ValueField, a.Values, (a.Offset + i) * fixedType.ListSize, (a.Offset + i + 1) * fixedType.ListSize);
            case StructArray a:
                JsonObject group = new();
                IReadOnlyList<Field> fields = ((StructType)a.Data.DataType).Fields;
                for (int c = 0; c < fields.Count; c++)
                {
                    group[fields[c].Name] = Value(fields[c], a.Fields[c], i);
                }
                return group;
            case NullArray:
                return null;
            default:
                throw new NotSupportedException($"column '{field.Name}' is of type {array.Data.DataType.Name}, which is not read here");
        }
    }

    private static JsonNode? Text(Field field, string text) =>
        JsonColumns.IsJson(field) ? JsonColumns.Decode(text) : JsonValue.Create(text);

    private static JsonValue Bytes(ReadOnlySpan<byte> bytes) => JsonValue.Create(Convert.ToBase64String(bytes));

    private static JsonValue Decimal(string text) =>
        text.Count(char.IsAsciiDigit) <= 28 && decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out decimal number)
            ? JsonValue.Create(number)
            : JsonValue.Create(text);

    private static JsonArray List(Field element, IArrowArray values, int start, int end)
    {
        JsonArray list = new();
        for (int i = start; i < end; i++)
        {
            list.Add(Value(element, values, i));
        }
        return list;
    }

    private static JsonObject Pairs(MapArray map, int i)
    {
        JsonObject pairs = new();
        MapType type = (MapType)map.Data.DataType;
        for (int at = map.ValueOffsets[i]; at < map.ValueOffsets[i + 1]; at++)
        {
            pairs[Value(type.KeyField, map.Keys, at)?.ToString() ?? ""] = Value(type.ValueField, map.Values, at);
        }
        return pairs;
    }

    private static int Index(IArrowArray indices, int i) =>
        indices switch
        {
            Int8Array a => a.Values[i],
            Int16Array a => a.Values[i],
            Int32Array a => a.Values[i],
            Int64Array a => checked((int)a.Values[i]),
            UInt8Array a => a.Values[i],
            UInt16Array a => a.Values[i],
            UInt32Array a => checked((int)a.Values[i]),
            UInt64Array a => checked((int)a.Values[i]),
            _ => throw new InvalidDataException("a dictionary is indexed by no whole numbers"),
        };

    private static long PerSecond(TimeUnit unit) =>
        unit switch
        {
            TimeUnit.Second => 1,
            TimeUnit.Millisecond => 1_000,
            TimeUnit.Microsecond => 1_000_000,
            _ => 1_000_000_000,
        };
}
