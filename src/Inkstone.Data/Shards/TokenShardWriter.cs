using System.Buffers.Binary;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>What a writer must know of the tokenizer: the ids' range, their meaning, and the id that ends a document.</summary>
public sealed record ShardVocabulary(int Size, ulong Hash, int EndOfDocumentId);

/// <summary>
/// Writes documents as one token shard. The file gets its name in <see cref="Complete"/>; without it nothing is left.
/// </summary>
public sealed class TokenShardWriter : IDisposable
{
    private readonly AtomicFile _file;
    private readonly TokenShardFormat _format;
    private readonly ShardVocabulary _vocabulary;
    private readonly int _bytesPerToken;
    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly string _path;
    private int _buffered;
    private int _largestId = -1;

    /// <summary>Opens a shard for writing. Ids take two bytes when the vocabulary allows, else four.</summary>
    /// <exception cref="ArgumentException">The format cannot hold the vocabulary, or the end-of-document id is outside it.</exception>
    public TokenShardWriter(string path, TokenShardFormat format, ShardVocabulary vocabulary)
    {
        if (vocabulary.EndOfDocumentId < 0 || vocabulary.EndOfDocumentId >= vocabulary.Size)
        {
            throw new ArgumentException(
                $"the end-of-document id {vocabulary.EndOfDocumentId} lies outside the vocabulary of {vocabulary.Size} ids: name the tokenizer's end-of-text token."
            );
        }
        _bytesPerToken = vocabulary.Size <= ushort.MaxValue + 1 ? 2 : 4;
        if (_bytesPerToken == 4 && format == TokenShardFormat.Headerless)
        {
            throw new ArgumentException(
                $"headerless shards hold uint16 ids, too narrow for {vocabulary.Size} ids: choose the format with a header, or npy."
            );
        }

        _path = path;
        _format = format;
        _vocabulary = vocabulary;
        _file = new AtomicFile(path);
        _file.Stream.Write(Header());
    }

    /// <summary>Ids written so far, end-of-document ids included.</summary>
    public long TokenCount { get; private set; }

    /// <summary>Documents written so far.</summary>
    public long DocumentCount { get; private set; }

    /// <summary>UTF-8 bytes of the text behind the ids.</summary>
    public long TextBytes { get; private set; }

    /// <summary>Appends one document and its end-of-document id.</summary>
    public void Append(ReadOnlySpan<int> ids, long textBytes)
    {
        foreach (int id in ids)
        {
            WriteToken(id);
        }
        WriteToken(_vocabulary.EndOfDocumentId);
        TokenCount += ids.Length + 1;
        DocumentCount++;
        TextBytes += textBytes;
    }

    /// <summary>Completes the header, flushes to disk, and gives the file its name.</summary>
    public TokenShardHeader Complete()
    {
        FlushBuffer();
        _file.Stream.Position = 0;
        _file.Stream.Write(Header());
        _file.Commit();
        return Describe();
    }

    /// <summary>Closes the shard; an incomplete one is removed.</summary>
    public void Dispose() => _file.Dispose();

    private TokenShardHeader Describe() =>
        new(
            _bytesPerToken,
            TokenCount,
            DocumentCount,
            TextBytes,
            _vocabulary.Hash,
            _vocabulary.Size,
            _vocabulary.EndOfDocumentId,
            _largestId
        );

    private byte[] Header() =>
        _format switch
        {
            TokenShardFormat.Inkstone => Describe().ToBytes(),
            TokenShardFormat.Npy => NpyHeader.ToBytes(_bytesPerToken, TokenCount),
            _ => [],
        };

    private void WriteToken(int id)
    {
        if ((uint)id >= (uint)_vocabulary.Size)
        {
            throw new InvalidDataException(
                $"id {id} lies outside the vocabulary of {_vocabulary.Size} ids while writing '{_path}': tokenizer and vocabulary do not belong together."
            );
        }
        if (_buffered == _buffer.Length)
        {
            FlushBuffer();
        }
        if (_bytesPerToken == 2)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_buffered), (ushort)id);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_buffered), id);
        }

        _buffered += _bytesPerToken;
        _largestId = Math.Max(_largestId, id);
    }

    private void FlushBuffer()
    {
        _file.Stream.Write(_buffer, 0, _buffered);
        _buffered = 0;
    }
}
