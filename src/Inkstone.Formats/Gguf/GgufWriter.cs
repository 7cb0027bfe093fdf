using System.Runtime.InteropServices;
using System.Text;
using Inkstone.Files;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>A tensor to be written: <paramref name="ReadRow"/> fills one row of float32, rows in the order of the file.</summary>
/// <param name="Name">its name in the file</param>
/// <param name="Type">its element type</param>
/// <param name="Shape">its sizes</param>
/// <param name="ReadRow">fills a row</param>
/// <param name="Parameter">the parameter that a row is from, for messages</param>
internal sealed record GgufRows(string Name, GgufType Type, long[] Shape, Action<long, Span<float>> ReadRow, Func<long, string> Parameter);

/// <summary>Writes GGUF version 3, whole files or none.</summary>
internal static class GgufWriter
{
    private const int BatchElements = 1 << 20;

    public static void Write(string path, GgufMetadata metadata, IReadOnlyList<GgufRows> tensors, Workers workers) =>
        AtomicFile.Write(
            path,
            stream =>
            {
                Number(stream, GgufHeader.Magic);
                Number(stream, GgufHeader.Version);
                Number(stream, (ulong)tensors.Count);
                Number(stream, (ulong)metadata.Keys.Count);
                foreach (string key in metadata.Keys)
                {
                    Text(stream, key);
                    Value(stream, metadata.Find(key)!);
                }
                long offset = 0;
                foreach (GgufRows tensor in tensors)
                {
                    Text(stream, tensor.Name);
                    Number(stream, (uint)tensor.Shape.Length);
                    foreach (long size in tensor.Shape.Reverse())
                    {
                        Number(stream, (ulong)size);
                    }
                    Number(stream, (uint)tensor.Type);
                    Number(stream, (ulong)offset);
                    offset = GgufHeader.Padded(offset + tensor.Type.Bytes(Count(tensor)), GgufHeader.DefaultAlignment);
                }
                Pad(stream);
                foreach (GgufRows tensor in tensors)
                {
                    Data(stream, tensor, workers);
                    Pad(stream);
                }
            }
        );

    private static long Count(GgufRows tensor) => tensor.Shape.Aggregate(1L, (product, size) => product * size);

    private static void Data(Stream stream, GgufRows tensor, Workers workers)
    {
        int width = checked((int)tensor.Shape[^1]),
            rowBytes = checked((int)tensor.Type.Bytes(width));
        long rows = width == 0 ? 0 : Count(tensor) / width;
        int batch = (int)Math.Min(rows, Math.Max(1, BatchElements / Math.Max(1, width)));
        (float[] values, byte[] bytes) = (new float[batch * width], new byte[batch * rowBytes]);
        for (long first = 0; first < rows; first += batch)
        {
            int count = (int)Math.Min(batch, rows - first);
            EncodeRows encode = new(tensor, first, width, values, bytes);
            workers.For(ref encode, count, 1);
            if (FiniteNumbers.FirstOutside(tensor.Type, bytes.AsSpan(0, count * rowBytes)) is >= 0 and var at)
            {
                int worst = at;
                for (int i = at + 1; i < at + tensor.Type.BlockElements(); i++)
                {
                    worst = float.IsFinite(values[worst]) && !(MathF.Abs(values[i]) <= MathF.Abs(values[worst])) ? i : worst;
                }
                throw FiniteNumbers.TooLarge(tensor.Parameter(first + worst / width), values[worst], tensor.Type.ToString());
            }
            stream.Write(bytes, 0, count * rowBytes);
        }
    }

    private readonly struct EncodeRows(GgufRows tensor, long first, int width, float[] values, byte[] bytes) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            int rowBytes = (int)tensor.Type.Bytes(width);
            for (int row = start; row < end; row++)
            {
                Span<float> source = values.AsSpan(row * width, width);
                tensor.ReadRow(first + row, source);
                BlockCodec.Encode(tensor.Type, source, bytes.AsSpan(row * rowBytes, rowBytes));
            }
        }
    }

    private static void Pad(Stream stream)
    {
        long end = GgufHeader.Padded(stream.Position, GgufHeader.DefaultAlignment);
        stream.Write(new byte[end - stream.Position]);
    }

    private static void Number<T>(Stream stream, T value)
        where T : unmanaged => stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    private static void Text(Stream stream, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Number(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void Value(Stream stream, object value)
    {
        Number(stream, TypeOf(value.GetType()));
        Content(stream, value);
    }

    private static void Content(Stream stream, object value)
    {
        switch (value)
        {
            case uint number:
                Number(stream, number);
                break;
            case float number:
                Number(stream, number);
                break;
            case bool flag:
                Number(stream, (byte)(flag ? 1 : 0));
                break;
            case string text:
                Text(stream, text);
                break;
            case Array array:
                Number(stream, TypeOf(array.GetType().GetElementType()!));
                Number(stream, (ulong)array.Length);
                foreach (object item in array)
                {
                    Content(stream, item);
                }
                break;
            case int number:
                Number(stream, number);
                break;
            default:
                throw new ArgumentException($"metadata of type {value.GetType().Name} is not written", nameof(value));
        }
    }

    private static uint TypeOf(Type type) =>
        type == typeof(uint) ? 4u
        : type == typeof(int) ? 5u
        : type == typeof(float) ? 6u
        : type == typeof(bool) ? 7u
        : type == typeof(string) ? 8u
        : 9u;
}
