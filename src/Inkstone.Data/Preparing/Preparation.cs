using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// Raw text to documents to train on: reads, cleans, drops duplicates, and parts train from valid by a hash of each document, so
/// that neither order nor company of a document changes its side. Memory does not grow with the input.
/// </summary>
/// <remarks>
/// Cleaned documents first go to a spool file; when all are known, the duplicates are found, and the rest is written. The spool lies beside
/// the output in
/// a folder of its own, which outlives a run that has worked for a while: the same run goes on there.
/// </remarks>
public sealed partial class Preparation(PrepareOptions options)
{
    private const string MetadataName = "metadata.json",
        ReportName = "report.html";
    private ScriptStep? _script;

    /// <summary>The longest document, in bytes: a value of System.Text.Json may have 166 million.</summary>
    internal int MostBytes { get; init; } = 128 << 20;

    /// <summary>How long a run may work before its state is saved, and between two savings.</summary>
    internal TimeSpan SaveEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Prepares the output folder, or leaves nothing behind but, of a long run that was stopped, what the same run needs to go
    /// on.</summary>
    /// <exception cref="InvalidDataException">The input is not what it should be, or nothing of it remains.</exception>
    /// <exception cref="ArgumentException">An option makes no sense, or the output exists.</exception>
    public PrepareResult Run(IProgress<PrepareProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Validate();
        _script = options.Convert is { } configuration ? new ScriptStep(ScriptConverter.Load(configuration, options.Dictionaries)) : null;
        IReadOnlyList<string> files = InputFiles.Find(options.Inputs);
        try
        {
            using AtomicDirectory output = new(options.Output, options.Force);
            using ResumableDirectory work = new(Path.TrimEndingDirectorySeparator(options.Output) + ".unfinished");
            try
            {
                PrepareResult result = Prepare(files, output.Staging, work, progress, cancellation);
                output.Commit();
                work.Discard();
                return result;
            }
            catch (Exception exception) when (exception.GetBaseException() is InvalidDataException)
            {
                work.Discard();
                throw exception.GetBaseException();
            }
        }
        catch (IOException exception) when (DiskFull.IsReasonOf(exception))
        {
            throw new IOException(
                $"the disk of '{options.Output}' is full, nothing was kept: free space (about three times the input) or name a folder on another disk.",
                exception.HResult
            );
        }
    }

    /// <summary>MicroLM's split: the first 8 bytes of the SHA-1 as a fraction of 2^64, big endian; valid when below the ratio.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text, double ratio)
    {
        return Sha1.First8Bytes(text) / 18446744073709551616.0 < ratio;
    }

    private PrepareResult Prepare(
        IReadOnlyList<string> files,
        string folder,
        ResumableDirectory work,
        IProgress<PrepareProgress>? progress,
        CancellationToken cancellation
    )
    {
        IReadOnlyList<TextFilter> filters = CleaningRules.For(options);
        PrepareState state = TakeUp(work, files, filters);
        using PrepareSpool spool = new(work.Path, state.SpoolBytes, options);
        if (!state.IsRead)
        {
            state = Clean(state, filters, files, spool, work, progress, cancellation);
        }

        List<FilterCount> counts =
        [
            new(
                "invalid utf-8",
                state.Documents + state.Missing + (options.InvalidUtf8 == InvalidUtf8.Drop ? state.Invalid : 0),
                options.InvalidUtf8 == InvalidUtf8.Replace ? state.Invalid : 0,
                options.InvalidUtf8 == InvalidUtf8.Drop ? state.Invalid : 0
            ),
            new("missing key", state.Documents + state.Missing, 0, state.Missing),
            .. state.Counts,
        ];
        if (options.ScoreKey is not null)
        {
            counts.Insert(
                2,
                new FilterCount(
                    DocumentCleaner.ScoreName,
                    state.Documents,
                    0,
                    state
                        .Tally.Reasons.Where(r => r.Key.StartsWith(DocumentCleaner.ScoreName + ":", StringComparison.Ordinal))
                        .Sum(r => r.Value)
                )
            );
        }
        long duplicates = options.Dedup ? spool.DropDuplicates(work.Path, cancellation) : 0;
        counts.Add(new FilterCount(PrepareTally.DuplicatesName, state.Spooled, 0, duplicates));
        if (options.DedupLines > 0)
        {
            spool.DropLines(work.Path, cancellation);
        }
        BitArray? near = options.NearDuplicates is { } nearOptions
            ? FindNear(state, nearOptions, spool, work, progress, cancellation)
            : null;
        // Samples come behind all that saves the state, which would hold them twice when a run goes on.
        state.Tally.AddDuplicates(duplicates > 0 ? spool.Duplicates() : [], duplicates);
        return Write(state, counts, files, folder, spool, near, progress, cancellation);
    }

