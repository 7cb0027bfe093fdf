using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.ExceptionServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// Mixes sources by quotas into pretrain.jsonl, sft.jsonl and dpo.jsonl. The sources are read twice, one record in memory at a time: once
/// to count what can
/// be used, once to take it; the order is that of random keys, sorted on disk. The same recipe and sources give the same bytes, whatever
/// the threads.
/// </summary>
/// <param name="recipe">what to mix</param>
/// <param name="countTokens">tokens of a text, safe on several threads; null where none are counted</param>
public sealed partial class Mixture(MixRecipe recipe, Func<string, int>? countTokens = null)
{
    /// <summary>The file that says what was mixed.</summary>
    public const string ManifestFile = "mix.json";

    private static readonly (MixOutputs Output, string File)[] Files =
    [
        (MixOutputs.Pretrain, "pretrain.jsonl"),
        (MixOutputs.Sft, "sft.jsonl"),
        (MixOutputs.Dpo, "dpo.jsonl"),
    ];
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private long _bytes,
        _done,
        _records;
    private string _phase = "";

    /// <summary>Mixes.</summary>
    /// <param name="output">directory to write</param>
    /// <param name="overwrite">whether a directory that the program wrote may be replaced</param>
    /// <param name="threads">sources that are read at once</param>
    /// <param name="progress">is told how far it is</param>
    /// <param name="cancelled">ends it; nothing is left</param>
    /// <exception cref="InvalidDataException">A record has no known form, or a quota cannot be filled.</exception>
    public MixReport Run(
        string output,
        bool overwrite,
        int threads,
        IProgress<MixProgress>? progress = null,
        CancellationToken cancelled = default
    )
    {
        MixPile[] piles =
        [
            .. recipe.Categories.SelectMany(
                (c, i) => c.Sources.Select((s, k) => new MixPile(c, s, (i << 16) + k, InputFiles.Find(s.Paths)))
            ),
        ];
        _bytes = piles.Sum(p => p.Files.Sum(f => new FileInfo(f).Length));
        Each("counting", (p, stop) => Scan(p, (lines, _) => p.Count(lines), progress, stop));
        List<string> shortages = [];
        SetQuotas(piles, shortages);

        AtomicDirectory.Write(
            output,
            overwrite,
            staging =>
            {
                string scratch = Directory.CreateDirectory(Path.Combine(staging, "tmp")).FullName;
                Dictionary<MixOutputs, DiskShuffle> shuffles = [];
                try
                {
                    foreach ((MixOutputs to, _) in Files)
                    {
                        long bytes = (long)
                            piles.Sum(p => p.Usable == 0 ? 0 : (double)p.BytesOf(to) / p.Usable * p.Quota * p.Category.Repeat);
                        if (bytes > 0)
                        {
                            shuffles[to] = new DiskShuffle(scratch, to.ToString(), bytes);
                        }
                    }
                    Each("taking", (p, stop) => Scan(p, (lines, i) => Take(p, lines, i, shuffles), progress, stop));
                    foreach (MixPile pile in piles.Where(p => p.Taken != p.Quota || p.Seen != p.Usable))
                    {
                        throw new InvalidDataException($"a file of {pile.Source.Name} changed while it was read; run it again");
                    }
                    foreach ((MixOutputs to, string file) in Files.Where(f => shuffles.ContainsKey(f.Output)))
                    {
                        progress?.Report(new MixProgress($"shuffling {file}", 0, 1));
                        using FileStream stream = new(
                            Path.Combine(staging, file),
                            FileMode.CreateNew,
                            FileAccess.Write,
                            FileShare.None,
                            1 << 18
                        );
                        shuffles[to].WriteTo(stream, cancelled);
                    }
                }
                finally
                {
                    foreach (DiskShuffle shuffle in shuffles.Values)
                    {
                        shuffle.Dispose();
                    }
                }
                Directory.Delete(scratch, recursive: true);
                File.WriteAllText(
                    Path.Combine(staging, ManifestFile),
                    Manifest(Report(output, piles, shortages)).ToJsonString(Readable) + "\n"
                );
            }
        );
        return Report(output, piles, shortages);

        void Each(string phase, Action<MixPile, CancellationToken> work)
        {
            (_phase, _done, _records) = (phase, 0, 0);
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
            ExceptionDispatchInfo? first = null;
            Parallel.ForEach(
                piles,
                new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) },
                pile =>
                {
                    try
                    {
                        if (!stop.IsCancellationRequested)
                        {
                            work(pile, stop.Token);
                        }
                    }
                    catch (Exception e)
                    {
                        Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(e), null);
                        stop.Cancel(); // One mistake ends it for all.
                    }
                }
            );
            first?.Throw();
            cancelled.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Gives each usable record of a source with its number.</summary>
    private void Scan(MixPile pile, Action<MixLines, long> use, IProgress<MixProgress>? progress, CancellationToken cancelled)
    {
        HashSet<string> keys =
        [
            .. ConversationShape.Keys,
            .. ChoiceQuestion.Keys,
            .. PreferencePair.Keys,
            .. pile.Source.TextKeys,
            "source",
        ];
        pile.Begin();
        long number = 0;
        foreach (string file in pile.Files)
        {
            foreach ((string place, JsonObject record) in Records(file, keys, pile.Source))
            {
                cancelled.ThrowIfCancellationRequested();
                if (Interlocked.Increment(ref _records) % 4096 == 0)
                {
                    progress?.Report(new MixProgress(_phase, _records, (double)_done / Math.Max(1, _bytes)));
                }
                MixLines lines;
                try
                {
                    lines = MixLines.Create(record, pile.Source, pile.Category);
                }
                catch (FormatException reason)
                {
                    pile.Skip(reason.Message);
                    continue;
                }
                catch (InvalidDataException e)
                {
                    throw new InvalidDataException($"{place}: {e.Message}", e);
                }
                if (pile.Source.Share < 1 && XxHash64.HashToUInt64(lines.Lines.First().Value) / 18446744073709551616.0 >= pile.Source.Share)
                {
                    pile.Skip("outside of the share");
                    continue;
                }
                use(lines, number++);
            }
            Interlocked.Add(ref _done, new FileInfo(file).Length);
        }
    }

    /// <summary>A plain text file is one document.</summary>
    private static IEnumerable<(string Place, JsonObject Record)> Records(string file, HashSet<string> keys, MixSource source) =>
        InputFiles.IsPlainText(file) && !InputFiles.IsParquet(file)
            ? new DocumentReader(new ReadOptions())
                .Read([file])
                .Select(d => ($"{file}:{d.Line}", new JsonObject { [source.TextKeys[0]] = d.Text }))
            : JsonRecords.Read(file, keys);

    /// <summary>
    /// Takes a record as often as its source's quota wants: every one for each whole pass, and for the rest so many of those to come that
    /// the number is met
    /// exactly (selection sampling: Knuth, volume 2, 3.4.2, algorithm S).
    /// </summary>
    private void Take(MixPile pile, MixLines lines, long number, Dictionary<MixOutputs, DiskShuffle> shuffles)
    {
        pile.Seen++;
        if (number >= pile.Usable)
        {
            return;
        }
        long copies = Math.DivRem(pile.Quota, pile.Usable, out long rest);
        if (Key(pile, number, -1, 0) / 18446744073709551616.0 * (pile.Usable - number) < rest - pile.Chosen)
        {
            pile.Chosen++;
            copies++;
        }
        pile.Taken += copies;
        copies *= pile.Category.Repeat;
        if (copies == 0)
        {
            return;
        }
        pile.Written += copies;
        pile.Characters += copies * lines.Text.Length;
        if (countTokens is not null)
        {
            pile.Tokens += copies * countTokens(lines.Text);
        }
        foreach ((MixOutputs to, byte[] line) in lines.Lines)
        {
            pile.AddLines(to, copies);
            for (long copy = 0; copy < copies; copy++)
            {
                shuffles[to].Add(Key(pile, number, copy, to), line);
            }
        }
    }

    private ulong Key(MixPile pile, long number, long copy, MixOutputs to)
    {
        Span<byte> bytes = stackalloc byte[32];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, recipe.Seed);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], pile.Number);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], (int)to);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], number);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], copy);
        return XxHash64.HashToUInt64(bytes);
    }

    private MixReport Report(string output, MixPile[] piles, IReadOnlyList<string> shortages)
    {
        Dictionary<string, long> lines = [];
        foreach ((MixOutputs to, string file) in Files)
        {
            if (piles.Sum(p => p.LinesOf(to)) is > 0 and var count)
            {
                lines[file] = count;
            }
        }
        return new MixReport(output, [.. piles.Select(p => p.Usage(countTokens is not null))], lines, shortages);
    }

    private JsonObject Manifest(MixReport report) =>
        new()
        {
            ["seed"] = recipe.Seed,
            ["lines"] = new JsonObject(report.Lines.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))),
            ["sources"] = new JsonArray([.. report.Usage.Select(u => u.ToJson())]),
            ["shortages"] = new JsonArray([.. report.Shortages.Select(s => JsonValue.Create(s))]),
        };
}
