namespace Inkstone.Data;

/// <summary>Appends the ids of a text; called from several threads.</summary>
public delegate void EncodeText(ReadOnlySpan<char> text, List<int> ids);

/// <summary>What <see cref="TokenizeRun"/> reads and writes.</summary>
/// <param name="Inputs">A prepared folder (its train and valid files), or any files and folders (all of them train).</param>
/// <param name="Output">The folder of the shards.</param>
/// <param name="Format">How ids lie in the files.</param>
/// <param name="ShardTokens">A shard is closed with the document that reaches so many ids.</param>
/// <param name="TextKeys">See <see cref="ReadOptions"/>.</param>
/// <param name="InputSeparator">See <see cref="ReadOptions"/>; for the text files of a prepared folder it is known.</param>
/// <param name="Force">Whether shards made otherwise are replaced.</param>
public sealed record TokenizeOptions(
    IReadOnlyList<string> Inputs,
    string Output,
    TokenShardFormat Format = TokenShardFormat.Inkstone,
    long ShardTokens = 100_000_000,
    IReadOnlyList<string>? TextKeys = null,
    string? InputSeparator = null,
    bool Force = false
);

/// <summary>How far a tokenization has come.</summary>
public sealed record TokenizeProgress(string Split, long BytesDone, long BytesTotal, long Tokens);

/// <summary>A finished shard.</summary>
public sealed record TokenizedShard(string File, string Split, long Tokens, long Documents, long Bytes);

/// <summary>What a tokenization made: the metadata.json beside the shards.</summary>
public sealed record TokenizeResult(
    string Output,
    TokenShardFormat Format,
    int VocabularySize,
    string VocabularyHash,
    int EndOfDocumentId,
    IReadOnlyList<TokenizedShard> Shards
)
{
    /// <summary>Ids to train on, end-of-document ids included.</summary>
    public long TrainTokens => Shards.Where(s => s.Split == "train").Sum(s => s.Tokens);

    /// <summary>Ids kept for validation.</summary>
    public long ValidTokens => Shards.Where(s => s.Split == "valid").Sum(s => s.Tokens);

    /// <summary>UTF-8 bytes of the text to train on.</summary>
    public long TrainBytes => Shards.Where(s => s.Split == "train").Sum(s => s.Bytes);

    /// <summary>UTF-8 bytes of the text kept for validation: what bits per byte are counted over.</summary>
    public long ValidBytes => Shards.Where(s => s.Split == "valid").Sum(s => s.Bytes);

    /// <summary>Documents in all shards.</summary>
    public long Documents => Shards.Sum(s => s.Documents);
}

/// <summary>What an unfinished run must share with the one that takes it up: everything that decides the bytes.</summary>
internal sealed record TokenizePlan(
    TokenShardFormat Format,
    long ShardTokens,
    int VocabularySize,
    string VocabularyHash,
    int EndOfDocumentId,
    IReadOnlyList<string> TextKeys,
    string? InputSeparator,
    IReadOnlyList<string> Files,
    IReadOnlyList<TokenizedShard> Finished
);
