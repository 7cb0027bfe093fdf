using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// Text to token shards: train-00000.bin …, valid-00000.bin …, metadata.json. Documents are encoded in parallel and written in
/// order, so the bytes do not depend on the number of threads; a run that was stopped is taken up at its first unfinished shard.
/// </summary>
public sealed class TokenizeRun(TokenizeOptions options, ShardVocabulary vocabulary, EncodeText encode)
{
    private const string PlanName = "tokenize-unfinished.json",
        MetadataName = "metadata.json";
    private const int WaveCharacters = 1 << 22;
    private readonly List<Document> _wave = [];
    private readonly List<List<int>> _ids = [];

    /// <summary>Documents that are encoded together; does not change the result.</summary>
    internal int WaveDocuments { get; init; } = 4096;

    /// <summary>Where the files are made: the output itself, or a place beside one that is to be replaced.</summary>
    private string Folder { get; init; } = options.Output;

    /// <summary>Writes what is still missing. A run that is cancelled leaves its finished shards for the next one; one that fails over its
    /// input leaves nothing.</summary>
    /// <exception cref="InvalidDataException">The input is not what it should be.</exception>
    /// <exception cref="ArgumentException">The output was made otherwise, is already there, or holds other things.</exception>
    public TokenizeResult Run(IProgress<TokenizeProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (options.ShardTokens < 1)
        {
            throw new ArgumentException($"A shard of {options.ShardTokens} tokens holds nothing: give at least 1.");
        }
        (TokenizeSource[] sources, TokenizePlan plan) = Plan();
        if (WrittenFiles.Read(Folder).Contains(MetadataName) && !File.Exists(PathOf(PlanName)))
        {
            return options.Force
                ? Replace(progress, cancellation)
                : throw new ArgumentException(
                    $"the folder '{options.Output}' is already tokenized: name another one, or use --force to replace it."
                );
        }

        using DirectoryLock held = DirectoryLock.Take(Folder);
        List<TokenizedShard> finished = TakeUp(plan);
        AtomicDirectory.Sweep(Folder);
        try
        {
            foreach (TokenizeSource source in sources)
            {
                WriteShards(source, finished, plan, progress, cancellation);
            }
            if (!finished.Any(s => s.Split == "train"))
            {
                throw new InvalidDataException($"the input '{options.Inputs[0]}' holds no document: check the files and the text keys.");
            }

            TokenizeResult result = new(
                options.Output,
                options.Format,
                vocabulary.Size,
                plan.VocabularyHash,
                vocabulary.EndOfDocumentId,
                finished
            );
            Save(MetadataName, result, Metadata.Readable.TokenizeResult);
            WrittenFiles.Read(Folder).Add(MetadataName);
            File.Delete(PathOf(PlanName));
            return result;
        }
        catch (Exception exception)
        {
            if (finished.Count == 0 || exception.GetBaseException() is InvalidDataException or ArgumentException)
            {
                Forget();
            }
            if (exception is not IOException full || !DiskFull.IsReasonOf(full))
            {
                throw;
            }
            string kept =
                finished.Count == 0 || Folder != options.Output ? "nothing was kept" : $"the {finished.Count} finished shards are kept";
            throw new IOException($"the disk of '{options.Output}' is full: free space and run again, {kept}.", full.HResult);
        }
    }

    /// <summary>Makes everything anew beside the output, which stays as it is until then.</summary>
    private TokenizeResult Replace(IProgress<TokenizeProgress>? progress, CancellationToken cancellation)
    {
        using AtomicDirectory output = new(options.Output, overwrite: true);
        TokenizeResult result = new TokenizeRun(options, vocabulary, encode) { WaveDocuments = WaveDocuments, Folder = output.Staging }.Run(
            progress,
            cancellation
        );
        output.Commit();
        return result;
    }

