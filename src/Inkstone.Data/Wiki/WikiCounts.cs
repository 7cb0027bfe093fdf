namespace Inkstone.Data;

/// <summary>What became of the pages of a dump.</summary>
public sealed record WikiCounts
{
    /// <summary>Pages in the dump.</summary>
    public long Pages { get; init; }

    /// <summary>Pages written.</summary>
    public long Kept { get; init; }

    /// <summary>Pages that lead to another one.</summary>
    public long Redirects { get; init; }

    /// <summary>Pages that tell meanings of a title apart.</summary>
    public long Disambiguations { get; init; }

    /// <summary>Pages that are no articles.</summary>
    public long OtherNamespaces { get; init; }

    /// <summary>Pages that are no wikitext.</summary>
    public long OtherModels { get; init; }

    /// <summary>Pages whose text was suppressed.</summary>
    public long Suppressed { get; init; }

    /// <summary>Pages of which nothing is left.</summary>
    public long Empty { get; init; }

    /// <summary>Pages of which the dump holds a newer copy.</summary>
    public long OlderCopies { get; init; }

    /// <summary>Revisions passed over because a newer one of the page was there.</summary>
    public long OlderRevisions { get; init; }

    /// <summary>Bytes of XML.</summary>
    public long XmlBytes { get; init; }

    /// <summary>Bytes of the texts written, in UTF-8.</summary>
    public long TextBytes { get; init; }

    /// <summary>Both together.</summary>
    public static WikiCounts operator +(WikiCounts a, WikiCounts b) =>
        new()
        {
            Pages = a.Pages + b.Pages,
            Kept = a.Kept + b.Kept,
            Redirects = a.Redirects + b.Redirects,
            Disambiguations = a.Disambiguations + b.Disambiguations,
            OtherNamespaces = a.OtherNamespaces + b.OtherNamespaces,
            OtherModels = a.OtherModels + b.OtherModels,
            Suppressed = a.Suppressed + b.Suppressed,
            Empty = a.Empty + b.Empty,
            OlderCopies = a.OlderCopies + b.OlderCopies,
            OlderRevisions = a.OlderRevisions + b.OlderRevisions,
            XmlBytes = a.XmlBytes + b.XmlBytes,
            TextBytes = a.TextBytes + b.TextBytes,
        };
}
