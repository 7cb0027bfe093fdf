using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// All pairs of texts whose shingle sets have at least a given Jaccard similarity, in bounded memory: bands of MinHash signatures go to
/// bucket files,
/// buckets give candidates, and of each candidate the exact similarity is computed, so that none is wrong. Everything lies in one folder,
/// and a search
/// that was killed goes on there with the same result.
/// </summary>
/// <remarks>
/// The disk holds the texts once and 20 bytes for each band of a text (760 at 0.8). Within one bucket a text is compared with at most
/// <see cref="Window"/> before it, so that a million copies of one page do not make 10^12 pairs.
/// </remarks>
/// <param name="folder">A folder of the search's own, which exists.</param>
/// <param name="options">What is near.</param>
/// <param name="identity">Names the input: a folder with another search is refused.</param>
/// <param name="inputBytes">About how many bytes the texts have.</param>
internal sealed class NearDuplicateSearch(string folder, NearDuplicateOptions options, string identity, long inputBytes)
{
    public const int Window = 1000;
    private const string Buckets = "bucket",
        CandidateName = "candidates",
        Pairs = "pairs";
    private const int WaveTexts = 4096,
        WaveCharacters = 1 << 22,
        MostFiles = 512;
    private readonly MinHash _minHash = new(options.Threshold);
    private readonly ParallelOptions _parallel = new() { MaxDegreeOfParallelism = options.Workers };

    /// <summary>Texts, or files, after which the state is saved; does not change the result.</summary>
    internal int SaveEvery { get; init; } = 1 << 16;

    /// <summary>Bytes of a bucket file that are in memory at once, for all threads together.</summary>
    internal long BucketMemory { get; init; } = 128 << 20;

    /// <summary>Searches, from where an earlier call has stopped.</summary>
    /// <param name="texts">Gives the texts from a row on, always the same ones.</param>
    /// <param name="progress">Told of what is done.</param>
    /// <param name="cancellation">Stops the search, which can be taken up.</param>
    /// <exception cref="ArgumentException">The folder holds a search with another input or other options.</exception>
    public NearDuplicateCounts Run(
        Func<long, IEnumerable<string>> texts,
        IProgress<NearDuplicateProgress>? progress,
        CancellationToken cancellation
    )
    {
        _parallel.CancellationToken = cancellation;
        string id = $"{identity}\n{options.Threshold:R} {options.Shingles} {_minHash.Bands} x {_minHash.Rows}";
        int files = (int)Math.Clamp(inputBytes / (8 << 20), 16, MostFiles);
        NearDuplicateState state =
            NearDuplicateState.Load(folder) ?? new(id, files, NearDuplicateStage.Read, 0, 0, 0, 0, new long[2 + files]);
        if (state.Identity != id)
        {
            throw new ArgumentException("another input, threshold or kind of shingles than the unfinished run's");
        }
        if (state is { Stage: NearDuplicateStage.Read, Done: 0 })
        {
            state.Save(folder); // from now on the folder is known for ours
        }
        while (state.Stage != NearDuplicateStage.Done)
        {
            state = state.Stage switch
            {
                NearDuplicateStage.Read => Read(state, texts(state.Done), progress, cancellation),
                NearDuplicateStage.Match => Match(state, progress),
                _ => Compare(state, progress),
            };
            state.Save(folder);
            if (state.Stage == NearDuplicateStage.Compare)
            {
                foreach (string file in Directory.GetFiles(folder, Buckets + "-*"))
                {
                    File.Delete(file);
                }
            }
        }
        return new NearDuplicateCounts(
            state.Documents,
            state.Candidates,
            new FileInfo(AppendFiles.PathOf(folder, Pairs, 0)).Length / Marshal.SizeOf<NearPair>(),
            state.Cut
        );
    }

    /// <summary>The pairs of a finished search, by their first and then by their second row.</summary>
    public IEnumerable<NearPair> ReadPairs()
    {
        using FileStream file = new(AppendFiles.PathOf(folder, Pairs, 0), FileMode.Open, FileAccess.Read);
        NearPair[] block = new NearPair[4096];
        int size = Marshal.SizeOf<NearPair>(),
            read;
        while ((read = file.ReadAtLeast(MemoryMarshal.AsBytes(block.AsSpan()), block.Length * size, throwOnEndOfStream: false)) > 0)
        {
            for (int i = 0; i < read / size; i++)
            {
                yield return block[i];
            }
        }
    }

    private sealed record Sketch(byte[] Text, uint Shingles, uint Hash, UInt128 Bits, ulong[] Keys);

