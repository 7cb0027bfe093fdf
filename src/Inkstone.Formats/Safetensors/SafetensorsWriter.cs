using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Inkstone.Files;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>A tensor to be written under a name; <paramref name="DType"/> null keeps the type it has in memory.</summary>
public sealed record NamedTensor(string Name, Tensor Tensor, string? DType = null)
{
    /// <summary>The type in the file; that of weights says nothing of whole numbers.</summary>
    internal string FileType =>
        Tensor.DType == Tensors.DType.Int64 ? Long
        : Tensor.DType == Tensors.DType.Int32 ? (DType == Long ? Long : "I32")
        : DType ?? SafetensorsTypes.NameOf(Tensor.DType);

    /// <summary>The type in which models keep whole numbers.</summary>
    internal const string Long = "I64";

    /// <summary>Bytes in the file.</summary>
    internal long ByteCount => Tensor.Count * SafetensorsTypes.Bits(FileType) / 8;
}

/// <summary>Writes safetensors files: larger elements first and then by name, so that every tensor is aligned, and whole files or
/// none.</summary>
public static class SafetensorsWriter
{
    private const int ChunkElements = 1 << 18;

    /// <summary>Writes one file.</summary>
    public static void Write(string path, IReadOnlyCollection<NamedTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        NamedTensor[] sorted =
        [
            .. tensors
                .OrderByDescending(t => SafetensorsTypes.Bits(t.FileType))
                .ThenBy(t => t.FileType, StringComparer.Ordinal)
                .ThenBy(t => t.Name, StringComparer.Ordinal),
        ];
        HashSet<string> names = new(StringComparer.Ordinal) { "__metadata__" };
        foreach (NamedTensor tensor in sorted)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException($"\"{tensor.Name}\" is taken and cannot name a tensor.", nameof(tensors));
            }
        }
        byte[] header = Header(sorted, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(
            path,
            stream =>
            {
                Span<byte> length = stackalloc byte[SafetensorsHeader.PrefixLength];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                stream.Write(length);
                stream.Write(header);
                byte[] buffer = new byte[8 * ChunkElements];
                foreach (NamedTensor tensor in sorted)
                {
                    WriteElements(stream, tensor, buffer);
                }
            }
        );
    }

    /// <summary>
    /// Writes <c>model.safetensors</c> into a directory, or, where that would pass <paramref name="maxShardBytes"/>,
    /// shards <c>model-00001-of-0000N.safetensors</c> in the given order with <c>model.safetensors.index.json</c>. Whole numbers are
    /// written in 64 bits, as transformers does.
    /// </summary>
    public static void WriteModel(string directory, IReadOnlyCollection<NamedTensor> tensors, long maxShardBytes = 5_000_000_000)
    {
        tensors = [.. tensors.Select(t => t.Tensor.DType == DType.Int32 ? t with { DType = NamedTensor.Long } : t)];
        List<List<NamedTensor>> shards =
        [
            [],
        ];
        long used = 0;
        foreach (NamedTensor tensor in tensors)
        {
            if (used > 0 && used + tensor.ByteCount > maxShardBytes)
            {
                shards.Add([]);
                used = 0;
            }
            shards[^1].Add(tensor);
            used += tensor.ByteCount;
        }
        if (shards.Count == 1)
        {
            Write(Path.Combine(directory, HfDirectory.WeightsFile), shards[0]);
            return;
        }
        SortedDictionary<string, string> places = new(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string name = $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors";
            Write(Path.Combine(directory, name), shards[i]);
            shards[i].ForEach(t => places[t.Name] = name);
        }
        AtomicFile.Write(
            Path.Combine(directory, HfDirectory.IndexFile),
            stream => WriteIndex(stream, places, tensors.Sum(t => t.ByteCount))
        );
    }

    private static void WriteIndex(Stream stream, SortedDictionary<string, string> places, long totalBytes)
    {
        using Utf8JsonWriter json = new(
            stream,
            new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
        );
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", totalBytes);
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach ((string name, string file) in places)
        {
            json.WriteString(name, file);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static byte[] Header(NamedTensor[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WriteString(key, value);
                }
                json.WriteEndObject();
            }
            long at = 0;
            foreach (NamedTensor tensor in tensors)
            {
                WriteEntry(json, tensor, at);
                at += tensor.ByteCount;
            }
            json.WriteEndObject();
        }
        while (bytes.Length % 8 != 0)
        {
            bytes.WriteByte((byte)' ');
        }
        return bytes.Length <= SafetensorsHeader.MaxLength
            ? bytes.ToArray()
            : throw new ArgumentException(
                $"the header would take {bytes.Length} bytes, the format allows {SafetensorsHeader.MaxLength}.",
                nameof(tensors)
            );
    }

    private static void WriteEntry(Utf8JsonWriter json, NamedTensor tensor, long at)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.FileType);
        json.WriteStartArray("shape");
        for (int i = 0; i < tensor.Tensor.Shape.Rank; i++)
        {
            json.WriteNumberValue(tensor.Tensor.Shape[i]);
        }
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(at);
        json.WriteNumberValue(at + tensor.ByteCount);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteElements(FileStream stream, NamedTensor named, byte[] buffer)
    {
        Tensor tensor = named.Tensor;
        float[]? widened = null;
        int size = SafetensorsTypes.Bits(named.FileType) / 8,
            count = checked((int)tensor.Count),
            chunk = Math.Min(ChunkElements, buffer.Length / size);
        for (int at = 0; at < count; at += chunk)
        {
            int n = Math.Min(chunk, count - at);
            Span<byte> target = buffer.AsSpan(0, n * size);
            if (named.FileType == SafetensorsTypes.NameOf(tensor.DType))
            {
                tensor.CopyTo(target, at);
            }
            else if (named.FileType == NamedTensor.Long)
            {
                int[] narrow = new int[n];
                tensor.CopyTo(narrow, at);
                for (int i = 0; i < n; i++)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(target[(8 * i)..], narrow[i]);
                }
            }
            else
            {
                widened ??= new float[ChunkElements];
                tensor.CopyTo(widened.AsSpan(0, n), at);
                Narrow(named, widened.AsSpan(0, n), target);
            }
            stream.Write(target);
        }
    }

    /// <summary>Rounds to the file's type, and refuses a finite number that would become infinite.</summary>
    private static void Narrow(NamedTensor named, ReadOnlySpan<float> values, Span<byte> target)
    {
        SafetensorsTypes.FromFloats(named.FileType, values, target);
        GgufType type = Enum.Parse<GgufType>(named.FileType);
        int size = type.BlockBytes();
        for (int at = 0; FiniteNumbers.FirstOutside(type, target[(at * size)..]) is >= 0 and var outside; at += outside + 1)
        {
            if (float.IsFinite(values[at + outside]))
            {
                throw FiniteNumbers.TooLarge(named.Name, values[at + outside], named.FileType);
            }
        }
    }
}
