using System.Buffers.Binary;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>
/// A safetensors file, mapped into memory: opening reads the header only, elements are converted when they are asked for.
/// Tensors begin anywhere, so elements are read without assuming alignment.
/// </summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int ChunkElements = 1 << 24;

    private readonly MappedFile _map;
    private readonly Dictionary<string, TensorEntry> _byName;
    private readonly SafetensorsHeader _header;
    private readonly long _dataLength;
    private byte* _data;

    private SafetensorsFile(string path, FileStream stream)
    {
        Path = path;
        long length = stream.Length;
        byte[] prefix = new byte[SafetensorsHeader.PrefixLength];
        int got = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        int headerLength = SafetensorsHeader.ReadLength(prefix.AsSpan(0, got), length, path);
        byte[] json = new byte[headerLength];
        stream.ReadExactly(json);
        _dataLength = length - SafetensorsHeader.PrefixLength - headerLength;
        _header = SafetensorsHeader.Parse(json, _dataLength, path);
        _byName = _header.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);

        _map = new MappedFile(stream);
        _data = _map.Start + SafetensorsHeader.PrefixLength + headerLength;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<TensorEntry> Tensors => _header.Tensors;

    /// <summary>The file's free text.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens and checks a file.</summary>
    public static SafetensorsFile Open(string path) => MappedFile.Open(path, (path, stream) => new SafetensorsFile(path, stream));

    /// <summary>Whether the file has a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The entry of a tensor.</summary>
    public TensorEntry Entry(string name) =>
        _byName.TryGetValue(name, out TensorEntry? entry)
            ? entry
            : throw new InvalidDataException($"{Path} has no tensor \"{name}\" (TensorNotFound).");

    /// <summary>The bytes of a tensor of up to 2 GiB as they lie in the file.</summary>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        TensorEntry entry = Entry(name);
        return Slice(entry, 0, entry.ByteCount);
    }

    /// <summary>Converts a floating-point tensor to float32.</summary>
    public void Read(string name, Span<float> target)
    {
        TensorEntry entry = Entry(name);
        if (entry.Count != target.Length)
        {
            throw new InvalidDataException($"{Path}: tensor \"{name}\" is {entry.Describe()}, {target.Length} elements were wanted.");
        }
        long size = SafetensorsTypes.Bits(entry.DType) / 8;
        for (int at = 0; at < target.Length; at += ChunkElements)
        {
            int count = Math.Min(ChunkElements, target.Length - at);
            if (!SafetensorsTypes.ToFloats(entry.DType, Slice(entry, at * size, count * size), target.Slice(at, count)))
            {
                throw new InvalidDataException($"{Path}: tensor \"{name}\" is {entry.DType}; weights are read from F32, BF16, F16 or F64.");
            }
        }
    }

    /// <summary>A floating-point tensor as float32.</summary>
    public float[] ReadFloats(string name)
    {
        float[] values = new float[Entry(name).Count];
        Read(name, values);
        return values;
    }

    /// <summary>An integer tensor, each value of which must fit 32 bits.</summary>
    public int[] ReadInts(string name) =>
        Array.ConvertAll(
            ReadLongs(name),
            value =>
                value is >= int.MinValue and <= int.MaxValue
                    ? (int)value
                    : throw new InvalidDataException($"{Path}: tensor \"{name}\" holds {value}, which does not fit 32 bits.")
        );

    /// <summary>An integer tensor.</summary>
    public long[] ReadLongs(string name)
    {
        TensorEntry entry = Entry(name);
        long[] values = new long[entry.Count];
        ReadOnlySpan<byte> bytes = Bytes(name);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = entry.DType switch
            {
                "I64" => BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * i)..]),
                "I32" => BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]),
                "I16" => BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]),
                "U16" => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]),
                "U8" or "BOOL" => bytes[i],
                _ => throw new InvalidDataException(
                    $"{Path}: tensor \"{name}\" is {entry.DType}; whole numbers are read from I64, I32, I16, U16, U8 or BOOL."
                ),
            };
        }
        return values;
    }

    /// <summary>Fills a float32 or bfloat16 tensor of the same sizes.</summary>
    public void ReadInto(string name, Tensor target)
    {
        TensorEntry entry = Entry(name);
        if (!SameSizes(entry, target.Shape))
        {
            throw new InvalidDataException($"{Path}: tensor \"{name}\" is {entry.Describe()}, the model wants {target.Shape}.");
        }
        switch (target.DType)
        {
            case DType.Float32:
                target.Load<float>(values => Read(name, values));
                break;
            case DType.BFloat16 when entry.DType == "BF16":
                for (long row = 0, bytes = 2L * target.Shape.Last, rows = entry.ByteCount / Math.Max(1, bytes); row < rows; row++)
                {
                    Slice(entry, row * bytes, bytes).CopyTo(target.RowBytes(row));
                }
                break;
            case DType.BFloat16:
                target.Load<ushort>(values => ReadRounded(name, entry, values));
                break;
            case DType.Int64:
                target.CopyFrom(ReadLongs(name));
                break;
            default:
                target.CopyFrom(ReadInts(name));
                break;
        }
    }

    /// <summary>Whether the entry has the sizes of <paramref name="shape"/>; a tensor without dimensions counts as [1].</summary>
    public static bool SameSizes(TensorEntry entry, Shape shape)
    {
        if (entry.Shape.Length == 0)
        {
            return shape is { Rank: 1, Count: 1 };
        }
        bool same = entry.Shape.Length == shape.Rank;
        for (int i = 0; same && i < shape.Rank; i++)
        {
            same = entry.Shape[i] == shape[i];
        }
        return same;
    }

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/> equal ones of a tensor's bytes.</summary>
    public ReadOnlySpan<byte> Bytes(string name, int part, int parts)
    {
        TensorEntry entry = Entry(name);
        long size = entry.ByteCount / parts;
        return size * parts == entry.ByteCount
            ? Slice(entry, part * size, size)
            : throw new InvalidDataException($"{Path}: tensor \"{name}\" is {entry.Describe()}, which cannot be cut into {parts} parts.");
    }

    /// <summary>Whether a tensor here and one of another file (or of this one) have the same type, sizes and bytes.</summary>
    public bool SameBytes(string name, SafetensorsFile other, string otherName)
    {
        TensorEntry mine = Entry(name),
            theirs = other.Entry(otherName);
        bool same = mine.DType == theirs.DType && mine.Shape.SequenceEqual(theirs.Shape);
        for (long at = 0; same && at < mine.ByteCount; at += ChunkElements)
        {
            long count = Math.Min(ChunkElements, mine.ByteCount - at);
            same = Slice(mine, at, count).SequenceEqual(other.Slice(theirs, at, count));
        }
        return same;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_data != null)
        {
            _data = null;
            _map.Dispose();
        }
    }

    private void ReadRounded(string name, TensorEntry entry, Span<ushort> target)
    {
        float[] values = new float[Math.Min(target.Length, 1 << 16)];
        long size = SafetensorsTypes.Bits(entry.DType) / 8;
        for (int at = 0; at < target.Length; at += values.Length)
        {
            int count = Math.Min(values.Length, target.Length - at);
            if (!SafetensorsTypes.ToFloats(entry.DType, Slice(entry, at * size, count * size), values.AsSpan(0, count)))
            {
                throw new InvalidDataException($"{Path}: tensor \"{name}\" is {entry.DType}; weights are read from F32, BF16, F16 or F64.");
            }
            for (int i = 0; i < count; i++)
            {
                target[at + i] = SafetensorsTypes.ToBFloat16(values[i]);
            }
        }
    }

    /// <summary>Part of a tensor's bytes. The header's checks keep every entry inside the data; this one keeps the part inside the
    /// entry.</summary>
    private ReadOnlySpan<byte> Slice(TensorEntry entry, long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        if (offset < 0 || length < 0 || offset + length > entry.ByteCount || entry.End > _dataLength)
        {
            throw new InvalidDataException($"{Path}: tensor \"{entry.Name}\" was read past its end.");
        }
        return new ReadOnlySpan<byte>(_data + entry.Begin + offset, checked((int)length));
    }
}
