using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Steps of a reward model, of distillation and of fine-tuning.</summary>
internal sealed class OtherSteps(StepFile file, LossChecks checks)
{
    public void Reward(JsonNode root)
    {
        (int[] Chosen, int[] Rejected, double Margin)[] pairs =
        [
            .. root.Get("pairs")
                .AsArray()
                .Select(p =>
                    (
                        p!.Get("prompt_ids").Ids().Concat(p!.Get("chosen_ids").Ids()).ToArray(),
                        p!.Get("prompt_ids").Ids().Concat(p!.Get("rejected_ids").Ids()).ToArray(),
                        p!.Number("margin", 0)
                    )
                ),
        ];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            Steps steps = new($"reward {name}", expected, checks, file.Narrow);
            steps.Settings.Know(name, "margin", "center_rewards_coefficient", "learning_rate", "max_grad_norm", "steps");
            using ScoredModel model = ScoredModel.Open(file.Place((string)expected.Get("base")!), file.Device);
            model.Score.CopyFrom(root.Get("score_weight").Flat().Select(v => (float)v).ToArray());
            steps.Before("rewards_before", Rewards(model, pairs));
            bool margins = (bool?)steps.Settings["margin"] ?? false;
            int tokens = 0;
            GivenBatches<RewardBatch> source = new(1, () => new RewardBatch(share: false), (batch, _) => Fill(batch, pairs, margins));
            steps.Take(
                file.Device,
                model.Trained,
                new RewardObjective(model, steps.Settings.Number("center_rewards_coefficient", 0)).ComputeLoss,
                source,
                _ =>
                {
                    tokens += pairs.Sum(p => p.Chosen.Length + p.Rejected.Length);
                    return [new MetricTerm("num_tokens", tokens, 0)];
                }
            );
            steps.After("rewards_after", Rewards(model, pairs));
        }
    }

    private static void Fill(RewardBatch batch, (int[] Chosen, int[] Rejected, double Margin)[] pairs, bool margins)
    {
        batch.Texts.Clear();
        batch.Margins.Clear();
        foreach ((int[] chosen, int[] rejected, double margin) in pairs)
        {
            batch.Texts.Add([], [chosen, rejected]);
            if (margins)
            {
                batch.Margins.Add(margin);
            }
        }
        batch.Texts.Close(bySlot: true);
        batch.LabelCount = pairs.Length;
    }

    private static double[] Rewards(ScoredModel model, (int[] Chosen, int[] Rejected, double Margin)[] pairs)
    {
        RewardBatch batch = new(share: false);
        Fill(batch, pairs, margins: false);
        using StepScope step = model.Model.Device.Step();
        return [.. model.Rewards(batch.Texts.Hidden(model.Model)).ToArray().Select(r => (double)r)];
    }

    public void Distillation(JsonNode root)
    {
        (int[] Prompt, int[] Answer)[] texts =
        [
            .. root.Get("prompt_ids").AsArray().Zip(root.Get("completion_ids").AsArray(), (p, a) => (p!.Ids(), a!.Ids())),
        ];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            Steps steps = new($"distillation {name}", expected, checks, file.Narrow);
            steps.Settings.Know(name, "beta", "temperature", "learning_rate", "max_grad_norm", "steps", "gradient_accumulation_steps");
            using CausalLm student = file.Open(expected, "student"),
                teacher = file.Open(expected, "teacher", trained: false);
            steps.Before("logprobs_before", Steps.LogProbs(student, texts));
            DistillObjective objective = new(student, teacher, (double)steps.Settings.Get("beta"), steps.Settings.Number("temperature", 1));
            steps.Take<Batch>(
                file.Device,
                student.Parameters,
                objective.ComputeLoss,
                Loader(texts, texts.Length / steps.Accumulation),
                shuffled: true
            );
            steps.After("logprobs_after", Steps.LogProbs(student, texts));
        }
    }

    public void Sft(JsonNode root)
    {
        (int[] Prompt, int[] Answer)[] texts =
        [
            .. root.Get("rows").AsArray().Select(r => (r!.Get("prompt_ids").Ids(), r!.Get("completion_ids").Ids())),
        ];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            Steps steps = new($"sft {name}", expected, checks, file.Narrow);
            steps.Settings.Know(name, "loss_type", "learning_rate", "max_grad_norm", "steps", "batch", "gradient_accumulation_steps");
            using CausalLm model = file.Open(expected);
            steps.Before("logprobs_before", Steps.LogProbs(model, texts));
            int rows = (int)steps.Settings.Get("batch"),
                tokens = 0,
                taken = 0;
            Objective<Batch> objective = (string?)steps.Settings["loss_type"] switch
            {
                null or "nll" => NextToken.Create(model),
                "dft" => new DynamicTokens(model).ComputeLoss,
                { } other => throw checks.Unknown($"the loss_type \"{other}\" of sft {name}"),
            };
            (int[] Prompt, int[] Answer)[][] chunks = [.. texts.Chunk(rows)];
            steps.Take(
                file.Device,
                model.Parameters,
                objective,
                Loader(texts, rows),
                _ =>
                {
                    double entropy = 0,
                        accuracy = 0;
                    for (int i = 0; i < steps.Accumulation; i++)
                    {
                        (int[] Prompt, int[] Answer)[] chunk = chunks[taken++ % chunks.Length];
                        tokens += chunk.Sum(t => t.Prompt.Length + t.Answer.Length);
                        (double e, double a) = Entropy(model, chunk);
                        (entropy, accuracy) = (entropy + e / steps.Accumulation, accuracy + a / steps.Accumulation);
                    }
                    return
                    [
                        new MetricTerm("num_tokens", tokens, 0),
                        new MetricTerm("entropy", entropy, 0),
                        new MetricTerm("mean_token_accuracy", accuracy, 0),
                    ];
                }
            );
            steps.After("logprobs_after", Steps.LogProbs(model, texts));
        }
    }

    /// <summary>Mean entropy at the answers' tokens, and the share of them that are the likeliest.</summary>
    private static (double Entropy, double Accuracy) Entropy(CausalLm model, (int[] Prompt, int[] Answer)[] texts)
    {
        AnswerBatch batch = new(share: false);
        foreach ((int[] prompt, int[] answer) in texts)
        {
            batch.Add(prompt, [answer]);
        }
        batch.Close();
        LabelStatistics statistics = new();
        using StepScope step = model.Device.Step();
        model.LabelLoss(batch.Hidden(model), batch.Labels(model.Device), statistics, _ => 0);
        return (statistics.Entropies.ToArray().Average(), statistics.Top.ToArray().Average());
    }

    private static ExampleLoader Loader((int[] Prompt, int[] Answer)[] texts, int rows)
    {
        MaskedConversation[] examples =
        [
            .. texts.Select(t => new MaskedConversation(
                [.. t.Prompt, .. t.Answer],
                [.. t.Prompt.Select(_ => false), .. t.Answer.Select(_ => true)]
            )),
        ];
        return new ExampleLoader(examples, new ExampleLoaderOptions(rows, examples.Max(e => e.Ids.Length), Batching.PaddingFree));
    }
}
