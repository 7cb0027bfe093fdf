namespace Inkstone.Formats;

/// <summary>A GGUF file, mapped into memory: opening reads the head only, tensors are decoded when they are asked for.</summary>
public sealed unsafe class GgufFile : IDisposable
{
    private const int ChunkElements = 1 << 20;

    private readonly MappedFile _map;
    private readonly Dictionary<string, GgufTensor> _byName;
    private readonly GgufHeader _header;
    private readonly long _dataLength;
    private byte* _data;

    private GgufFile(string path, FileStream stream)
    {
        Path = path;
        long length = stream.Length;
        if (length == 0)
        {
            throw GgufHeader.Invalid(path, "truncated", "it is empty");
        }
        _map = new MappedFile(stream);
        try
        {
            _header = GgufHeader.Parse(new ReadOnlySpan<byte>(_map.Start, (int)Math.Min(length, int.MaxValue)), length, path);
            _byName = _header.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
            _dataLength = length - _header.DataStart;
            _data = _map.Start + Math.Min(_header.DataStart, length);
        }
        catch
        {
            _map.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Key-value pairs.</summary>
    public GgufMetadata Metadata => _header.Metadata;

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _header.Tensors;

    /// <summary>Whether <paramref name="path"/> is a file with the ending .gguf.</summary>
    public static bool IsGguf(string path) =>
        System.IO.Path.GetExtension(path).Equals(".gguf", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(path);

    /// <summary>Opens and checks a file.</summary>
    public static GgufFile Open(string path) => MappedFile.Open(path, (path, stream) => new GgufFile(path, stream));

    /// <summary>Whether the file has a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The entry of a tensor.</summary>
    public GgufTensor Tensor(string name) =>
        _byName.TryGetValue(name, out GgufTensor? tensor) ? tensor : throw new InvalidDataException($"{Path} has no tensor \"{name}\".");

    /// <summary>The bytes of some rows, as they lie in the file; at most 2 GiB.</summary>
    public ReadOnlySpan<byte> Rows(GgufTensor tensor, long first, long count)
    {
        ObjectDisposedException.ThrowIf(_data == null, this);
        if (!tensor.Type.IsKnown())
        {
            throw new InvalidDataException(
                $"{Path}: tensor \"{tensor.Name}\" has the type {(int)tensor.Type}, which is not known here; take another quantisation of the model."
            );
        }
        long row = tensor.Type.Bytes(tensor.RowLength),
            offset = checked(first * row),
            length = checked(count * row);
        return first >= 0 && count >= 0 && offset + length <= tensor.ByteCount && tensor.Offset + tensor.ByteCount <= _dataLength
            ? new ReadOnlySpan<byte>(_data + tensor.Offset + offset, checked((int)length))
            : throw new InvalidDataException($"{Path}: tensor \"{tensor.Name}\" was read past its end.");
    }

    /// <summary>Decodes a whole tensor to float32.</summary>
    public void Read(string name, Span<float> target)
    {
        GgufTensor tensor = Tensor(name);
        if (tensor.Count != target.Length)
        {
            throw new InvalidDataException($"{Path}: tensor \"{name}\" is {tensor.Describe()}, {target.Length} elements were wanted.");
        }
        int width = (int)tensor.RowLength,
            step = Math.Max(1, ChunkElements / Math.Max(width, 1));
        for (int row = 0, rows = width == 0 ? 0 : target.Length / width; row < rows; row += step)
        {
            int count = Math.Min(step, rows - row);
            BlockCodec.Decode(tensor.Type, Rows(tensor, row, count), target.Slice(row * width, count * width));
        }
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
}
