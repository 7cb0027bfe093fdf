using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Data;

public sealed partial class IePipeline
{
    /// <summary>Writes the conversations that were chosen, in a random order.</summary>
    private Dictionary<string, long> Transcribe(
        string staging,
        List<IeFacts> facts,
        byte[] chosen,
        IeSchema schema,
        IeSample sample,
        long bytes,
        IProgress<(double, string)>? progress,
        CancellationToken cancelled
    )
    {
        string scratch = Directory.CreateDirectory(Path.Combine(staging, "tmp")).FullName;
        Dictionary<string, long> written = new() { ["train"] = 0, ["valid"] = 0 };
        int[] numbers = new int[IeRecipe.TaskNames.Length];
        using (
            DiskShuffle train = new(scratch, "train", bytes),
                valid = new(scratch, "valid", bytes / 16)
        )
        {
            int index = 0;
            ArrayBufferWriter<byte> line = new();
            foreach (
                (_, IeRecord? record) in Records(
                    recipe.Train,
                    progress is null ? null : n => progress.Report((0.5 + (0.5 * n / facts.Count), $"writing, {n:N0} records")),
                    cancelled
                )
            )
            {
                if (index == facts.Count || (record is not null && record.TextHash != facts[index].TextHash))
                {
                    throw new InvalidDataException($"{string.Join(", ", recipe.Train)} changed while it was read; run it again");
                }
                bool held = sample.IsValid(facts[index].TextHash);
                for (int task = 0; task < numbers.Length; task++)
                {
                    if ((chosen[index] >> task & 1) != 0)
                    {
                        line.Clear();
                        using (Utf8JsonWriter json = new(line, Line))
                        {
                            Conversation(
                                json,
                                record!,
                                (IeTask)task,
                                numbers[task]++,
                                facts[index].Tier(recipe),
                                schema.Fields[record!.Topic],
                                sample.SortKey(record.TextHash, 8 + task)
                            );
                        }
                        line.Write("\n"u8);
                        (held ? valid : train).Add(sample.SortKey(record!.TextHash, 16 + task), line.WrittenSpan);
                        written[held ? "valid" : "train"]++;
                    }
                }
                index++;
            }
            foreach ((string name, DiskShuffle shuffle) in new[] { ("train", train), ("valid", valid) })
            {
                using FileStream stream = new(
                    Path.Combine(staging, name + ".jsonl"),
                    FileMode.CreateNew,
                    FileAccess.Write,
                    FileShare.None,
                    1 << 18
                );
                shuffle.WriteTo(stream, cancelled);
            }
        }
        Directory.Delete(scratch, recursive: true);
        return written;
    }

    private void Conversation(
        Utf8JsonWriter json,
        IeRecord record,
        IeTask task,
        int number,
        IeTier tier,
        IReadOnlyList<string> fields,
        ulong draw
    )
    {
        string name = IeRecipe.TaskNames[(int)task];
        IePerturbation mistake = IeMistakes.Kind(draw);
        json.WriteStartObject();
        json.WriteString("id"u8, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"instructie_{name}_{number:000000}"));
        json.WriteString("source"u8, record.Id);
        json.WriteString("task_type"u8, name);
        json.WriteString("topic_schema"u8, record.Topic);
        json.WriteString("quality_tier"u8, tier.ToString().ToLowerInvariant());
        if (task == IeTask.SchemaRepair)
        {
            json.WriteString("perturbation"u8, IeMistakes.Names[(int)mistake]);
        }
        json.WriteStartArray("messages"u8);
        if (recipe.System.Length > 0)
        {
            Message("system", recipe.System);
        }
        Message(
            "user",
            IeTexts.Prompt(
                task,
                draw >> 32,
                fields,
                record.Input,
                task == IeTask.SchemaRepair ? IeMistakes.Make(record.Relations, fields, mistake, draw) : null
            )
        );
        Message("assistant", IeTexts.Json(IeTexts.Answer(record.Relations)));
        json.WriteEndArray();
        json.WriteEndObject();

        void Message(string role, string content)
        {
            json.WriteStartObject();
            json.WriteString("role"u8, role);
            json.WriteString("content"u8, content);
            json.WriteEndObject();
        }
    }
}
