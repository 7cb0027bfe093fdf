using System.Numerics;
using System.Text;

namespace Inkstone.Data;

/// <summary>Gathers, in the order of the documents, what the steps said of them; goes into the state of an unfinished run and out of
/// it.</summary>
internal sealed class PrepareTally
{
    /// <summary>What documents are counted under that equal an earlier one.</summary>
    public const string DuplicatesName = "exact duplicates";

    private const int SamplesOfReason = 3,
        SampleCharacters = 240,
        Bins = 20;

    /// <summary>Documents dropped for each reason.</summary>
    public Dictionary<string, long> Reasons { get; init; } = [];

    /// <summary>The first few of each.</summary>
    public List<DropSample> Samples { get; init; } = [];

    /// <summary>Documents kept of each language.</summary>
    public Dictionary<string, long> Languages { get; init; } = [];

    /// <summary>Bins of each statistic: those of kept documents, then those of dropped ones; names of shares end in %.</summary>
    public Dictionary<string, long[]> Histograms { get; init; } = [];

    /// <summary>Notes what a step said; called for steps that dropped the document or measured it.</summary>
    public void Add(string filter, FilterVerdict verdict, Document document)
    {
        bool dropped = verdict.Text is null;
        foreach (QualityStatistic statistic in verdict.Statistics?.All ?? [])
        {
            if (statistic.Value is not { } value)
            {
                continue;
            }
            string name = $"{filter}: {statistic.Name}{(statistic.IsShare ? "%" : "")}";
            if (!Histograms.TryGetValue(name, out long[]? bins))
            {
                Histograms[name] = bins = new long[2 * Bins];
            }
            bins[(dropped ? Bins : 0) + Bin(value, statistic.IsShare)]++;
        }
        if (dropped)
        {
            AddDropped(filter, verdict.Reason, verdict.Value, document);
        }
    }

    /// <summary>Notes a dropped document.</summary>
    public void AddDropped(string filter, string? reason, double? value, Document document)
    {
        string name = reason is null ? filter : $"{filter}: {reason}";
        long count = Reasons[name] = Reasons.GetValueOrDefault(name) + 1;
        if (count > SamplesOfReason)
        {
            return;
        }
        string text =
            document.Text.Length <= SampleCharacters
                ? document.Text
                : document.Text[..(char.IsHighSurrogate(document.Text[SampleCharacters - 1]) ? SampleCharacters - 1 : SampleCharacters)]
                    + "…";
        Samples.Add(new DropSample(filter, reason, value, document.Source, document.Line, text));
    }

    /// <summary>Notes documents that equal an earlier one, of which no more is read than is shown.</summary>
    public void AddDuplicates(IEnumerable<ReadOnlyMemory<byte>> texts, long count)
    {
        foreach (ReadOnlyMemory<byte> text in texts.Take(SamplesOfReason))
        {
            AddDropped(DuplicatesName, null, null, new Document("", 0, Encoding.UTF8.GetString(text.Span)));
        }
        if (count > 0)
        {
            Reasons[DuplicatesName] = count;
        }
    }

    /// <summary>The findings for people.</summary>
    public PrepareFindings Findings() =>
        new(
            Reasons,
            Samples,
            Languages,
            [.. Histograms.Select(h => new StatisticHistogram(h.Key.TrimEnd('%'), h.Key.EndsWith('%'), h.Value[..Bins], h.Value[Bins..]))]
        );

    private static int Bin(double value, bool isShare) =>
        isShare
            ? Math.Clamp((int)(value * Bins), 0, Bins - 1)
            : Math.Min(Bins - 1, value < 1 ? 0 : BitOperations.Log2((uint)Math.Min(value, uint.MaxValue)) + 1);
}
