namespace Inkstone.Data;

/// <summary>One document and where it was read: the file, and the line on which it begins or its row (from 1).</summary>
/// <param name="Source">The file.</param>
/// <param name="Line">The line or row.</param>
/// <param name="Text">What it says.</param>
/// <param name="Score">The value of <see cref="ReadOptions.ScoreKey"/>, where that is asked for.</param>
public sealed record Document(string Source, long Line, string Text, double? Score = null);

/// <summary>What happens to text that is no valid UTF-8.</summary>
public enum InvalidUtf8
{
    /// <summary>Each bad sequence becomes U+FFFD.</summary>
    Replace,

    /// <summary>The document is left out.</summary>
    Drop,

    /// <summary>Reading stops with an error that names file and line.</summary>
    Fail,
}

/// <summary>What happens to a JSONL line or Parquet row that lacks a text key.</summary>
public enum MissingKey
{
    /// <summary>Reading stops with an error that names file, line and key.</summary>
    Fail,

    /// <summary>The line is left out and counted.</summary>
    Skip,
}

/// <summary>How documents are read.</summary>
/// <param name="TextKeys">Keys of a JSONL line, or fields of a Parquet file, whose texts are joined with line feeds; a value may be an
/// array of strings, joined likewise.</param>
/// <param name="Separator">The line that parts the documents of a plain text file; without one a file is one document.</param>
/// <param name="InvalidUtf8">What happens to invalid UTF-8.</param>
/// <param name="MissingKey">What happens to a line or row without one of the keys.</param>
/// <param name="KeyAdvice">What a user does about a key that is not there, for messages.</param>
/// <param name="ScoreKey">A key or field with a number that says how good the document is; null reads none.</param>
public sealed record ReadOptions(
    IReadOnlyList<string>? TextKeys = null,
    string? Separator = null,
    InvalidUtf8 InvalidUtf8 = InvalidUtf8.Replace,
    MissingKey MissingKey = MissingKey.Fail,
    string KeyAdvice = "name the right one with --text-key",
    string? ScoreKey = null
);
