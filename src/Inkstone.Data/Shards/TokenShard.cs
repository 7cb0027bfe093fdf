using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Inkstone.Data;

/// <summary>Token ids: a memory-mapped file in any <see cref="TokenShardFormat"/>, or what a program holds in memory. Safe to read from
/// several threads.</summary>
public sealed class TokenShard : IDisposable
{
    private readonly MemoryMappedFile? _mapping;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly int _dataOffset;
    private readonly ReadOnlyMemory<int>? _ids;

    private TokenShard(ReadOnlyMemory<int> ids, int? endOfDocumentId)
    {
        (Path, Format, _ids) = ("tokens in memory", TokenShardFormat.Inkstone, ids);
        Header = new TokenShardHeader(sizeof(int), ids.Length, EndOfDocumentId: endOfDocumentId);
    }

    private TokenShard(string path, TokenShardFormat format, TokenShardHeader header, int dataOffset, FileStream file)
    {
        Path = path;
        Format = format;
        Header = header;
        _dataOffset = dataOffset;
        if (header.TokenCount == 0)
        {
            return; // An empty view cannot be mapped, and nothing will be read.
        }

        _mapping = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The format it was found to have.</summary>
    public TokenShardFormat Format { get; }

    /// <summary>What the file says about itself.</summary>
    public TokenShardHeader Header { get; }

    /// <summary>Number of ids.</summary>
    public long Count => Header.TokenCount;

    /// <summary>A shard over ids in memory, which must stay as they are.</summary>
    /// <param name="ids">The tokens of all documents.</param>
    /// <param name="endOfDocumentId">The id that ends each document, or null where there is none.</param>
    public static TokenShard FromTokens(ReadOnlyMemory<int> ids, int? endOfDocumentId = null) => new(ids, endOfDocumentId);

    /// <summary>Opens a shard; the format is told from the first bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="endOfDocumentId">The id that ends each document, for formats that do not name it.</param>
    /// <exception cref="InvalidDataException">The header is cut off or disagrees with the file.</exception>
    public static TokenShard Open(string path, int? endOfDocumentId = null)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no token shard '{path}': make shards with `ink tokenize`.", path);
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        Span<byte> start = stackalloc byte[TokenShardHeader.Size];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];

        TokenShardFormat format;
        TokenShardHeader header;
        int dataOffset;
        if (TokenShardHeader.IsPresent(start))
        {
            format = TokenShardFormat.Inkstone;
            header = TokenShardHeader.Parse(start, path, file.Length);
            dataOffset = TokenShardHeader.Size;
        }
        else if (NpyHeader.IsPresent(start))
        {
            format = TokenShardFormat.Npy;
            header = NpyHeader.Parse(file, out dataOffset);
        }
        else
        {
            if (file.Length == 0 || file.Length % 2 != 0)
            {
                throw new InvalidDataException(
                    $"the token shard '{path}' {(file.Length == 0 ? "is empty" : $"has no header and {file.Length} bytes, which is no whole number of uint16 ids")}: make shards with `ink tokenize`."
                );
            }
            format = TokenShardFormat.Headerless;
            header = new TokenShardHeader(2, file.Length / 2);
            dataOffset = 0;
        }

        if (endOfDocumentId is { } given)
        {
            if (header.EndOfDocumentId is { } stored && stored != given)
            {
                throw new ArgumentException(
                    $"the token shard '{path}' ends its documents with id {stored}, not {given}: use the tokenizer that made the shard."
                );
            }
            header = header with { EndOfDocumentId = given };
        }
        return new TokenShard(path, format, header, dataOffset, file);
    }

    /// <summary>Copies the ids from <paramref name="start"/> on into <paramref name="destination"/>.</summary>
    public void Read(long start, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Count - destination.Length);
        if (destination.IsEmpty)
        {
            return;
        }
        if (_ids is { } ids)
        {
            ids.Span.Slice((int)start, destination.Length).CopyTo(destination);
            return;
        }

        ulong offset = (ulong)_dataOffset + (ulong)start * (ulong)Header.BytesPerToken;
        if (Header.BytesPerToken == 4)
        {
            _view!.SafeMemoryMappedViewHandle.ReadSpan(offset, destination);
            return;
        }

        // The narrow ids are read into the upper half of the destination and widened from the front:
        // element i is written at bytes [4i, 4i+4) only after its source at bytes [2n+2i, 2n+2i+2) was read.
        Span<ushort> narrow = MemoryMarshal.Cast<int, ushort>(destination)[destination.Length..];
        _view!.SafeMemoryMappedViewHandle.ReadSpan(offset, narrow);
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = narrow[i];
        }
    }

    /// <summary>Throws unless the shard was made with the given vocabulary (or, without a header of ours, could have been).</summary>
    /// <exception cref="InvalidDataException">Hash, size or an id does not fit; the message names both sides.</exception>
    public void CheckVocabulary(int vocabularySize, ulong vocabularyHash, string tokenizerName)
    {
        if (Header.VocabularyHash is { } hash && (hash != vocabularyHash || Header.VocabularySize != vocabularySize))
        {
            throw new InvalidDataException(
                $"the token shard '{Path}' was made with a vocabulary of {Header.VocabularySize} ids (hash {hash:x16}), but the tokenizer '{tokenizerName}' has {vocabularySize} ids (hash {vocabularyHash:x16}): tokenize the text again with that tokenizer."
            );
        }

        CheckVocabulary(vocabularySize, tokenizerName);
    }

    /// <summary>Throws unless every id is below <paramref name="vocabularySize"/> of the model or tokenizer called
    /// <paramref name="name"/>.</summary>
    public void CheckVocabulary(int vocabularySize, string name)
    {
        int largest = Header.LargestId ?? FindLargestId();
        if (largest >= vocabularySize)
        {
            throw new InvalidDataException(
                $"the token shard '{Path}' holds id {largest}, but '{name}' has only {vocabularySize} ids: tokenize the text again with the matching tokenizer."
            );
        }
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        _view?.Dispose();
        _mapping?.Dispose();
    }

    private int FindLargestId()
    {
        int[] buffer = ArrayPool<int>.Shared.Rent(1 << 16);
        uint largest = 0;
        for (long start = 0; start < Count; start += buffer.Length)
        {
            Span<int> ids = buffer.AsSpan(0, (int)Math.Min(buffer.Length, Count - start));
            Read(start, ids);
            foreach (int id in ids)
            {
                largest = Math.Max(largest, (uint)id);
            }
        }
        ArrayPool<int>.Shared.Return(buffer);
        return (int)Math.Min(largest, int.MaxValue);
    }
}
