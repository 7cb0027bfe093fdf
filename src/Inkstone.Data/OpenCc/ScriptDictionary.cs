namespace Inkstone.Data;

/// <summary>A dictionary of OpenCC: the entries of one file, or a group of dictionaries.</summary>
internal abstract record ScriptDictionary
{
    /// <summary>The entries of one file or of the configuration itself.</summary>
    public sealed record Entries(IReadOnlyDictionary<string, string> Pairs) : ScriptDictionary;

    /// <summary>
    /// Several dictionaries: of a union the longest match over all of them counts (the first one's where equal), else
    /// (<c>short_circuit</c>) the longest match
    /// of the first dictionary that has any.
    /// </summary>
    public sealed record Group(IReadOnlyList<ScriptDictionary> Members, bool IsUnion) : ScriptDictionary;
}
