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
/// <param name="HtmlPages">Whether documents are HTML pages, of which the text is taken.</param>
/// <param name="Languages">Languages to keep, such as zh, zh-Hans or en; null keeps all. See <see cref="Languages.Detect"/>.</param>
/// <param name="Filters">Names of <see cref="QualityFilters"/> to apply, in order.</param>
/// <param name="Limits">Limits of these filters, by names such as units.units.least.</param>
/// <param name="Contamination">Evaluation sets; documents that share a run of units with them are dropped.</param>
/// <param name="ContaminationLength">Units of such a run.</param>
/// <param name="MaskPersonalData">Whether e-mail addresses, telephone, identity and bank card numbers are masked.</param>
/// <param name="DedupLines">Lines of at least so many characters that stood in an earlier document, or earlier in this one, are taken out;
/// 0 keeps them.</param>
/// <param name="NearDuplicates">Of near duplicates the first is kept; null keeps all.</param>
/// <param name="Report">Whether report.html is written.</param>
/// <param name="Threads">Threads to use; 0 is one for each core. The result does not depend on it.</param>
/// <param name="ScoreKey">A key of the input with a number that says how good a document is, as FineWeb-Edu and its Chinese version carry
/// one; null asks for none.</param>
/// <param name="LeastScore">Documents with a lower score, or with none, are dropped.</param>
/// <param name="Convert">A configuration of OpenCC by which texts are converted before all else, except those of files that have the wanted
/// script already; null converts nothing.</param>
/// <param name="Dictionaries">The folder of OpenCC's dictionaries; null is <see cref="OpenCcData.DefaultFolder"/>.</param>
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
    bool Force = false,
    bool HtmlPages = false,
    IReadOnlyList<string>? Languages = null,
    IReadOnlyList<string>? Filters = null,
    IReadOnlyDictionary<string, double>? Limits = null,
    IReadOnlyList<string>? Contamination = null,
    int ContaminationLength = 13,
    bool MaskPersonalData = false,
    int DedupLines = 0,
    NearDuplicateOptions? NearDuplicates = null,
    bool Report = false,
    int Threads = 0,
    string? ScoreKey = null,
    double LeastScore = 0,
    string? Convert = null,
    string? Dictionaries = null
)
{
    /// <summary>Throws if a value makes no sense.</summary>
    public void Validate()
    {
        if (Inputs.Count == 0)
        {
            throw new ArgumentException("there is no input: name at least one file or folder.");
        }
        if (!(ValidRatio >= 0 && ValidRatio < 1))
        {
            throw new ArgumentException(
                $"the valid ratio {ValidRatio} is not in [0, 1): 0.01 keeps one document in a hundred for validation."
            );
        }
        if (MinLength < 0 || MaxLength < 0 || (MaxLength > 0 && MaxLength < MinLength))
        {
            throw new ArgumentException(
                $"no document can have at least {MinLength} and at most {MaxLength} characters: change the length limits."
            );
        }
        if (ReplaceLiterals?.Any(r => r.Old.Length == 0) == true)
        {
            throw new ArgumentException("A literal to replace is empty: write old=new.");
        }
        if (
            Format == PrepareFormat.Text
            && (OutputSeparator.Length == 0 || OutputSeparator != OutputSeparator.Trim() || OutputSeparator.Contains('\n'))
        )
        {
            throw new ArgumentException(
                $"the separator '{OutputSeparator}' is no line that can be found again: give one without line feeds or blanks at its ends."
            );
        }
        if (DedupLines < 0)
        {
            throw new ArgumentException(
                $"no line has {DedupLines} characters: give the least length of a line to compare, for example 20."
            );
        }
        if (ContaminationLength < 1)
        {
            throw new ArgumentException(
                $"A run of {ContaminationLength} words is none: give the length that counts as the same text, for example 13."
            );
        }
        QualityFilters.Named(Filters ?? [], Limits ?? new Dictionary<string, double>());
        NearDuplicates?.Validate();
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
    PrepareOptions Options,
    PrepareFindings? Findings = null,
    IReadOnlyList<AppliedConversion>? Conversions = null
);

/// <summary>What the steps found, beyond their counts.</summary>
/// <param name="Reasons">Documents dropped for each reason, as "filter: reason".</param>
/// <param name="Samples">A few of them for each reason.</param>
/// <param name="Languages">Documents kept of each language.</param>
/// <param name="Histograms">Statistics of documents kept and dropped.</param>
public sealed record PrepareFindings(
    IReadOnlyDictionary<string, long> Reasons,
    IReadOnlyList<DropSample> Samples,
    IReadOnlyDictionary<string, long> Languages,
    IReadOnlyList<StatisticHistogram> Histograms
);

/// <summary>A document that was dropped.</summary>
/// <param name="Filter">By which step.</param>
/// <param name="Reason">For which of its reasons.</param>
/// <param name="Value">The number that decided.</param>
/// <param name="Source">The file.</param>
/// <param name="Line">The line or row.</param>
/// <param name="Text">Its beginning.</param>
public sealed record DropSample(string Filter, string? Reason, double? Value, string Source, long Line, string Text);

/// <summary>How a statistic is spread: 20 bins of a twentieth each for shares, of powers of two for counts.</summary>
/// <param name="Name">Filter and statistic.</param>
/// <param name="IsShare">Whether it lies between 0 and 1.</param>
/// <param name="Kept">Documents kept in each bin.</param>
/// <param name="Dropped">Documents that the filter dropped in each bin.</param>
public sealed record StatisticHistogram(string Name, bool IsShare, IReadOnlyList<long> Kept, IReadOnlyList<long> Dropped);
