using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Evaluation;
using Inkstone.Files;
using Inkstone.Jinja;
using Inkstone.Models;
using Inkstone.Text;
using Spectre.Console;

namespace Inkstone.Cli;

internal static partial class Evaluate
{
    private static (RunDescription, HeldOutLoss?) Ask(
        CommandContext call,
        EvaluationRun run,
        string path,
        string? weights,
        Tokenizer tokenizer,
        RunDescription description,
        string? heldOut,
        LocalModelOptions options
    ) =>
        call.Compute(device =>
        {
            using CausalLm model = Models.Open(path, device, weights);
            LocalModel local = new(model, tokenizer, options, call.Warn);
            Answer(call, run, local);
            ShareAnswers(call.Ranks, run);
            HeldOutLoss? loss = heldOut is null
                ? null
                : HeldOutLoss.Measure(
                    local,
                    [.. new DocumentReader(new ReadOptions(["text"])).Read(InputFiles.Find([heldOut])).Select(d => d.Text)],
                    call.Cancelled
                );
            return (
                description with
                {
                    MaxLength = local.MaxLength,
                    Parameters = model.Parameters.ElementCount,
                    Type = weights ?? "fp32",
                    Tokens =
                    [
                        .. new (string, int?)[] { ("pad", tokenizer.PadId), ("eos", tokenizer.EosId), ("bos", tokenizer.BosId) }
                            .Where(t => t.Item2 is not null)
                            .Select(t => (t.Item1, tokenizer.IdToToken(t.Item2!.Value), t.Item2!.Value)),
                    ],
                },
                loss
            );
        });

    /// <summary>Each process answers its part of the requests.</summary>
    private static void Answer(CommandContext call, EvaluationRun run, IEvaluatedModel model) =>
        call.WithProgress(
            "evaluate",
            bar =>
            {
                Range own = new(
                    call.Ranks.Rank * run.Requests.Count / call.Ranks.Size,
                    (call.Ranks.Rank + 1) * run.Requests.Count / call.Ranks.Size
                );
                int all = run.Requests.Take(own).Where(r => !r.IsAnswered).Sum(r => r.Repeats);
                run.Answer(model, done => bar.Report(((double)done / all, $"{done:N0} of {all:N0} requests")), own, call.Cancelled);
                return 0;
            }
        );

    /// <summary>Every process has answered its part of the requests; now each has all answers.</summary>
    private static void ShareAnswers(ICommunicator ranks, EvaluationRun run)
    {
        if (ranks.Size == 1)
        {
            return;
        }
        string own = string.Concat(RecordedAnswers.Lines(run.Requests.Where(r => r.IsAnswered)).Select(l => l + "\n"));
        foreach (byte[] part in ranks.GatherAll(Encoding.UTF8.GetBytes(own)))
        {
            string file = Path.Combine(Path.GetTempPath(), $"ink-answers-{Guid.NewGuid():N}.jsonl");
            try
            {
                File.WriteAllBytes(file, part);
                _ = part.Length > 0 ? RecordedAnswers.Read(file, run.Requests) : 0;
            }
            finally
            {
                File.Delete(file);
            }
        }
    }
}
