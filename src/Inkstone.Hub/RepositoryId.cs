using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>What a repository holds.</summary>
public enum RepositoryKind
{
    /// <summary>A model.</summary>
    Model,

    /// <summary>A data set.</summary>
    Dataset,
}

/// <summary>A repository of a hub, such as <c>Qwen/Qwen2.5-0.5B-Instruct</c>.</summary>
public sealed partial record RepositoryId
{
    /// <summary>Takes a name apart.</summary>
    /// <exception cref="ArgumentException">It is no name of a repository.</exception>
    public RepositoryId(RepositoryKind kind, string id)
    {
        if (!Name().IsMatch(id) || id.Contains("--", StringComparison.Ordinal) || id.Contains("..", StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{id}' is no name of a repository: write ORG/NAME, as in Qwen/Qwen2.5-0.5B-Instruct");
        }
        (Kind, Id) = (kind, id);
    }

    /// <summary>Model or data set.</summary>
    public RepositoryKind Kind { get; }

    /// <summary><c>ORG/NAME</c>, or a name alone.</summary>
    public string Id { get; }

    /// <summary>models or datasets: in addresses, and before the folder's name.</summary>
    internal string Plural => Kind == RepositoryKind.Model ? "models" : "datasets";

    /// <summary>Its folder in the cache of Hugging Face.</summary>
    internal string Folder => $"{Plural}--{Id.Replace("/", "--", StringComparison.Ordinal)}";

    /// <inheritdoc/>
    public override string ToString() => Id;

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)?$")]
    private static partial Regex Name();
}
