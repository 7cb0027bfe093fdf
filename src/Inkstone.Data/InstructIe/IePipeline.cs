using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>
/// InstructIE → conversations: normalise, filter, tier, derive, split, sample, transcribe. The files are read twice, one record in memory
/// at a time: once to decide, once to
/// write. The same recipe and files give the same bytes.
/// </summary>
/// <param name="recipe">files and thresholds</param>
public sealed partial class IePipeline(IeRecipe recipe)
{
    private const string Removed = "removed.jsonl",
        Prompts = "prompts.json";

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly JsonWriterOptions Line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Runs the steps.</summary>
    /// <param name="output">directory to write: train.jsonl, valid.jsonl, prompts.json, removed.jsonl, report.json</param>
    /// <param name="overwrite">whether a directory that the program wrote may be replaced</param>
    /// <param name="progress">hears a fraction and what is done</param>
    /// <param name="cancelled">ends it; nothing is left</param>
    /// <exception cref="InvalidDataException">A file cannot be read, or nothing is left.</exception>
    public IeReport Run(
        string output,
        bool overwrite,
        IProgress<(double Fraction, string Words)>? progress = null,
        CancellationToken cancelled = default
    )
    {
        IeReport? report = null;
        AtomicDirectory.Write(output, overwrite, staging => report = Write(output, staging, progress, cancelled));
        return report!;
    }

    private IeReport Write(string output, string staging, IProgress<(double, string)>? progress, CancellationToken cancelled)
    {
        IeSchema schema = IeSchema.Read(recipe.SchemaFile, recipe.Topics);
        string[] topics = [.. schema.Fields.Keys];
        IeRecord[] heldOut = [.. Records(recipe.HeldOut, null, cancelled).Select(r => r.Record).OfType<IeRecord>()];
        IeFilter filter = new(recipe, schema, heldOut.Select(r => r.TextHash).ToHashSet());

        List<IeFacts> facts = [];
        List<bool> kept = [];
        IeTally malformed = new(),
            hard = new(),
            soft = new();
        long bytes = recipe.Train.Sum(f => new FileInfo(f).Length);
        using (FileStream removed = new(Path.Combine(staging, Removed), FileMode.CreateNew))
        {
            foreach (
                (string place, IeRecord? record) in Records(
                    recipe.Train,
                    progress is null ? null : n => progress.Report((0.5 * n / Math.Max(n, bytes / 500), $"deciding, {n:N0} records")),
                    cancelled
                )
            )
            {
                string[] reasons = record is null ? ["no text, topic or relations"] : [.. filter.Reasons(record)];
                facts.Add(record is null ? default : IeFacts.Extract(record, Array.IndexOf(topics, record.Topic)));
                kept.Add(reasons.Length == 0);
                if (reasons.Length > 0)
                {
                    (record is null ? malformed : hard).Add(reasons);
                    WriteLine(removed, w => Refusal(w, place, record?.Id, reasons));
                }
            }
            int hardOut = kept.Count(k => k);
            IReadOnlyDictionary<short, int[]> limits = filter.Limits(Kept(facts, kept));
            for (int i = 0; i < facts.Count; i++)
            {
                string[] reasons = !kept[i]
                    ? []
                    : [.. IeFacts.Sizes.Where((s, n) => s.Size(facts[i]) > limits[facts[i].Topic][n]).Select(s => s.Reason)];
                if (reasons.Length > 0)
                {
                    kept[i] = false;
                    soft.Add(reasons);
                    WriteLine(removed, w => Refusal(w, $"record {i + 1}", null, reasons));
                }
            }
            if (!kept.Contains(true))
            {
                throw new InvalidDataException(
                    $"no record of {string.Join(", ", recipe.Train)} is left; the reasons: {string.Join(", ", hard.First.Keys.Concat(malformed.First.Keys))}"
                );
            }
            IeSample sample = new(recipe, schema);
            byte[] chosen = sample.Choose(facts, kept);
            List<IeStep> steps = Steps(facts, kept, chosen, sample, malformed, hard, hardOut, soft);
            Dictionary<string, long> written = Transcribe(staging, facts, chosen, schema, sample, bytes, progress, cancelled);
            steps.Add(new IeStep("transcribe", "conversations", written.Values.Sum(), written.Values.Sum(), written));
            int prompts = IeEvaluationPrompts.Write(Path.Combine(staging, Prompts), heldOut, filter, recipe, schema);
            Dictionary<string, long> byTopic = topics
                .Select(
                    (t, n) => (t, facts.Select((f, i) => f.Topic == n ? (long)System.Numerics.BitOperations.PopCount(chosen[i]) : 0).Sum())
                )
                .ToDictionary();
            IeReport report = new(output, steps, written, byTopic, prompts, sample.Shortages);
            if (report.Steps.FirstOrDefault(s => !s.AddsUp) is { } wrong)
            {
                throw new InvalidDataException($"a file changed while it was read: the counts of {wrong.Name} do not add up; run it again");
            }
            JsonObject json = report.Json();
            json["seed"] = recipe.Seed;
            json.Remove("out");
            File.WriteAllText(Path.Combine(staging, IeReport.FileName), json.ToJsonString(Readable) + "\n");
            return report;
        }
    }

