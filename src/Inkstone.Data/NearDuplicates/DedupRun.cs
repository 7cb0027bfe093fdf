using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>What <see cref="DedupRun"/> reads and writes.</summary>
/// <param name="Inputs">JSONL, Parquet or text files, or folders of them; rows count through all of them, from 0.</param>
/// <param name="Output">The folder for pairs.jsonl, clusters.json and metadata.json.</param>
/// <param name="Fields">Keys of the text, joined by line ends.</param>
/// <param name="Near">What is near.</param>
/// <param name="Force">Whether an earlier output, or an unfinished run of another input, is replaced.</param>
public sealed record DedupOptions(
    IReadOnlyList<string> Inputs,
    string Output,
    IReadOnlyList<string> Fields,
    NearDuplicateOptions Near,
    bool Force = false
);

/// <summary>What a search for near duplicates found.</summary>
/// <param name="Output">The folder.</param>
/// <param name="Threshold">The least similarity of a pair.</param>
/// <param name="Shingles">What was compared.</param>
/// <param name="Counts">How many documents, candidates and pairs there were.</param>
/// <param name="Clusters">Connected components of two documents and more.</param>
/// <param name="Clustered">Documents in clusters.</param>
/// <param name="Largest">Documents of the largest cluster.</param>
public sealed record DedupResult(
    string Output,
    double Threshold,
    ShingleKind Shingles,
    NearDuplicateCounts Counts,
    long Clusters,
    long Clustered,
    long Largest
)
{
    /// <summary>Documents to leave out so that one of each cluster stays.</summary>
    public long Redundant => Clustered - Clusters;
}

/// <summary>
/// Near duplicates of a corpus: pairs.jsonl has {a, b, jaccard} of each pair at or above the threshold, clusters.json the connected
/// components as lists of
/// rows. What it has done so far lies in the output's folder "unfinished", and the same command goes on from there.
/// </summary>
public sealed class DedupRun(DedupOptions options)
{
    private const string WorkName = "unfinished",
        PairsName = "pairs.jsonl",
        ClustersName = "clusters.json",
        MetadataName = "metadata.json";

    /// <summary>See <see cref="NearDuplicateSearch.SaveEvery"/>.</summary>
    internal int SaveEvery { get; init; } = 1 << 16;

    private string Work => Path.Combine(options.Output, WorkName);

    /// <summary>Finds the pairs; a run that is stopped goes on when it is run again.</summary>
    /// <exception cref="InvalidDataException">The input is not what it should be.</exception>
    /// <exception cref="ArgumentException">An option makes no sense, or the output is taken.</exception>
    public DedupResult Run(IProgress<NearDuplicateProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Near.Validate();
        IReadOnlyList<string> files = InputFiles.Find(options.Inputs);
        RefuseTaken();
        using DirectoryLock held = DirectoryLock.Take(options.Output);
        if (options.Force && Directory.Exists(Work))
        {
            Directory.Delete(Work, recursive: true);
        }
        AtomicDirectory.Sweep(options.Output);
        Directory.CreateDirectory(Work);
        try
        {
            return Run(files, progress, cancellation);
        }
        catch (Exception exception)
        {
            if (
                exception.GetBaseException() is InvalidDataException
                && NearDuplicateState.Load(Work) is null or { Stage: NearDuplicateStage.Read }
            )
            {
                Directory.Delete(Work, recursive: true);
            }
            if (exception is not IOException full || !DiskFull.IsReasonOf(full))
            {
                throw;
            }
            throw new IOException(
                $"the disk of '{options.Output}' is full: free space (about five times the input) and run the same command again, which goes on.",
                full.HResult
            );
        }
    }

