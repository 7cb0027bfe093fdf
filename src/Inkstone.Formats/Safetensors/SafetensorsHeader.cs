using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Inkstone.Formats;

/// <summary>
/// The header of a safetensors file: eight bytes with its length N, N bytes of JSON, then data without holes.
/// Every rule of the format is checked here, before any address is computed; a broken rule is named in the message.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Largest header that readers accept, in bytes.</summary>
    public const int MaxLength = 100_000_000;

    /// <summary>Bytes before the header: its length as a little-endian 64-bit number.</summary>
    internal const int PrefixLength = 8;

    private const string MetadataKey = "__metadata__";

    private SafetensorsHeader(TensorEntry[] tensors, IReadOnlyDictionary<string, string> metadata) =>
        (Tensors, Metadata) = (tensors, metadata);

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The file's free text, e.g. <c>format: pt</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Length of the header, from the first bytes of a file of <paramref name="fileLength"/> bytes.</summary>
    public static int ReadLength(ReadOnlySpan<byte> start, long fileLength, string file)
    {
        if (start.Length < PrefixLength || fileLength < PrefixLength)
        {
            throw Invalid(file, "HeaderTooSmall", $"{fileLength} bytes are fewer than the 8 of the header's length");
        }
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > MaxLength)
        {
            throw Invalid(file, "HeaderTooLarge", $"the header claims {length} bytes, the limit is {MaxLength}");
        }
        if ((long)length > fileLength - PrefixLength)
        {
            throw Invalid(
                file,
                "InvalidHeaderLength",
                $"the header claims {length} bytes, the file has {fileLength - PrefixLength} after its length field"
            );
        }
        return (int)length;
    }

    /// <summary>Parses the JSON and checks every tensor against <paramref name="dataLength"/>, the number of bytes after the
    /// header.</summary>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string file)
    {
        if (!Utf8.IsValid(json))
        {
            throw Invalid(file, "InvalidHeader", "the header is not UTF-8");
        }
        if (!json.TrimStart(" \t\r\n"u8).StartsWith("{"u8))
        {
            throw Invalid(file, "InvalidHeaderStart", "the header does not begin with {");
        }
        TensorEntry[] tensors;
        Dictionary<string, string> metadata = [];
        try
        {
            Utf8JsonReader reader = new(json);
            tensors = [.. ReadTensors(ref reader, metadata, file)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(file, "InvalidHeaderDeserialization", e.Message.ReplaceLineEndings(" "));
        }
        Array.Sort(tensors, (a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long end = CheckOffsets(tensors, file);
        if (end != dataLength)
        {
            throw Invalid(
                file,
                "MetadataIncompleteBuffer",
                $"the tensors take {end} bytes, the file holds {dataLength}; it is cut short or has bytes to spare"
            );
        }
        return new SafetensorsHeader(tensors, metadata);
    }

    /// <summary>Each tensor begins where the one before ends, and is as long as its type and sizes say.</summary>
    private static long CheckOffsets(TensorEntry[] tensors, string file)
    {
        long position = 0;
        foreach (TensorEntry t in tensors)
        {
            if (t.Begin != position || t.End < t.Begin)
            {
                throw Invalid(file, $"InvalidOffset({t.Name})", $"it lies at [{t.Begin}, {t.End}), the next free byte is {position}");
            }
            position = t.End;
            long bits = Bits(t, file);
            if (bits % 8 != 0)
            {
                throw Invalid(file, $"MisalignedSlice({t.Name})", $"{bits} bits do not fill whole bytes");
            }
            if (bits / 8 != t.ByteCount)
            {
                throw Invalid(
                    file,
                    $"TensorInvalidInfo({t.Name})",
                    $"{t.Describe()} takes {bits / 8} bytes, its offsets say {t.ByteCount}"
                );
            }
        }
        return position;
    }

    private static long Bits(TensorEntry t, string file)
    {
        try
        {
            long count = 1;
            foreach (long size in t.Shape)
            {
                count = checked(count * size);
            }
            return checked(count * SafetensorsTypes.Bits(t.DType));
        }
        catch (OverflowException)
        {
            throw Invalid(file, $"ValidationOverflow({t.Name})", $"{t.Describe()} has more bytes than can be counted");
        }
    }

    private static List<TensorEntry> ReadTensors(ref Utf8JsonReader reader, Dictionary<string, string> metadata, string file)
    {
        List<TensorEntry> tensors = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        Expect(ref reader, JsonTokenType.StartObject, "the header");
        while (NextKey(ref reader) is { } name)
        {
            if (!seen.Add(name))
            {
                throw Invalid(file, "DuplicateKey", $"\"{name}\" stands twice in the header");
            }
            if (name == MetadataKey)
            {
                ReadMetadata(ref reader, metadata, file);
            }
            else
            {
                tensors.Add(ReadTensor(ref reader, name, file));
            }
        }
        if (reader.Read())
        {
            throw new JsonException("something follows the header's object");
        }
        return tensors;
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata, string file)
    {
        Expect(ref reader, JsonTokenType.StartObject, MetadataKey);
        while (NextKey(ref reader) is { } key)
        {
            Expect(ref reader, JsonTokenType.String, $"{MetadataKey}.{key}");
            if (!metadata.TryAdd(key, reader.GetString()!))
            {
                throw Invalid(file, "DuplicateKey", $"\"{key}\" stands twice in {MetadataKey}");
            }
        }
    }

    private static TensorEntry ReadTensor(ref Utf8JsonReader reader, string name, string file)
    {
        string? type = null;
        long[]? shape = null,
            offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, name);
        while (NextKey(ref reader) is { } key)
        {
            bool twice = key switch
            {
                "dtype" => type is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => false,
            };
            if (twice)
            {
                throw Invalid(file, "DuplicateKey", $"\"{key}\" stands twice in \"{name}\"");
            }
            switch (key)
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String, $"{name}.dtype");
                    type = reader.GetString()!;
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, name, "shape", file);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref reader, name, "data_offsets", file);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        if (type is null || shape is null || offsets is not { Length: 2 })
        {
            throw new JsonException($"\"{name}\" needs dtype, shape and two data_offsets");
        }
        if (SafetensorsTypes.Bits(type) == 0)
        {
            throw new JsonException($"\"{name}\" has the unknown dtype \"{type}\"");
        }
        return new TensorEntry(name, type, shape, offsets[0], offsets[1]);
    }

    private static long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key, string file)
    {
        Expect(ref reader, JsonTokenType.StartArray, $"{name}.{key}");
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            if (!reader.TryGetUInt64(out ulong number))
            {
                throw new JsonException($"\"{name}\" has a {key} entry that is not a whole number ≥ 0");
            }
            if (number > long.MaxValue)
            {
                throw Invalid(file, $"ValidationOverflow({name})", $"its {key} holds {number}");
            }
            numbers.Add((long)number);
        }
        return reader.TokenType == JsonTokenType.EndArray
            ? [.. numbers]
            : throw new JsonException($"{key} of \"{name}\" must be a list of whole numbers");
    }

    private static string? NextKey(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type)
        {
            throw new JsonException(
                $"{what} must be {(type == JsonTokenType.StartObject ? "an object" : type == JsonTokenType.StartArray ? "a list" : "a string")}"
            );
        }
    }

    private static InvalidDataException Invalid(string file, string rule, string why) =>
        new($"{file} is not a valid safetensors file, {rule}: {why}.");
}
