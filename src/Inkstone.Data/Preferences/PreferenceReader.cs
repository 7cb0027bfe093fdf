using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>
/// Reads preferences: JSONL, JSON arrays (gzipped or not) and Parquet. Pairs are <c>chosen</c> and <c>rejected</c>, texts or messages, with
/// a <c>prompt</c> or with it inside
/// both; or <c>instruction</c> with scored <c>completions</c> (UltraFeedback), of which the best and the worst are taken. Single answers
/// are <c>prompt</c>, <c>completion</c> and
/// <c>label</c>, or the two of a pair. Records that nothing can be learned from are left out and counted.
/// </summary>
public sealed class PreferenceReader
{
    private readonly SkippedRecordCounter _skipped = new();

    /// <summary>Records that were left out so far, by reason.</summary>
    public IReadOnlyList<SkippedRecords> Skipped => _skipped.Records;

    /// <summary>The pairs of the files in order.</summary>
    /// <exception cref="InvalidDataException">A record has no known form, or a file is damaged; the message names the place.</exception>
    public IEnumerable<PreferenceRecord> ReadPairs(IEnumerable<string> files) => Read(files, PreferenceShape.Pair);

    /// <summary>The single answers of the files in order.</summary>
    /// <inheritdoc cref="ReadPairs"/>
    public IEnumerable<PreferenceRecord> ReadSingles(IEnumerable<string> files) => Read(files, PreferenceShape.Singles);

    /// <summary>One pair.</summary>
    /// <exception cref="FormatException">Nothing can be learned from it.</exception>
    /// <exception cref="InvalidDataException">It has no known form.</exception>
    public static PreferenceRecord ParsePair(string place, JsonObject record) => PreferenceShape.Pair(record, place)[0];

    private IEnumerable<PreferenceRecord> Read(IEnumerable<string> files, Func<JsonObject, string, IReadOnlyList<PreferenceRecord>> shape)
    {
        foreach (string file in files)
        {
            foreach ((string place, JsonObject record) in JsonRecords.Read(file, PreferenceShape.Keys))
            {
                IReadOnlyList<PreferenceRecord> read = [];
                try
                {
                    read = shape(record, place);
                }
                catch (FormatException e)
                {
                    _skipped.Add(e.Message, place);
                }
                catch (InvalidDataException e)
                {
                    throw new InvalidDataException($"{place}: {e.Message}", e);
                }
                foreach (PreferenceRecord preference in read)
                {
                    yield return preference;
                }
            }
        }
    }
}