    private DedupResult Run(IReadOnlyList<string> files, IProgress<NearDuplicateProgress>? progress, CancellationToken cancellation)
    {
        string identity = string.Join(
            '\n',
            [
                string.Join(',', options.Fields),
                .. files.Select(file =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Path.GetFullPath(file)} {new FileInfo(file).Length} {File.GetLastWriteTimeUtc(file).Ticks}"
                    )
                ),
            ]
        );
        NearDuplicateSearch search = new(Work, options.Near, identity, files.Sum(file => new FileInfo(file).Length))
        {
            SaveEvery = SaveEvery,
        };
        NearDuplicateCounts counts;
        try
        {
            counts = search.Run(from => Texts(files, from), progress, cancellation);
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException(
                $"the folder '{options.Output}' holds an unfinished run with {exception.Message}: name another folder, or use --force to begin anew.",
                exception
            );
        }
        Clusters clusters = new(counts.Documents);
        WritePairs(search.ReadPairs(), clusters);
        List<List<uint>> all = [.. clusters.All()];
        WriteClusters(all);
        DedupResult result = new(
            options.Output,
            options.Near.Threshold,
            options.Near.Shingles,
            counts,
            all.Count,
            all.Sum(c => (long)c.Count),
            all.Count > 0 ? all.Max(c => c.Count) : 0
        );
        AtomicFile.Write(
            Path.Combine(options.Output, MetadataName),
            stream => JsonSerializer.Serialize(stream, result, Metadata.Readable.DedupResult)
        );
        foreach (string name in new[] { PairsName, ClustersName, MetadataName })
        {
            WrittenFiles.Read(options.Output).Add(name);
        }
        Directory.Delete(Work, recursive: true);
        return result;
    }

    private IEnumerable<string> Texts(IReadOnlyList<string> files, long from)
    {
        DocumentReader reader = new(new ReadOptions(options.Fields, KeyAdvice: "name the right one with --field"));
        return reader.Read(files).Skip(checked((int)from)).Select(d => d.Text);
    }

    /// <summary>An unfinished run may be gone on with, and what ink wrote may be replaced with force; everything else is refused.</summary>
    private void RefuseTaken()
    {
        if (!File.Exists(Path.Combine(Work, "state.json")) && !HasJustBegun())
        {
            AtomicDirectory.RefuseTaken(options.Output, options.Force);
            return;
        }
        string? foreign = WrittenFiles.Read(options.Output).Foreign(name => name is PairsName or ClustersName or MetadataName or WorkName);
        if (foreign is not null)
        {
            throw new ArgumentException($"the folder '{options.Output}' holds {foreign}: name another folder, or move it away.");
        }
    }

    /// <summary>Whether a run was killed before its first state was saved: there is nothing but its lock and its empty folder.</summary>
    private bool HasJustBegun() =>
        Directory.Exists(options.Output)
        && Directory.EnumerateFileSystemEntries(options.Output).All(entry => Path.GetFileName(entry) is WorkName or DirectoryLock.FileName)
        && (
            !Directory.Exists(Work)
            || Directory.EnumerateFileSystemEntries(Work).All(entry => entry.EndsWith(".partial", StringComparison.Ordinal))
        );

    private void WritePairs(IEnumerable<NearPair> pairs, Clusters clusters) =>
        AtomicFile.Write(
            Path.Combine(options.Output, PairsName),
            stream =>
            {
                using Utf8JsonWriter json = new(stream);
                foreach (NearPair pair in pairs)
                {
                    clusters.Join(pair.A, pair.B);
                    json.WriteStartObject();
                    json.WriteNumber("a"u8, pair.A);
                    json.WriteNumber("b"u8, pair.B);
                    json.WriteNumber("jaccard"u8, pair.Jaccard);
                    json.WriteEndObject();
                    json.Flush();
                    stream.WriteByte((byte)'\n');
                    json.Reset();
                }
            }
        );

    /// <summary>One JSON array, a cluster to a line.</summary>
    private void WriteClusters(List<List<uint>> clusters) =>
        AtomicFile.Write(
            Path.Combine(options.Output, ClustersName),
            stream =>
            {
                using StreamWriter writer = new(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true);
                writer.Write('[');
                for (int i = 0; i < clusters.Count; i++)
                {
                    writer.Write(i == 0 ? "\n[" : ",\n[");
                    writer.Write(string.Join(", ", clusters[i]));
                    writer.Write(']');
                }
                writer.Write("\n]\n");
            }
        );
}
