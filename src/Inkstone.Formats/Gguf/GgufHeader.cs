using System.Runtime.InteropServices;

namespace Inkstone.Formats;

/// <summary>
/// The head of a GGUF file: magic, version, metadata, and one entry per tensor. Every rule of the format (ggml, docs/gguf.md) is checked
/// here,
/// before any address is computed; a broken rule is named in the message.
/// </summary>
internal sealed class GgufHeader
{
    /// <summary>"GGUF" as a little-endian number.</summary>
    internal const uint Magic = 0x46554747;

    /// <summary>The version that is written; version 2 differs in nothing that is read.</summary>
    internal const uint Version = 3;

    internal const string AlignmentKey = "general.alignment";

    internal const int DefaultAlignment = 32,
        LongestKey = 65_535,
        LongestName = 64,
        MostDimensions = 4;

    private GgufHeader(GgufMetadata metadata, GgufTensor[] tensors, long dataStart) =>
        (Metadata, Tensors, DataStart) = (metadata, tensors, dataStart);

    /// <summary>Key-value pairs.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Bytes before the first tensor.</summary>
    public long DataStart { get; }

    /// <summary>Parses and checks.</summary>
    /// <param name="bytes">the file, or its first two gigabytes</param>
    /// <param name="fileLength">its length</param>
    /// <param name="file">its name, for messages</param>
    public static GgufHeader Parse(ReadOnlySpan<byte> bytes, long fileLength, string file)
    {
        GgufCursor cursor = new(bytes, file);
        if (cursor.Read<uint>("the magic number") != Magic)
        {
            throw Invalid(file, "magic", "it does not begin with GGUF");
        }
        uint version = cursor.Read<uint>("the version");
        if (version is not (2 or Version))
        {
            throw Invalid(
                file,
                "version",
                (version & 0xFFFF) == 0 && version != 0 ? "it is big-endian" : $"its version is {version}; 2 and 3 are read"
            );
        }
        // The least a tensor entry takes: name's length, dimensions, type, offset; a pair: key's length and one byte, type, one byte.
        ulong tensorCount = cursor.Read<ulong>("the number of tensors");
        int pairs = cursor.Count(14, "the number of metadata pairs");
        if (tensorCount > (ulong)cursor.Left / 24)
        {
            throw Invalid(
                file,
                "count",
                $"the number of tensors claims {tensorCount}, which do not fit into the {cursor.Left} bytes that are left"
            );
        }
        GgufMetadata metadata = new(file);
        for (int i = 0; i < pairs; i++)
        {
            ReadPair(ref cursor, metadata);
        }
        long alignment = Alignment(metadata);
        GgufTensor[] tensors = new GgufTensor[(int)tensorCount];
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i] = ReadTensor(ref cursor, names);
        }
        long start = Padded(cursor.Position, alignment);
        CheckOffsets(tensors, alignment, start, fileLength, file);
        return new GgufHeader(metadata, tensors, start);
    }

    /// <summary>The next multiple of <paramref name="alignment"/>.</summary>
    internal static long Padded(long position, long alignment) => checked((position + alignment - 1) / alignment * alignment);

    internal static InvalidDataException Invalid(string file, string rule, string why) =>
        new($"{file} is not a valid GGUF file ({rule}): {why}.");

    private static void ReadPair(ref GgufCursor cursor, GgufMetadata metadata)
    {
        string key = cursor.Text("a key", LongestKey);
        if (key.Length == 0)
        {
            throw cursor.Invalid("empty key", "a metadata pair has no name");
        }
        object value = ReadValue(ref cursor, key, cursor.Read<uint>($"the type of {key}"));
        if (!metadata.TryAdd(key, value))
        {
            throw cursor.Invalid("duplicate key", $"\"{key}\" stands twice");
        }
    }

    private static object ReadValue(ref GgufCursor cursor, string key, uint type) =>
        type switch
        {
            0 => cursor.Read<byte>(key),
            1 => cursor.Read<sbyte>(key),
            2 => cursor.Read<ushort>(key),
            3 => cursor.Read<short>(key),
            4 => cursor.Read<uint>(key),
            5 => cursor.Read<int>(key),
            6 => cursor.Read<float>(key),
            7 => cursor.Read<byte>(key) != 0,
            8 => cursor.Text(key),
            9 => ReadArray(ref cursor, key),
            10 => cursor.Read<ulong>(key),
            11 => cursor.Read<long>(key),
            12 => cursor.Read<double>(key),
            _ => throw cursor.Invalid("value type", $"\"{key}\" has the unknown type {type}"),
        };

    private static object ReadArray(ref GgufCursor cursor, string key)
    {
        uint type = cursor.Read<uint>($"the type of {key}");
        switch (type)
        {
            case 0:
                return ReadNumbers<byte>(ref cursor, key);
            case 1:
                return ReadNumbers<sbyte>(ref cursor, key);
            case 2:
                return ReadNumbers<ushort>(ref cursor, key);
            case 3:
                return ReadNumbers<short>(ref cursor, key);
            case 4:
                return ReadNumbers<uint>(ref cursor, key);
            case 5:
                return ReadNumbers<int>(ref cursor, key);
            case 6:
                return ReadNumbers<float>(ref cursor, key);
            case 7:
                return ReadNumbers<byte>(ref cursor, key).Select(b => b != 0).ToArray();
            case 8:
                string[] texts = new string[cursor.Count(sizeof(ulong), $"the length of {key}")];
                for (int i = 0; i < texts.Length; i++)
                {
                    texts[i] = cursor.Text(key);
                }
                return texts;
            case 9:
                throw cursor.Invalid("nested array", $"\"{key}\" is a list of lists");
            case 10:
                return ReadNumbers<ulong>(ref cursor, key);
            case 11:
                return ReadNumbers<long>(ref cursor, key);
            case 12:
                return ReadNumbers<double>(ref cursor, key);
            default:
                throw cursor.Invalid("value type", $"\"{key}\" is a list of the unknown type {type}");
        }
    }

    private static T[] ReadNumbers<T>(ref GgufCursor cursor, string key)
        where T : unmanaged
    {
        int size = Marshal.SizeOf<T>(),
            count = cursor.Count(size, $"the length of {key}");
        return MemoryMarshal.Cast<byte, T>(cursor.Take(count * size, key)).ToArray();
    }

    private static long Alignment(GgufMetadata metadata) =>
        metadata.Find(AlignmentKey) switch
        {
            null => DefaultAlignment,
            uint value when System.Numerics.BitOperations.IsPow2(value) => value,
            uint value => throw Invalid(metadata.Source, "alignment", $"{AlignmentKey} is {value}; it must be a power of two"),
            object value => throw Invalid(
                metadata.Source,
                "alignment",
                $"{AlignmentKey} must be an unsigned 32-bit number, it is of type {value.GetType().Name}"
            ),
        };

    private static GgufTensor ReadTensor(ref GgufCursor cursor, HashSet<string> names)
    {
        string name = cursor.Text("a tensor's name", LongestName);
        if (!names.Add(name))
        {
            throw cursor.Invalid("duplicate tensor", $"\"{name}\" stands twice");
        }
        uint rank = cursor.Read<uint>($"the dimensions of {name}");
        if (rank > MostDimensions)
        {
            throw cursor.Invalid("dimensions", $"\"{name}\" has {rank} dimensions, at most {MostDimensions} are allowed");
        }
        long[] shape = new long[rank];
        long count = 1;
        for (int i = (int)rank - 1; i >= 0; i--)
        {
            ulong size = cursor.Read<ulong>($"the sizes of {name}");
            // A zero elsewhere must not hide a product that cannot be counted.
            if (size > long.MaxValue || size > 0 && count > long.MaxValue / (long)size)
            {
                throw cursor.Invalid("size overflow", $"\"{name}\" has more elements than can be counted");
            }
            shape[i] = (long)size;
            count *= Math.Max(1, (long)size);
        }
        GgufType type = (GgufType)cursor.Read<uint>($"the type of {name}");
        long row = rank == 0 ? 1 : shape[^1];
        if (type.IsKnown() && row % type.BlockElements() != 0)
        {
            throw cursor.Invalid("block size", $"\"{name}\" has rows of {row}, which is no multiple of {type}'s {type.BlockElements()}");
        }
        ulong offset = cursor.Read<ulong>($"the offset of {name}");
        if (shape.Contains(0L))
        {
            count = 0;
        }
        if (type.IsKnown() && count / type.BlockElements() > (long.MaxValue - int.MaxValue) / type.BlockBytes())
        {
            throw cursor.Invalid("size overflow", $"\"{name}\" has more bytes than can be counted");
        }
        return offset <= long.MaxValue
            ? new GgufTensor(name, type, shape, (long)offset)
            : throw cursor.Invalid("offset", $"\"{name}\" lies at {offset}");
    }

    /// <summary>
    /// Each tensor begins where the one before ends, padded to the alignment, and the last one ends inside the file. How long a tensor of
    /// an unknown
    /// type is cannot be told: the next one may begin at any aligned place behind it.
    /// </summary>
    private static void CheckOffsets(GgufTensor[] tensors, long alignment, long start, long fileLength, string file)
    {
        long expected = 0,
            room = fileLength - start;
        bool unknown = false;
        foreach (GgufTensor tensor in tensors)
        {
            if (unknown && tensor.Offset > expected && tensor.Offset % alignment == 0)
            {
                expected = tensor.Offset;
            }
            unknown = !tensor.Type.IsKnown();
            if (tensor.Offset != expected)
            {
                throw Invalid(file, "offset", $"\"{tensor.Name}\" lies at {tensor.Offset}, but the next free place is {expected}");
            }
            if (tensor.ByteCount > room - expected)
            {
                throw Invalid(
                    file,
                    "truncated",
                    $"\"{tensor.Name}\" needs {tensor.ByteCount} bytes, but {Math.Max(0, room - expected)} are left in the file"
                );
            }
            expected = Padded(expected + tensor.ByteCount, alignment);
        }
    }
}
