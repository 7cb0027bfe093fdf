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
    private const string PlanName = "tokenize-unfinished.json", MetadataName = "metadata.json";
    private const int WaveCharacters = 1 << 22;
    private readonly List<Document> _wave = [];
    private readonly List<List<int>> _ids = [];

    /// <summary>Documents that are encoded together; does not change the result.</summary>
    internal int WaveDocuments { get; init; } = 4096;

    /// <summary>Writes what is still missing.</summary>
    /// <exception cref="InvalidDataException">The input is not what it should be.</exception>
    /// <exception cref="ArgumentException">The output was made otherwise, or is already there.</exception>
    public TokenizeResult Run(IProgress<TokenizeProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (options.ShardTokens < 1) throw new ArgumentException($"A shard of {options.ShardTokens} tokens holds nothing: give at least 1.");
        (TokenizeSource[] sources, TokenizePlan plan) = Plan();
        Directory.CreateDirectory(options.Output);
        AtomicDirectory.Sweep(options.Output);
        List<TokenizedShard> finished = TakeUp(plan);
        try
        {
            foreach (TokenizeSource source in sources) WriteShards(source, finished, plan, progress, cancellation);
        }
        catch (IOException exception) when (DiskFull.IsReasonOf(exception))
        {
            throw new InvalidDataException($"The disk of '{options.Output}' is full: free space and run again, {finished.Count} finished shards are kept.", exception);
        }
        if (!finished.Any(s => s.Split == "train"))
            throw new InvalidDataException($"The input '{options.Inputs[0]}' holds no document: check the files and the text keys.");

        var result = new TokenizeResult(options.Output, options.Format, vocabulary.Size, plan.VocabularyHash, vocabulary.EndOfDocumentId, finished);
        Save(MetadataName, result, Metadata.Readable.TokenizeResult);
        File.Delete(PathOf(PlanName));
        return result;
    }

    private (TokenizeSource[], TokenizePlan) Plan()
    {
        TokenizeSource[] sources = TokenizeSource.Find(options);
        string[] files = [.. sources.SelectMany(s => s.Files, (s, file) =>
            string.Create(CultureInfo.InvariantCulture, $"{s.Split} {Path.GetFullPath(file)} {new FileInfo(file).Length} {File.GetLastWriteTimeUtc(file).Ticks}"))];
        string separators = string.Join('\n', sources.Select(s => s.Separator));
        return (sources, new TokenizePlan(
            options.Format, options.ShardTokens, vocabulary.Size, vocabulary.Hash.ToString("x16", CultureInfo.InvariantCulture), vocabulary.EndOfDocumentId,
            options.TextKeys ?? ["text"], separators, files, []));
    }

    /// <summary>The shards that an unfinished run of the same plan has left; anything else must be forced away.</summary>
    private List<TokenizedShard> TakeUp(TokenizePlan plan)
    {
        string? unfinished = File.Exists(PathOf(PlanName)) ? File.ReadAllText(PathOf(PlanName)) : null;
        if (unfinished is not null && !options.Force)
        {
            TokenizePlan stored = Parse(unfinished);
            if (Serialize(stored with { Finished = [] }) != Serialize(plan))
                throw new ArgumentException($"The folder '{options.Output}' holds an unfinished run with another input, tokenizer or format: name another folder, or use --force to begin anew.");
            return [.. stored.Finished];
        }
        if (File.Exists(PathOf(MetadataName)) && !options.Force)
            throw new ArgumentException($"The folder '{options.Output}' is already tokenized: name another one, or use --force to replace it.");

        foreach (string split in new[] { "train", "valid" })
            foreach (string file in Directory.GetFiles(options.Output, $"{split}-*.*").Where(f => Path.GetExtension(f) is ".bin" or ".npy"))
                File.Delete(options.Force ? file : throw new ArgumentException($"The folder '{options.Output}' holds other shards ({Path.GetFileName(file)}): name another one, or use --force to replace them."));
        File.Delete(PathOf(MetadataName));
        Save(PlanName, plan, Metadata.Readable.TokenizePlan);
        return [];
    }

    private void WriteShards(TokenizeSource source, List<TokenizedShard> finished, TokenizePlan plan, IProgress<TokenizeProgress>? progress, CancellationToken cancellation)
    {
        var reader = new DocumentReader(new ReadOptions(options.TextKeys, source.Separator));
        long skip = finished.Where(s => s.Split == source.Split).Sum(s => s.Documents);
        long total = source.Files.Sum(file => new FileInfo(file).Length), tokens = finished.Where(s => s.Split == source.Split).Sum(s => s.Tokens);
        int number = finished.Count(s => s.Split == source.Split);
        TokenShardWriter? writer = null;
        try
        {
            foreach (int count in Waves(reader.Read(source.Files).Skip(checked((int)skip)), cancellation))
            {
                for (int i = 0; i < count; i++)
                {
                    writer ??= new TokenShardWriter(PathOf(NameOf(source.Split, number)), options.Format, vocabulary);
                    writer.Append(CollectionsMarshal.AsSpan(_ids[i]), Encoding.UTF8.GetByteCount(_wave[i].Text));
                    if (writer.TokenCount >= options.ShardTokens) CompleteShard();
                }
                progress?.Report(new TokenizeProgress(source.Split, reader.BytesRead, total, tokens + (writer?.TokenCount ?? 0)));
            }
            if (writer is not null) CompleteShard();
        }
        finally
        {
            writer?.Dispose();
        }

        void CompleteShard()
        {
            writer.Complete();
            finished.Add(new TokenizedShard(NameOf(source.Split, number++), source.Split, writer.TokenCount, writer.DocumentCount, writer.TextBytes));
            tokens += writer.TokenCount;
            Save(PlanName, plan with { Finished = finished }, Metadata.Readable.TokenizePlan);
            writer = null;
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
            if (_wave.Count < WaveDocuments && characters < WaveCharacters) continue;
            yield return EncodeWave(cancellation);
            _wave.Clear();
            characters = 0;
        }
        if (_wave.Count > 0) yield return EncodeWave(cancellation);
        _wave.Clear();
    }

    private int EncodeWave(CancellationToken cancellation)
    {
        while (_ids.Count < _wave.Count) _ids.Add([]);
        Parallel.For(0, _wave.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            _ids[i].Clear();
            encode(_wave[i].Text, _ids[i]);
        });
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
            throw new InvalidDataException($"The file '{PathOf(PlanName)}' is damaged: use --force to begin anew.", exception);
        }
    }

    private static string Serialize(TokenizePlan plan) => JsonSerializer.Serialize(plan, Metadata.Readable.TokenizePlan);

    private string NameOf(string split, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{split}-{number:00000}.{(options.Format == TokenShardFormat.Npy ? "npy" : "bin")}");

    private string PathOf(string name) => Path.Combine(options.Output, name);

    private void Save<T>(string name, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        => AtomicFile.Write(PathOf(name), stream => JsonSerializer.Serialize(stream, value, type));
}
