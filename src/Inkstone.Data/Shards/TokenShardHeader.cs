using System.Buffers.Binary;

namespace Inkstone.Data;

/// <summary>
/// What a shard says about its tokens. Formats without a header of ours leave the unknown fields null.
/// </summary>
/// <remarks><code>
/// offset  0  "INKTOK", 0, 1          8  uint32 version            12  uint32 bytes per token (2 or 4)
///        16  int64 tokens           24  int64 documents           32  int64 UTF-8 bytes of the text behind the tokens
///        40  uint64 vocabulary hash 48  int32 vocabulary size     52  int32 end-of-document id (-1: none)
///        56  int32 largest id       60  zeros up to byte 256, then the ids; everything little-endian
/// </code></remarks>
public sealed record TokenShardHeader(
    int BytesPerToken,
    long TokenCount,
    long? DocumentCount = null,
    long? TextBytes = null,
    ulong? VocabularyHash = null,
    int? VocabularySize = null,
    int? EndOfDocumentId = null,
    int? LargestId = null
)
{
    /// <summary>Bytes before the first id.</summary>
    public const int Size = 256;

    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "INKTOK\0\u0001"u8;

    /// <summary>Whether a file that begins so has this header.</summary>
    public static bool IsPresent(ReadOnlySpan<byte> start) => start.StartsWith(Magic);

    /// <summary>Reads the header of the file called <paramref name="path"/> and holds it against the file's length.</summary>
    /// <exception cref="InvalidDataException">The header is cut off, of another version, or disagrees with the file's length.</exception>
    public static TokenShardHeader Parse(ReadOnlySpan<byte> bytes, string path, long fileLength)
    {
        if (bytes.Length < Size)
        {
            throw new InvalidDataException(
                $"the token shard '{path}' is cut off inside its {Size}-byte header ({fileLength} bytes): write it again with `ink tokenize`."
            );
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version != Version)
        {
            throw new InvalidDataException(
                $"the token shard '{path}' has version {version}, this program reads version {Version}: write it again with `ink tokenize`."
            );
        }

        uint width = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (width is not (2 or 4))
        {
            throw new InvalidDataException(
                $"the token shard '{path}' claims {width} bytes per token, only 2 and 4 exist: write it again with `ink tokenize`."
            );
        }

        long tokens = BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]);
        if (tokens < 0 || tokens > (long.MaxValue - Size) / width || fileLength != Size + tokens * width)
        {
            throw new InvalidDataException(
                $"the token shard '{path}' claims {tokens} tokens of {width} bytes, but its length is {fileLength} bytes instead of {Size} + tokens × {width}: it was cut or changed, write it again with `ink tokenize`."
            );
        }

        TokenShardHeader header = new TokenShardHeader(
            (int)width,
            tokens,
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[48..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[52..]) is var id && id == -1 ? null : id,
            BinaryPrimitives.ReadInt32LittleEndian(bytes[56..])
        );

        if (
            header.DocumentCount < 0
            || header.DocumentCount > tokens
            || header.TextBytes < 0
            || header.VocabularySize <= 0
            || header.LargestId >= header.VocabularySize
            || header.EndOfDocumentId < 0
            || header.EndOfDocumentId >= header.VocabularySize
        )
        {
            throw new InvalidDataException(
                $"the header of the token shard '{path}' contradicts itself (documents {header.DocumentCount}, text bytes {header.TextBytes}, vocabulary {header.VocabularySize}, largest id {header.LargestId}, end id {header.EndOfDocumentId}): write it again with `ink tokenize`."
            );
        }

        return header;
    }

    /// <summary>The header as the first <see cref="Size"/> bytes of a file.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), (uint)BytesPerToken);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), TokenCount);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), DocumentCount ?? 0);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), TextBytes ?? 0);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), VocabularyHash ?? 0);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(48), VocabularySize ?? 0);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(52), EndOfDocumentId ?? -1);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(56), LargestId ?? -1);
        return bytes;
    }
}
