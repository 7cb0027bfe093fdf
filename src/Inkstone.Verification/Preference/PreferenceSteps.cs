using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Steps of DPO and KTO. The reference is the model as it was before the first of them.</summary>
internal sealed class PreferenceSteps(StepFile file, LossChecks checks)
{
    public void Pairs(JsonObject root)
    {
        (int[] Prompt, int[] Chosen, int[] Rejected)[] pairs =
        [
            .. root.Get("pairs")
                .AsArray()
                .Select(p => (p!.Get("prompt_ids").Ids(), p!.Get("chosen_ids").Ids(), p!.Get("rejected_ids").Ids())),
        ];
        (int[], int[])[] texts = [.. pairs.Select(p => (p.Prompt, p.Chosen)), .. pairs.Select(p => (p.Prompt, p.Rejected))];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            using CausalLm model = file.Open(expected);
            Steps steps = new(name, expected, checks, file.Narrow);
            JsonObject settings = steps.Settings.DeepClone().AsObject();
            int rows = (int)settings.Get("batch"),
                longest = (int)settings.Number("max_length", int.MaxValue);
            foreach (
                string key in (string[])
                    ["learning_rate", "max_grad_norm", "steps", "batch", "gradient_accumulation_steps", "max_length", "reference"]
            )
            {
                settings.Remove(key);
            }
            PairOptions options = new PreferenceLosses(checks, file.Device).PairOptionsOf(settings, name);
            steps.Before("logprobs_before", Steps.LogProbs(model, texts));
            // A pair whose prompt leaves no room for an answer is left out.
            (int[] Prompt, int[] Chosen, int[] Rejected)[] cut =
            [
                .. pairs.Where(p => p.Prompt.Length < longest).Select(p => (p.Prompt, Cut(p.Prompt, p.Chosen), Cut(p.Prompt, p.Rejected))),
            ];
            (int[] Prompt, int[] Chosen, int[] Rejected)[][] chunks = [.. cut.Chunk(rows)];
            TokenRuns[] references = [.. chunks.Select(chunk => Filled(model, batch => Fill(batch, chunk)).Reference)];
            int tokens = 0,
                taken = 0;
            GivenBatches<PreferenceBatch> source = new(
                chunks.Length,
                () => new PreferenceBatch(model.SharesPrompts),
                (batch, i) =>
                {
                    Fill(batch, chunks[i]);
                    batch.Reference.CopyFrom(references[i]);
                }
            );
            steps.Take(
                file.Device,
                model.Adapter?.Parameters ?? model.Parameters,
                PreferenceObjective.OfPairs(model, options),
                source,
                _ =>
                {
                    for (int i = 0; i < steps.Accumulation; i++)
                    {
                        tokens += chunks[taken++ % chunks.Length].Sum(p => 2 * p.Prompt.Length + p.Chosen.Length + p.Rejected.Length);
                    }
                    return [new MetricTerm("num_tokens", tokens, 0)];
                }
            );
            steps.After("logprobs_after", Steps.LogProbs(model, texts));

            int[] Cut(int[] prompt, int[] answer) => answer[..Math.Min(answer.Length, longest - prompt.Length)];
        }
    }

    /// <summary>A batch with what the model as it is now makes of it.</summary>
    private static PreferenceBatch Filled(CausalLm model, Action<PreferenceBatch> fill)
    {
        PreferenceBatch batch = new(model.SharesPrompts);
        fill(batch);
        batch.Answers.LogProbs(model, batch.Reference);
        if (batch.Moved.TokenCount > 0)
        {
            batch.Moved.LogProbs(model, batch.MovedReference);
        }
        return batch;
    }

    private static void Fill(PreferenceBatch batch, (int[] Prompt, int[] Chosen, int[] Rejected)[] pairs)
    {
        batch.Clear();
        batch.LabelCount = pairs.Length;
        foreach ((int[] prompt, int[] chosen, int[] rejected) in pairs)
        {
            batch.Answers.Add(prompt, [chosen, rejected]);
        }
        batch.Answers.Close(bySlot: true);
    }

    public void Singles(JsonNode root)
    {
        (int[] Prompt, int[] Answer, bool Good)[] rows =
        [
            .. root.Get("rows").AsArray().Select(r => (r!.Get("prompt_ids").Ids(), r!.Get("completion_ids").Ids(), (bool)r!.Get("label"))),
        ];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            using CausalLm model = file.Open(expected);
            Steps steps = new($"kto {name}", expected, checks, file.Narrow);
            steps.Settings.Know(
                name,
                "loss_type",
                "beta",
                "desirable_weight",
                "undesirable_weight",
                "learning_rate",
                "max_grad_norm",
                "steps",
                "batch"
            );
            UnpairedOptions options = UnpairedOf(steps.Settings, name);
            (int[], int[])[] texts = [.. rows.Select(r => (r.Prompt, r.Answer))];
            steps.Before("logprobs_before", Steps.LogProbs(model, texts));
            (int[] Prompt, int[] Answer, bool Good)[][] chunks = [.. rows.Chunk((int)steps.Settings.Get("batch"))];
            PreferenceBatch[] first = [.. chunks.Select(chunk => Filled(model, batch => Fill(batch, chunk)))];
            GivenBatches<PreferenceBatch> source = new(
                chunks.Length,
                () => new PreferenceBatch(model.SharesPrompts),
                (batch, i) =>
                {
                    Fill(batch, chunks[i]);
                    batch.Reference.CopyFrom(first[i].Reference);
                    batch.MovedReference.CopyFrom(first[i].MovedReference);
                }
            );
            int tokens = 0;
            List<double> kls = [];
            steps.Take(
                file.Device,
                model.Parameters,
                PreferenceObjective.OfSingles(model, options),
                source,
                i =>
                {
                    PreferenceBatch batch = first[i % first.Length];
                    tokens += batch.Answers.TextTokens;
                    TokenRuns moved = new();
                    batch.Moved.LogProbs(model, moved);
                    kls.Add(UnpairedLoss.Drift(moved, batch.MovedReference));
                    return [new MetricTerm("num_tokens", tokens, 0)];
                }
            );
            checks.Numbers($"kto {name}: kls", [.. kls], expected.Get("float64").Get("kls").Numbers(), file.Narrow ? 5e-2 : 5e-4);
            steps.After("logprobs_after", Steps.LogProbs(model, texts));
        }
    }

    private UnpairedOptions UnpairedOf(JsonNode settings, string name) =>
        new PreferenceLosses(checks, file.Device).UnpairedOptionsOf(settings, name);

    private static void Fill(PreferenceBatch batch, (int[] Prompt, int[] Answer, bool Good)[] rows)
    {
        batch.Clear();
        batch.LabelCount = rows.Length;
        for (int i = 0; i < rows.Length; i++)
        {
            batch.Answers.Add(rows[i].Prompt, [rows[i].Answer]);
            batch.Moved.Add(rows[i].Prompt, [rows[(i + rows.Length - 1) % rows.Length].Answer]);
            batch.Good.Add(rows[i].Good);
        }
        batch.Answers.Close();
        batch.Moved.Close();
    }
}