    private NearDuplicateState Read(
        NearDuplicateState state,
        IEnumerable<string> texts,
        IProgress<NearDuplicateProgress>? progress,
        CancellationToken cancellation
    )
    {
        using AppendFiles spool = new(folder, SpooledTexts.Name, state.Lengths[..2]);
        using AppendFiles buckets = new(folder, Buckets, state.Lengths[2..]);
        long done = state.Done,
            saved = done;
        foreach (List<string> wave in Waves(texts, cancellation))
        {
            Sketch[] sketches = new Sketch[wave.Count];
            Parallel.For(
                0,
                wave.Count,
                _parallel,
                () => (new Shingler(options.Shingles), new ShingleSet(), new uint[_minHash.Length]),
                (i, _, local) =>
                {
                    sketches[i] = BuildSketch(wave[i], local.Item1, local.Item2, local.Item3);
                    return local;
                },
                _ => { }
            );
            foreach (Sketch sketch in sketches)
            {
                Append(sketch, checked((uint)done++));
            }
            progress?.Report(new NearDuplicateProgress("read", spool.Length(1), inputBytes));
            if (done - saved < SaveEvery)
            {
                continue;
            }
            Save();
        }
        Save();
        return new NearDuplicateState(state.Identity, state.Files, NearDuplicateStage.Match, 0, done, 0, 0, new long[state.Files]);

        void Append(Sketch sketch, uint row)
        {
            SpooledTexts.Append(spool, sketch.Text, sketch.Shingles, sketch.Bits);
            foreach (ulong key in sketch.Keys)
            {
                BucketRecord record = new(key, row, sketch.Shingles, sketch.Hash);
                buckets.Append((int)((key >> 32) % (uint)state.Files), MemoryMarshal.AsBytes(new ReadOnlySpan<BucketRecord>(in record)));
            }
        }

        void Save()
        {
            saved = done;
            (state with { Done = done, Documents = done, Lengths = [.. spool.Lengths(), .. buckets.Lengths()] }).Save(folder);
        }
    }

    private Sketch BuildSketch(string text, Shingler shingler, ShingleSet set, uint[] signature)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        ReadOnlySpan<ulong> hashes = shingler.Hash(text);
        set.Fill(hashes);
        ulong[] keys = hashes.IsEmpty ? [] : new ulong[_minHash.Bands];
        if (keys.Length > 0)
        {
            _minHash.BandKeys(hashes, signature, keys);
        }
        return new Sketch(utf8, (uint)set.Count, (uint)XxHash3.HashToUInt64(utf8), MinHash.Sketch(signature), keys);
    }

    /// <summary>Bucket files to candidates: each file is sorted, and rows with equal keys are paired.</summary>
    private NearDuplicateState Match(NearDuplicateState state, IProgress<NearDuplicateProgress>? progress)
    {
        using AppendFiles candidates = new(folder, CandidateName, state.Lengths);
        uint rowsOfFile = (uint)(state.Documents / state.Files + 1);
        BucketMatcher matcher = new(options.Threshold, Window, BucketMemory / options.Workers);
        long cut = state.Cut;
        for (int done = (int)state.Done; done < state.Files; )
        {
            int next = Math.Min(state.Files, done + options.Workers);
            Parallel.For(
                done,
                next,
                _parallel,
                file =>
                {
                    long cutHere = matcher.Match(
                        AppendFiles.PathOf(folder, Buckets, file),
                        pairs =>
                        {
                            lock (candidates)
                            {
                                foreach (ulong pair in pairs)
                                {
                                    candidates.Append(
                                        (int)((uint)(pair >> 32) / rowsOfFile),
                                        MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in pair))
                                    );
                                }
                            }
                        }
                    );
                    Interlocked.Add(ref cut, cutHere);
                }
            );
            done = next;
            (state with { Done = done, Cut = cut, Lengths = candidates.Lengths() }).Save(folder);
            progress?.Report(new NearDuplicateProgress("match", done, state.Files));
        }
        return state with { Stage = NearDuplicateStage.Compare, Done = 0, Cut = cut, Lengths = [0] };
    }

    /// <summary>Candidate files, each with the pairs of a range of first rows, to exact pairs in order.</summary>
    private NearDuplicateState Compare(NearDuplicateState state, IProgress<NearDuplicateProgress>? progress)
    {
        using AppendFiles pairs = new(folder, Pairs, state.Lengths);
        using SpooledTexts texts = new(folder);
        PairComparer comparer = new(texts, options, _minHash.MostDifferent, _parallel);
        long compared = state.Candidates;
        for (int file = (int)state.Done; file < state.Files; file++)
        {
            compared += comparer.Compare(
                AppendFiles.PathOf(folder, CandidateName, file),
                found => pairs.Append(0, MemoryMarshal.AsBytes(found))
            );
            (state with { Done = file + 1, Candidates = compared, Lengths = pairs.Lengths() }).Save(folder);
            progress?.Report(new NearDuplicateProgress("compare", file + 1, state.Files));
        }
        return state with { Stage = NearDuplicateStage.Done, Done = 0, Candidates = compared, Lengths = [] };
    }

    private static IEnumerable<List<string>> Waves(IEnumerable<string> texts, CancellationToken cancellation)
    {
        List<string> wave = [];
        long characters = 0;
        foreach (string text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            wave.Add(text);
            characters += text.Length;
            if (wave.Count < WaveTexts && characters < WaveCharacters)
            {
                continue;
            }
            yield return wave;
            wave = [];
            characters = 0;
        }
        if (wave.Count > 0)
        {
            yield return wave;
        }
    }
}
