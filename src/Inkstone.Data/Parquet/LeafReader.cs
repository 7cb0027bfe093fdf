using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Inkstone.Data;

/// <summary>
/// Turns stored values of one column into JSON: numbers and booleans as they are, decimals as numbers (as texts where they have more
/// than 28 digits), dates and times in ISO 8601, byte arrays as texts, bytes that are declared to be none in base 64, numbers that JSON
/// lacks as the texts NaN, Infinity and -Infinity.
/// </summary>
internal sealed class LeafReader(SchemaNode column)
{
    private const int JulianDayOf1970 = 2440588;
    private const int LongestText = 1 << 28;
    private readonly SchemaElement _element = column.Element;
    private string?[] _texts = [];

    /// <summary>Texts that were no valid UTF-8, and were read with U+FFFD instead.</summary>
    public long InvalidTexts { get; private set; }

    /// <summary>Whether a column is text: byte arrays are, also where their writer left no word about it, as Hive, Impala and older Spark
    /// do.</summary>
    private static bool IsText(SchemaElement element) =>
        element.Annotation == Annotation.Text || (element.Type == PhysicalType.ByteArray && element.Annotation == Annotation.None);

    /// <summary>Whether a column is bytes that mean neither text nor number nor time.</summary>
    public static bool IsBytes(SchemaElement element) =>
        element.Type is PhysicalType.ByteArray or PhysicalType.FixedLengthByteArray
        && !IsText(element)
        && element.Annotation is not (Annotation.Decimal or Annotation.Float16 or Annotation.Uuid);

    /// <summary>Texts of a dictionary are decoded once.</summary>
    public void StartDictionary(int count) => _texts = IsText(_element) ? new string?[count] : [];

    public JsonNode? Read(in PhysicalValue value) =>
        _element.Type switch
        {
            PhysicalType.Boolean => JsonValue.Create(value.Bits != 0),
            PhysicalType.Int32 or PhysicalType.Int64 => Integer(value.Bits),
            PhysicalType.Float => Cells.Number(BitConverter.Int32BitsToSingle((int)value.Bits)),
            PhysicalType.Double => Cells.Number(BitConverter.Int64BitsToDouble(value.Bits)),
            PhysicalType.Int96 => OldTimestamp(value.Bytes.Span),
            _ => Bytes(value),
        };

    private JsonValue? Integer(long value) =>
        _element.Annotation switch
        {
            Annotation.Unsigned => _element.Type == PhysicalType.Int32 ? JsonValue.Create((uint)value) : JsonValue.Create((ulong)value),
            Annotation.Decimal => Decimal(value),
            Annotation.Date => Cells.Date(value),
            Annotation.TimeMillis => Cells.Time(value, 1_000_000),
            Annotation.TimeMicros => Cells.Time(value, 1_000),
            Annotation.TimeNanos => Cells.Time(value, 1),
            Annotation.TimestampMillis => Cells.Timestamp(value, 1_000, _element.IsUtc),
            Annotation.TimestampMicros => Cells.Timestamp(value, 1_000_000, _element.IsUtc),
            Annotation.TimestampNanos => Cells.Timestamp(value, 1_000_000_000, _element.IsUtc),
            _ => JsonValue.Create(value),
        };

    private JsonValue? Bytes(in PhysicalValue value)
    {
        if (value.DictionaryIndex >= 0 && value.DictionaryIndex < _texts.Length)
        {
            return JsonValue.Create(_texts[value.DictionaryIndex] ?? DictionaryText(value));
        }
        ReadOnlySpan<byte> bytes = value.Bytes.Span;
        if (bytes.Length > LongestText)
        {
            throw new FormatException($"a value of {bytes.Length} bytes is longer than {LongestText}");
        }
        if (IsText(_element))
        {
            return JsonValue.Create(Text(bytes));
        }
        switch (_element.Annotation)
        {
            case Annotation.Decimal:
                return Decimal(new BigInteger(bytes, isBigEndian: true));
            case Annotation.Float16 when bytes.Length == 2:
                return Cells.Number((double)BinaryPrimitives.ReadHalfLittleEndian(bytes));
            case Annotation.Uuid when bytes.Length == 16:
                return JsonValue.Create(new Guid(bytes, bigEndian: true).ToString());
            default:
                return JsonValue.Create(Convert.ToBase64String(bytes));
        }
    }

    private string DictionaryText(in PhysicalValue value)
    {
        long before = InvalidTexts;
        string text = Text(value.Bytes.Span);
        if (InvalidTexts == before)
        {
            _texts[value.DictionaryIndex] = text; // What is invalid is counted each time.
        }
        return text;
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes))
        {
            InvalidTexts++;
        }
        return Encoding.UTF8.GetString(bytes);
    }

    private JsonValue Decimal(BigInteger unscaled)
    {
        int scale = _element.Scale;
        if (scale is >= 0 and <= 28 && _element.Precision <= 28 && BigInteger.Abs(unscaled) < BigInteger.Pow(10, 28))
        {
            Span<byte> magnitude = stackalloc byte[12];
            magnitude.Clear();
            BigInteger.Abs(unscaled).TryWriteBytes(magnitude, out _, isUnsigned: true);
            return JsonValue.Create(
                new decimal(
                    BinaryPrimitives.ReadInt32LittleEndian(magnitude),
                    BinaryPrimitives.ReadInt32LittleEndian(magnitude[4..]),
                    BinaryPrimitives.ReadInt32LittleEndian(magnitude[8..]),
                    unscaled.Sign < 0,
                    (byte)scale
                )
            );
        }
        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture);
        if (scale is > 0 and < 1000)
        {
            digits = digits.PadLeft(scale + 1, '0');
            digits = $"{digits[..^scale]}.{digits[^scale..]}";
        }
        return JsonValue.Create(unscaled.Sign < 0 ? $"-{digits}" : digits);
    }

    /// <summary>Nanoseconds of the day and the Julian day, as Hive, Impala and Spark have written timestamps.</summary>
    private static JsonValue OldTimestamp(ReadOnlySpan<byte> bytes) =>
        Cells.Moment(
            (long)BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]) - JulianDayOf1970,
            BinaryPrimitives.ReadInt64LittleEndian(bytes),
            isUtc: false
        ) ?? JsonValue.Create(Convert.ToBase64String(bytes));
}
