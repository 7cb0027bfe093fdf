using System.Collections.Concurrent;

namespace Inkstone.Data;

/// <summary>
/// A conversion as a step of something longer: documents are converted, except for those of files that have the wanted script already.
/// Threads may share one.
/// </summary>
internal sealed class ScriptStep(ScriptConverter converter)
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<AppliedConversion>> _before = new();

    /// <summary>See <see cref="ScriptConverter.Fingerprint"/>.</summary>
    public string Fingerprint => converter.Fingerprint;

    /// <summary>The text of a document in the wanted script; the same instance where nothing changes.</summary>
    /// <param name="file">where the document was read: see <see cref="AppliedConversions.Find"/></param>
    /// <param name="text">its text</param>
    public string Convert(string file, string text) => IsDone(file) ? text : converter.Convert(text);

    /// <summary>Whether a file has the wanted script already.</summary>
    public bool IsDone(string file) => AppliedConversions.Reach(_before.GetOrAdd(file, AppliedConversions.Find), converter.Configuration);

    /// <summary>What the documents of a file have been through behind this step, for the manifest.</summary>
    public IReadOnlyList<AppliedConversion> After(string file) =>
        IsDone(file) ? _before[file] : [.. _before[file], new AppliedConversion(converter.Configuration, converter.Fingerprint)];
}