    private List<IeStep> Steps(
        List<IeFacts> facts,
        List<bool> kept,
        byte[] chosen,
        IeSample sample,
        IeTally malformed,
        IeTally hard,
        int hardOut,
        IeTally soft
    )
    {
        int good = facts.Count - (int)malformed.Count,
            left = kept.Count(k => k);
        IeFacts[] rest = [.. Kept(facts, kept)];
        Dictionary<string, long> derived = ByTask(rest.Select(f => f.Tasks(recipe))),
            taken = ByTask(chosen.Select(c => (int)c));
        ulong[] texts = [.. rest.Select(f => f.TextHash).Distinct()];
        return
        [
            new("normalise", "records", facts.Count, good, malformed.First) { Removes = true },
            new("filter by bounds", "records", good, hardOut, hard.First) { Removes = true, Reasons = hard.All },
            new("filter by percentiles", "records", hardOut, left, soft.First) { Removes = true, Reasons = soft.All },
            new(
                "tier",
                "records",
                left,
                left,
                Enum.GetValues<IeTier>().ToDictionary(t => t.ToString().ToLowerInvariant(), t => (long)rest.Count(f => f.Tier(recipe) == t))
            ),
            new("derive", "tasks", left, derived.Values.Sum(), derived),
            new(
                "split",
                "source texts",
                texts.Length,
                texts.Length,
                new Dictionary<string, long> { ["train"] = texts.Count(t => !sample.IsValid(t)), ["valid"] = texts.Count(sample.IsValid) }
            ),
            new("sample", "tasks", derived.Values.Sum(), taken.Values.Sum(), taken),
        ];

        static Dictionary<string, long> ByTask(IEnumerable<int> bits)
        {
            int[] all = [.. bits];
            return IeRecipe.TaskNames.Select((name, t) => (name, (long)all.Count(b => (b >> t & 1) != 0))).ToDictionary();
        }
    }

    private static IEnumerable<IeFacts> Kept(List<IeFacts> facts, List<bool> kept) => facts.Where((_, i) => kept[i]);

    /// <summary>Records in the order of the files, null for one that is none.</summary>
    private IEnumerable<(string Place, IeRecord? Record)> Records(
        IReadOnlyList<string> files,
        Action<long>? told,
        CancellationToken cancelled
    )
    {
        long number = 0;
        foreach (string file in files)
        {
            foreach ((string place, JsonObject json) in JsonRecords.Read(file, IeRecord.Keys))
            {
                if (++number % 2048 == 0)
                {
                    cancelled.ThrowIfCancellationRequested();
                    told?.Invoke(number);
                }
                yield return (place, IeRecord.Parse(json, recipe.Topics));
            }
        }
    }

    private static void Refusal(Utf8JsonWriter json, string place, string? id, string[] reasons)
    {
        json.WriteStartObject();
        json.WriteString("place"u8, Path.GetFileName(place));
        if (id is not null)
        {
            json.WriteString("id"u8, id);
        }
        json.WriteStartArray("reasons"u8);
        foreach (string reason in reasons)
        {
            json.WriteStringValue(reason);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteLine(FileStream stream, Action<Utf8JsonWriter> write)
    {
        using (Utf8JsonWriter json = new(stream, Line))
        {
            write(json);
        }
        stream.WriteByte((byte)'\n');
    }
}
