using System.Globalization;
using System.Text;

namespace Inkstone.Data;

/// <summary>Applies the steps to documents, many at once, and gives the results in their order.</summary>
internal sealed class DocumentCleaner(
    PrepareOptions options,
    IReadOnlyList<TextFilter> filters,
    ScriptStep? script,
    int mostBytes,
    CancellationToken cancellation
)
{
    public const string ScoreName = "score";

    private const int WaveDocuments = 2048,
        WaveCharacters = 1 << 22;
    private readonly bool _detectsLanguage = options.Report || options.Languages is { Count: > 0 };
    private readonly ParallelOptions _parallel = new()
    {
        CancellationToken = cancellation,
        MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
    };

    /// <summary>A document behind all steps.</summary>
    /// <param name="Source">The document.</param>
    /// <param name="Text">What is left of it in UTF-8; null when it was dropped.</param>
    /// <param name="Notes">What steps that measured or dropped it said.</param>
    /// <param name="Language">Its language, where that is asked for.</param>
    public sealed record Cleaned(
        Document Source,
        byte[]? Text,
        IReadOnlyList<(string Filter, FilterVerdict Verdict)> Notes,
        string? Language
    );

    /// <summary>The documents behind all steps, in waves.</summary>
    public IEnumerable<Cleaned[]> Clean(IEnumerable<Document> documents)
    {
        List<Document> wave = [];
        long characters = 0;
        foreach (Document document in documents)
        {
            cancellation.ThrowIfCancellationRequested();
            wave.Add(document);
            characters += document.Text.Length;
            if (wave.Count < WaveDocuments && characters < WaveCharacters)
            {
                continue;
            }
            yield return Clean(wave);
            wave.Clear();
            characters = 0;
        }
        if (wave.Count > 0)
        {
            yield return Clean(wave);
        }
    }

    private Cleaned[] Clean(List<Document> wave)
    {
        Cleaned[] cleaned = new Cleaned[wave.Count];
        Parallel.For(0, wave.Count, _parallel, i => cleaned[i] = Clean(Converted(wave[i])));
        return cleaned;
    }

    private Document Converted(Document document) =>
        script is null ? document : document with { Text = script.Convert(document.Source, document.Text) };

    private FilterVerdict Scored(Document document)
    {
        QualityStatistics statistics = new();
        statistics.Add(ScoreName, document.Score);
        return document.Score >= options.LeastScore
            ? new FilterVerdict(document.Text, Statistics: statistics)
            : new FilterVerdict(null, document.Score is null ? "none" : "least", document.Score, statistics);
    }

    private Cleaned Clean(Document document)
    {
        List<(string, FilterVerdict)> notes = [];
        string? text = document.Text;
        if (options.ScoreKey is not null)
        {
            FilterVerdict verdict = Scored(document);
            notes.Add((ScoreName, verdict));
            text = verdict.Text;
        }
        for (int i = 0; i < filters.Count && text is not null; i++)
        {
            FilterVerdict verdict = filters[i].Judge(text);
            if (verdict.Text is null || verdict.Statistics is not null)
            {
                notes.Add((filters[i].Name, verdict));
            }
            text = verdict.Text;
        }
        if (string.IsNullOrEmpty(text))
        {
            return new Cleaned(document, null, notes, null);
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > mostBytes)
        {
            throw new InvalidDataException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{document.Source}:{document.Line}: the document has {bytes.Length:N0} bytes and one may have {mostBytes:N0}: split it, or let a maximum length drop or cut it."
                )
            );
        }
        return new Cleaned(document, bytes, notes, _detectsLanguage ? Languages.Detect(text).Code : null);
    }
}
