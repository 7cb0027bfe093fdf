namespace Inkstone.Data;

/// <summary>A text that is replaced wherever it stands.</summary>
public sealed record LiteralReplacement(string Old, string New);

/// <summary>How prepared documents are written.</summary>
public enum PrepareFormat
{
    /// <summary>train.jsonl and valid.jsonl, one {"text"} per line.</summary>
    Jsonl,

    /// <summary>train.txt and valid.txt, each document followed by a line with the separator.</summary>
    Text,
}

/// <summary>What <see cref="Preparation"/> reads, what it does to it, and where it writes. The defaults are MicroLM's.</summary>
/// <param name="Inputs">Files and folders.</param>
/// <param name="Output">The folder to make.</param>
/// <param name="TextKeys">See <see cref="ReadOptions"/>.</param>
/// <param name="InputSeparator">See <see cref="ReadOptions"/>.</param>
/// <param name="InvalidUtf8">See <see cref="ReadOptions"/>.</param>
/// <param name="MissingKey">See <see cref="ReadOptions"/>.</param>
/// <param name="ReplaceLiterals">Texts to replace, in order.</param>
/// <param name="CleanHtml">Whether tags are removed.</param>
/// <param name="KeepWhiteSpace">Whether runs of blanks and of line ends stay as they are, as code needs it.</param>
/// <param name="MinLength">Documents with fewer characters are dropped.</param>
/// <param name="MaxLength">Documents with more characters are dropped or cut; 0 is no limit.</param>
/// <param name="MaxLengthAction">Which of both.</param>
/// <param name="Dedup">Whether documents equal to an earlier one are dropped.</param>
/// <param name="ValidRatio">The share of documents kept for validation.</param>
/// <param name="Format">How documents are written.</param>
/// <param name="OutputSeparator">The line behind each document in the text format.</param>
/// <param name="Force">Whether an earlier output is replaced.</param>
public sealed record PrepareOptions(
    IReadOnlyList<string> Inputs,
    string Output,
    IReadOnlyList<string>? TextKeys = null,
    string? InputSeparator = null,
    InvalidUtf8 InvalidUtf8 = InvalidUtf8.Replace,
    MissingKey MissingKey = MissingKey.Fail,
    IReadOnlyList<LiteralReplacement>? ReplaceLiterals = null,
    bool CleanHtml = false,
    bool KeepWhiteSpace = false,
    int MinLength = 50,
    int MaxLength = 0,
    MaxLengthAction MaxLengthAction = MaxLengthAction.Drop,
    bool Dedup = true,
    double ValidRatio = 0.01,
    PrepareFormat Format = PrepareFormat.Jsonl,
    string OutputSeparator = "<|endoftext|>",
    bool Force = false)
{
    /// <summary>Throws if a value makes no sense.</summary>
    public void Validate()
    {
        if (Inputs.Count == 0) throw new ArgumentException("There is no input: name at least one file or folder.");
        if (!(ValidRatio >= 0 && ValidRatio < 1)) throw new ArgumentException($"The valid ratio {ValidRatio} is not in [0, 1): 0.01 keeps one document in a hundred for validation.");
        if (MinLength < 0 || MaxLength < 0 || (MaxLength > 0 && MaxLength < MinLength))
            throw new ArgumentException($"No document can have at least {MinLength} and at most {MaxLength} characters: change the length limits.");
        if (ReplaceLiterals?.Any(r => r.Old.Length == 0) == true) throw new ArgumentException("A literal to replace is empty: write old=new.");
        if (Format == PrepareFormat.Text && (OutputSeparator.Length == 0 || OutputSeparator != OutputSeparator.Trim() || OutputSeparator.Contains('\n')))
            throw new ArgumentException($"The separator '{OutputSeparator}' is no line that can be found again: give one without line feeds or blanks at its ends.");
    }
}

/// <summary>How far a preparation has come.</summary>
public sealed record PrepareProgress(string Phase, long Done, long Total, long Documents);

/// <summary>What a preparation made.</summary>
public sealed record PrepareResult(
    string Output,
    IReadOnlyList<FilterCount> FilterStats,
    LengthStatistics LengthStats,
    long Documents,
    long TrainDocuments,
    long ValidDocuments,
    long Bytes,
    PrepareOptions Options);