    private (TokenizeSource[], TokenizePlan) Plan()
    {
        TokenizeSource[] sources = TokenizeSource.Find(options);
        string[] files =
        [
            .. sources.SelectMany(
                s => s.Files,
                (s, file) =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{s.Split} {Path.GetFullPath(file)} {new FileInfo(file).Length} {File.GetLastWriteTimeUtc(file).Ticks}"
                    )
            ),
        ];
        string separators = string.Join('\n', sources.Select(s => s.Separator));
        return (
            sources,
            new TokenizePlan(
                options.Format,
                options.ShardTokens,
                vocabulary.Size,
                vocabulary.Hash.ToString("x16", CultureInfo.InvariantCulture),
                vocabulary.EndOfDocumentId,
                options.TextKeys ?? ["text"],
                separators,
                files,
                []
            )
        );
    }

    /// <summary>The shards that an unfinished run of the same plan has left; those of another plan must be forced away, and what is no
    /// shard of ours stays.</summary>
    private List<TokenizedShard> TakeUp(TokenizePlan plan)
    {
        TokenizePlan? stored = File.Exists(PathOf(PlanName)) ? Parse(File.ReadAllText(PathOf(PlanName))) : null;
        WrittenFiles written = WrittenFiles.Read(Folder);
        if (written.Foreign(name => stored is not null && IsOf(stored, name)) is { } foreign)
        {
            throw new ArgumentException($"the folder '{options.Output}' holds {foreign}: name another folder, or move it away.");
        }
        if (stored is not null && !options.Force)
        {
            if (Serialize(stored with { Finished = [] }) != Serialize(plan))
            {
                throw new ArgumentException(
                    $"the folder '{options.Output}' holds an unfinished run with another input, tokenizer or format: name another folder, or use --force to begin anew."
                );
            }
            if (written.Damage() is { } damage)
            {
                throw new InvalidDataException(
                    $"the unfinished run in '{options.Output}' cannot be taken up, {damage}: use --force to begin anew."
                );
            }
            return [.. stored.Finished];
        }
        Forget();
        return [];
    }

    /// <summary>What an unfinished run may hold beyond its list: it was killed between two of its steps.</summary>
    private static bool IsOf(TokenizePlan unfinished, string name) =>
        name is PlanName or MetadataName
        || TokenizeSource.Splits.Any(split => name == NameOf(unfinished, split, unfinished.Finished.Count(s => s.Split == split)));

    /// <summary>Deletes what this run or the unfinished one before it has written.</summary>
    private void Forget()
    {
        TokenizePlan? stored = File.Exists(PathOf(PlanName)) ? Parse(File.ReadAllText(PathOf(PlanName))) : null;
        string[] loose = stored is null
            ? []
            : [.. Directory.GetFiles(Folder).Select(file => Path.GetFileName(file)).Where(name => IsOf(stored, name))];
        foreach (string name in WrittenFiles.Read(Folder).Names.Concat(loose).Append(WrittenFiles.FileName))
        {
            File.Delete(PathOf(name));
        }
    }

    private void WriteShards(
        TokenizeSource source,
        List<TokenizedShard> finished,
        TokenizePlan plan,
        IProgress<TokenizeProgress>? progress,
        CancellationToken cancellation
    )
    {
        DocumentReader reader = new(new ReadOptions(options.TextKeys, source.Separator));
        long skip = finished.Where(s => s.Split == source.Split).Sum(s => s.Documents);
        long total = source.Files.Sum(file => new FileInfo(file).Length),
            tokens = finished.Where(s => s.Split == source.Split).Sum(s => s.Tokens);
        int number = finished.Count(s => s.Split == source.Split);
        TokenShardWriter? writer = null;
        try
        {
            foreach (int count in Waves(UntilCancelled(reader.Read(source.Files), cancellation).Skip(checked((int)skip)), cancellation))
            {
                for (int i = 0; i < count; i++)
                {
                    writer ??= new TokenShardWriter(PathOf(NameOf(plan, source.Split, number)), options.Format, vocabulary);
                    writer.Append(CollectionsMarshal.AsSpan(_ids[i]), Encoding.UTF8.GetByteCount(_wave[i].Text));
                    if (writer.TokenCount >= options.ShardTokens)
                    {
                        CompleteShard();
                    }
                }
                progress?.Report(new TokenizeProgress(source.Split, reader.BytesRead, total, tokens + (writer?.TokenCount ?? 0)));
            }
            if (writer is not null)
            {
                CompleteShard();
            }
        }
        finally
        {
            writer?.Dispose();
        }

        void CompleteShard()
        {
            if (finished.Count == 0)
            {
                Save(PlanName, plan, Metadata.Readable.TokenizePlan);
            }
            string name = NameOf(plan, source.Split, number++);
            writer.Complete();
            WrittenFiles.Read(Folder).Add(name);
            finished.Add(new TokenizedShard(name, source.Split, writer.TokenCount, writer.DocumentCount, writer.TextBytes));
            tokens += writer.TokenCount;
            Save(PlanName, plan with { Finished = finished }, Metadata.Readable.TokenizePlan);
            writer = null;
        }
    }

    private static IEnumerable<Document> UntilCancelled(IEnumerable<Document> documents, CancellationToken cancellation)
    {
        foreach (Document document in documents)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return document;
        }
    }

    /// <summary>Reads some documents, encodes them in parallel into <see cref="_ids"/>, and gives their number.</summary>
    private IEnumerable<int> Waves(IEnumerable<Document> documents, CancellationToken cancellation)
    {
        long characters = 0;
        foreach (Document document in documents)
        {
            _wave.Add(document);
            characters += document.Text.Length;
            if (_wave.Count < WaveDocuments && characters < WaveCharacters)
            {
                continue;
            }
            yield return EncodeWave(cancellation);
            _wave.Clear();
            characters = 0;
        }
        if (_wave.Count > 0)
        {
            yield return EncodeWave(cancellation);
        }
        _wave.Clear();
    }

    private int EncodeWave(CancellationToken cancellation)
    {
        while (_ids.Count < _wave.Count)
        {
            _ids.Add([]);
        }
        Parallel.For(
            0,
            _wave.Count,
            new ParallelOptions { CancellationToken = cancellation },
            i =>
            {
                _ids[i].Clear();
                encode(_wave[i].Text, _ids[i]);
            }
        );
        return _wave.Count;
    }

    private TokenizePlan Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, Metadata.Readable.TokenizePlan) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"the file '{PathOf(PlanName)}' is no plan of an unfinished run: move it away, or name another folder.",
                exception
            );
        }
    }

    private static string Serialize(TokenizePlan plan) => JsonSerializer.Serialize(plan, Metadata.Readable.TokenizePlan);

    private static string NameOf(TokenizePlan plan, string split, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{split}-{number:00000}.{(plan.Format == TokenShardFormat.Npy ? "npy" : "bin")}");

    private string PathOf(string name) => Path.Combine(Folder, name);

    private void Save<T>(string name, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        AtomicFile.Write(PathOf(name), stream => JsonSerializer.Serialize(stream, value, type));
}
