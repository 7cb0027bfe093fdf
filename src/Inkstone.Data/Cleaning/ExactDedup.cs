using System.Buffers.Binary;
using System.Collections;
using System.IO.Hashing;

namespace Inkstone.Data;

/// <summary>
/// Finds documents that occurred before, in bounded memory: 128-bit hashes go to partition files by their first bits, and each
/// partition is resolved on its own. The first occurrence in the order of the input is the one that stays.
/// </summary>
/// <remarks>Memory is one bit per document and one partition of 24 bytes per document: 400 MB for a thousand million documents.</remarks>
internal sealed class ExactDedup : IDisposable
{
    private const int PartitionCount = 64;
    private const int RecordSize = 24; // XXH128, the document's number
    private readonly FileStream[] _partitions;
    private readonly byte[] _record = new byte[RecordSize];

    /// <summary>A run whose partition files live in the folder, which must exist.</summary>
    public ExactDedup(string folder) =>
        _partitions = [
            .. Enumerable
                .Range(0, PartitionCount)
                .Select(i => new FileStream(
                    Path.Combine(folder, $"dedup-{i:00}.tmp"),
                    FileMode.Create,
                    FileAccess.ReadWrite,
                    FileShare.None,
                    1 << 14,
                    FileOptions.DeleteOnClose
                )),
        ];

    /// <summary>Documents added.</summary>
    public long Count { get; private set; }

    /// <summary>Notes the next document by its UTF-8 text.</summary>
    public void Add(ReadOnlySpan<byte> text)
    {
        Span<byte> hash = _record.AsSpan(0, 16);
        XxHash128.Hash(text, hash);
        BinaryPrimitives.WriteInt64LittleEndian(_record.AsSpan(16), Count++);
        _partitions[hash[0] % PartitionCount].Write(_record);
    }

    /// <summary>For each document, in the order in which they were added, whether an equal one came before.</summary>
    public BitArray FindDuplicates()
    {
        BitArray duplicates = new(checked((int)Count));
        foreach (FileStream partition in _partitions)
        {
            HashSet<UInt128> seen = new((int)(partition.Length / RecordSize));
            partition.Flush();
            partition.Position = 0;
            // Records lie in the order of the documents, so whoever comes second is the duplicate.
            while (partition.ReadAtLeast(_record, RecordSize, throwOnEndOfStream: false) == RecordSize)
            {
                UInt128 hash = BinaryPrimitives.ReadUInt128LittleEndian(_record);
                if (!seen.Add(hash))
                {
                    duplicates[(int)BinaryPrimitives.ReadInt64LittleEndian(_record.AsSpan(16))] = true;
                }
            }
        }
        return duplicates;
    }

    /// <summary>Removes the partition files.</summary>
    public void Dispose()
    {
        foreach (FileStream partition in _partitions)
        {
            // A full disk refuses the last buffered bytes; the file is deleted all the same.
            try
            {
                partition.Dispose();
            }
            catch (IOException) { }
        }
    }
}
