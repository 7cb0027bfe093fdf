using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>What an unfinished preparation has done.</summary>
/// <param name="Identity">The input and the options.</param>
/// <param name="IsRead">Whether all documents are in the spool.</param>
/// <param name="Documents">Documents read.</param>
/// <param name="Invalid">See <see cref="DocumentReader.InvalidUtf8Count"/>.</param>
/// <param name="Missing">See <see cref="DocumentReader.MissingKeyCount"/>.</param>
/// <param name="Spooled">Documents in the spool.</param>
/// <param name="SpoolBytes">Bytes of the spool.</param>
/// <param name="Counts">Counts of the steps.</param>
/// <param name="Tally">What the steps found.</param>
internal sealed record PrepareState(
    string Identity,
    bool IsRead,
    long Documents,
    long Invalid,
    long Missing,
    long Spooled,
    long SpoolBytes,
    IReadOnlyList<FilterCount> Counts,
    PrepareTally Tally
)
{
    private const string FileName = "state.json";

    /// <summary>The state in a folder; null where there is none.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static PrepareState? Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), Metadata.Readable.PrepareState);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"the file '{path}' of an unfinished run cannot be read: delete the folder '{folder}' to begin anew.",
                exception
            );
        }
    }

    /// <summary>Writes the state, whole or not at all.</summary>
    public void Save(string folder) =>
        AtomicFile.Write(Path.Combine(folder, FileName), stream => JsonSerializer.Serialize(stream, this, Metadata.Readable.PrepareState));
}
