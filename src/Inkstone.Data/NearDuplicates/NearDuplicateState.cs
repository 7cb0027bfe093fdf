using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>The stages of a search, in order.</summary>
internal enum NearDuplicateStage
{
    /// <summary>Texts are read and their bands go to bucket files.</summary>
    Read,

    /// <summary>Buckets give candidates.</summary>
    Match,

    /// <summary>Candidates are compared.</summary>
    Compare,

    /// <summary>All pairs are known.</summary>
    Done,
}

/// <summary>What an unfinished search has done: enough to go on as if it had never stopped.</summary>
/// <param name="Identity">The input and the options.</param>
/// <param name="Files">Number of bucket files and of candidate files.</param>
/// <param name="Stage">The stage it is in.</param>
/// <param name="Done">Texts, bucket files or candidate files that are done with in this stage.</param>
/// <param name="Documents">Texts read.</param>
/// <param name="Candidates">Pairs compared.</param>
/// <param name="Cut">See <see cref="NearDuplicateCounts"/>.</param>
/// <param name="Lengths">Bytes that are whole of the files which the stage writes.</param>
internal sealed record NearDuplicateState(
    string Identity,
    int Files,
    NearDuplicateStage Stage,
    long Done,
    long Documents,
    long Candidates,
    long Cut,
    long[] Lengths
)
{
    private const string FileName = "state.json";

    /// <summary>The state of the search in a folder; null where there is none.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static NearDuplicateState? Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), Metadata.Readable.NearDuplicateState);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"the file '{path}' of an unfinished run cannot be read: use --force to begin anew.", exception);
        }
    }

    /// <summary>Writes the state, whole or not at all.</summary>
    public void Save(string folder) =>
        AtomicFile.Write(
            Path.Combine(folder, FileName),
            stream => JsonSerializer.Serialize(stream, this, Metadata.Readable.NearDuplicateState)
        );
}
