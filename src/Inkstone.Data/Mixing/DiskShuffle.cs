using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>
/// Orders lines by random keys in bounded memory: a line goes to the bucket file of its key's first bits, and each bucket is sorted in
/// memory. The order
/// depends on the keys alone, so it does not matter who adds lines when. Safe to add to from several threads.
/// </summary>
internal sealed class DiskShuffle : IDisposable
{
    private const long BucketBytes = 32L << 20;
    private const int MostBuckets = 200; // Open files, of which a process may have about a thousand.
    private readonly FileStream[] _buckets;

    /// <param name="folder">where the buckets lie until it is disposed</param>
    /// <param name="name">what their names begin with</param>
    /// <param name="bytes">about how many bytes will be added</param>
    public DiskShuffle(string folder, string name, long bytes) =>
        _buckets = [
            .. Enumerable
                .Range(0, (int)Math.Clamp(bytes / BucketBytes + 1, 1, MostBuckets))
                .Select(i => new FileStream(
                    Path.Combine(folder, $"{name}-{i:000}.tmp"),
                    FileMode.CreateNew,
                    FileAccess.ReadWrite,
                    FileShare.None,
                    1 << 15,
                    FileOptions.DeleteOnClose
                )),
        ];

    public void Add(ulong key, ReadOnlySpan<byte> line)
    {
        FileStream bucket = _buckets[(int)Math.BigMul(key, (ulong)_buckets.Length, out _)];
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(head, key);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], line.Length);
        lock (bucket)
        {
            bucket.Write(head);
            bucket.Write(line);
        }
    }

    /// <summary>Writes all lines in the order of their keys.</summary>
    public void WriteTo(Stream output, CancellationToken cancelled)
    {
        byte[] bytes = [];
        List<(ulong Key, int Start, int Length)> lines = [];
        foreach (FileStream bucket in _buckets)
        {
            cancelled.ThrowIfCancellationRequested();
            if (bucket.Length > Array.MaxLength)
            {
                throw new InvalidDataException(
                    $"a share of {bucket.Length} bytes of the mixture does not fit into memory: mix fewer records at once"
                );
            }
            if (bytes.Length < bucket.Length)
            {
                bytes = new byte[bucket.Length];
            }
            bucket.Position = 0;
            bucket.ReadExactly(bytes, 0, (int)bucket.Length);
            lines.Clear();
            for (int at = 0; at < bucket.Length; )
            {
                int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8));
                lines.Add((BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)), at + 12, length));
                at += 12 + length;
            }
            lines.Sort(
                (a, b) =>
                    a.Key != b.Key
                        ? a.Key.CompareTo(b.Key)
                        : bytes.AsSpan(a.Start, a.Length).SequenceCompareTo(bytes.AsSpan(b.Start, b.Length))
            );
            foreach ((_, int start, int length) in lines)
            {
                output.Write(bytes, start, length);
            }
        }
    }

    public void Dispose()
    {
        foreach (FileStream bucket in _buckets)
        {
            bucket.Dispose();
        }
    }
}
