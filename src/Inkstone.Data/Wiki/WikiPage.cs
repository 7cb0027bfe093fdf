namespace Inkstone.Data;

/// <summary>A page of a dump with its newest revision.</summary>
/// <param name="Id">its number</param>
/// <param name="Title">its title</param>
/// <param name="Namespace">0 for articles</param>
/// <param name="Redirect">the title to which it leads, or null</param>
/// <param name="Revision">number of the revision</param>
/// <param name="Model">what its text is: wikitext, css, …</param>
/// <param name="Text">its source; null where it was suppressed</param>
/// <param name="OlderRevisions">revisions that were passed over</param>
internal sealed record WikiPage(
    long Id,
    string Title,
    int Namespace,
    string? Redirect,
    long Revision,
    string Model,
    string? Text,
    int OlderRevisions
);