    /// <summary>What all documents have been through, so that nobody converts them again; nothing where it differs from file to file and
    /// this run has converted none.</summary>
    private IReadOnlyList<AppliedConversion> Conversions(IReadOnlyList<string> files)
    {
        IReadOnlyList<AppliedConversion>[] each =
        [
            .. files.Select(file => _script is null ? AppliedConversions.Find(file) : _script.After(file)),
        ];
        return each.All(one => one.SequenceEqual(each[0])) ? each[0]
            : _script is null ? []
            : [each.First(one => one.Count > 0)[^1]];
    }

    /// <summary>The state of an unfinished run with the same input and options, or a new one.</summary>
    private PrepareState TakeUp(ResumableDirectory work, IReadOnlyList<string> files, IReadOnlyList<TextFilter> filters)
    {
        string identity = string.Join(
            '\n',
            [
                _script?.Fingerprint,
                JsonSerializer.Serialize(options with { Force = false, Threads = 0 }, Metadata.Readable.PrepareOptions),
                .. files.Select(file =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Path.GetFullPath(file)} {new FileInfo(file).Length} {File.GetLastWriteTimeUtc(file).Ticks}"
                    )
                ),
            ]
        );
        PrepareState? stored = PrepareState.Load(work.Path);
        if (stored is not null && stored.Identity == identity)
        {
            for (int i = 0; i < filters.Count; i++)
            {
                filters[i].Restore(stored.Counts[i]);
            }
            return stored;
        }
        if (stored is not null && !options.Force)
        {
            throw new ArgumentException(
                $"the folder '{work.Path}' holds an unfinished run with another input or other options: use --force to begin anew, or name another output."
            );
        }
        if (
            stored is null
            && Directory.EnumerateFileSystemEntries(work.Path).Select(Path.GetFileName).FirstOrDefault(name => !IsOurs(name!))
                is { } foreign
        )
        {
            throw new ArgumentException(
                $"the folder '{work.Path}', where an unfinished run would be kept, holds {foreign}, which ink did not write: move it away, or name another output."
            );
        }
        work.Discard();
        if (Directory.Exists(Path.Combine(work.Path, "near")))
        {
            Directory.Delete(Path.Combine(work.Path, "near"), recursive: true);
        }
        return new PrepareState(identity, false, 0, 0, 0, 0, 0, [], new PrepareTally());
    }

    /// <summary>What a run may leave that was killed before its first state was saved.</summary>
    private static bool IsOurs(string name) =>
        name is PrepareSpool.FileName or DirectoryLock.FileName
        || name.EndsWith(".partial", StringComparison.Ordinal)
        || name.StartsWith("dedup-", StringComparison.Ordinal) && name.EndsWith(".tmp", StringComparison.Ordinal);

    private PrepareState Clean(
        PrepareState state,
        IReadOnlyList<TextFilter> filters,
        IReadOnlyList<string> files,
        PrepareSpool spool,
        ResumableDirectory work,
        IProgress<PrepareProgress>? progress,
        CancellationToken cancellation
    )
    {
        DocumentReader reader = new(
            new ReadOptions(
                options.TextKeys,
                options.InputSeparator,
                options.InvalidUtf8,
                options.MissingKey,
                "name the right one with --text-key, or leave such lines out with --skip-missing-key",
                options.ScoreKey
            )
        );
        long total = files.Sum(file => new FileInfo(file).Length),
            read = state.Documents,
            spooled = state.Spooled,
            saved = Stopwatch.GetTimestamp();
        DocumentCleaner cleaner = new(options, filters, _script, MostBytes, cancellation);
        foreach (DocumentCleaner.Cleaned[] wave in cleaner.Clean(reader.Read(files).Skip(checked((int)read))))
        {
            foreach (DocumentCleaner.Cleaned document in wave)
            {
                foreach ((string filter, FilterVerdict verdict) in document.Notes)
                {
                    state.Tally.Add(filter, verdict, document.Source);
                }
                read++;
                if (document.Text is null)
                {
                    continue;
                }
                spool.Append(document.Text);
                spooled++;
                if (document.Language is { } language)
                {
                    state.Tally.Languages[language] = state.Tally.Languages.GetValueOrDefault(language) + 1;
                }
            }
            progress?.Report(new PrepareProgress("clean", reader.BytesRead, total, read));
            if (Stopwatch.GetElapsedTime(saved) < SaveEvery)
            {
                continue;
            }
            // The reader may be ahead of what is done, so its own counts are taken at the end only.
            (
                state with
                {
                    Documents = read,
                    Spooled = spooled,
                    SpoolBytes = spool.Flush(),
                    Counts = [.. filters.Select(f => f.Count)],
                }
            ).Save(work.Path);
            work.Keep();
            saved = Stopwatch.GetTimestamp();
        }
        RefuseEmpty(reader, state.Tally, spooled);
        return state with
        {
            IsRead = true,
            Documents = read,
            Invalid = reader.InvalidUtf8Count,
            Missing = reader.MissingKeyCount,
            Spooled = spooled,
            SpoolBytes = spool.Flush(),
            Counts = [.. filters.Select(f => f.Count)],
        };
    }
}
