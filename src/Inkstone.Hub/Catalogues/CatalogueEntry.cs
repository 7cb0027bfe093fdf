namespace Inkstone.Hub;

/// <summary>Where a set can be had.</summary>
public enum SourceKind
{
    /// <summary>A repository of Hugging Face's hub.</summary>
    HuggingFace,

    /// <summary>A repository of ModelScope.</summary>
    ModelScope,

    /// <summary>A package of npm's registry.</summary>
    Npm,

    /// <summary>A plain address.</summary>
    Url,

    /// <summary>A file or folder that is there.</summary>
    File,

    /// <summary>A page that wants a person: a login, a code, a form.</summary>
    Browser,
}

/// <summary>One place where a set can be had.</summary>
/// <param name="Kind">what kind of place</param>
/// <param name="At">repository, package, address or path</param>
/// <param name="Include">patterns of the files to take of a repository</param>
/// <param name="Revision">its branch, tag or commit, or null</param>
/// <param name="Hash">SHA-256 or SHA-1 of a plain file, or null</param>
/// <param name="HashList">address of a list of hashes in which the file stands, or null</param>
/// <param name="How">what a person does at a page, and with what comes from there</param>
public sealed record CatalogueSource(
    SourceKind Kind,
    string At,
    IReadOnlyList<string> Include,
    string? Revision = null,
    string? Hash = null,
    string? HashList = null,
    string? How = null
)
{
    /// <summary>The kind as catalogues and flags write it.</summary>
    public string Word =>
        Kind switch
        {
            SourceKind.HuggingFace => "hf",
            SourceKind.ModelScope => "modelscope",
            SourceKind.Npm => "npm",
            SourceKind.Url => "url",
            SourceKind.File => "file",
            _ => "browser",
        };
}

/// <summary>A set of the catalogue.</summary>
/// <param name="Name">what it is asked for by</param>
/// <param name="Repository">data set or model</param>
/// <param name="About">what it is, in a line</param>
/// <param name="Use">what it serves: pretrain, sft, dpo, evaluation, dictionary, model</param>
/// <param name="Licence">its licence as its makers name it</param>
/// <param name="Size">how large it is, as its makers say</param>
/// <param name="Sources">where it can be had, the first choice first</param>
public sealed record CatalogueEntry(
    string Name,
    RepositoryKind Repository,
    string About,
    string Use,
    string Licence,
    string Size,
    IReadOnlyList<CatalogueSource> Sources
);
