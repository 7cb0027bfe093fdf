using System.Text.Json.Nodes;
using Inkstone.Models;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Steps of GRPO on given answers. What is old, and the reference, is the model as it was before the first of them.</summary>
internal sealed class PolicySteps(StepFile file, LossChecks checks)
{
    private const int EndToken = 2;

    private static readonly string[] Names = ["first", "second", "third", "fourth"];

    public void Run(JsonObject root)
    {
        int[][] prompts = [.. root.Get("prompt_ids").AsArray().Select(p => p!.Ids())],
            answers = [.. root.Get("completion_ids").AsArray().Select(a => a!.Ids())];
        double[][] rewards = [.. root.Get("rewards").AsArray().Select(r => r!.Numbers())];
        foreach ((string name, JsonNode expected) in root.Get("cases").Members())
        {
            using CausalLm model = file.Open(expected);
            Case(new Steps(name, expected, checks, file.Narrow), name, model, prompts, answers, rewards);
        }
    }

    private void Case(Steps steps, string name, CausalLm model, int[][] prompts, int[][] answers, double[][] rewards)
    {
        JsonNode settings = steps.Settings;
        settings.Know(
            name,
            "num_generations",
            "learning_rate",
            "max_grad_norm",
            "steps",
            "gradient_accumulation_steps",
            "num_iterations",
            "max_completion_length",
            "loss_type",
            "beta",
            "epsilon",
            "epsilon_high",
            "temperature",
            "scale_rewards",
            "reward_weights",
            "use_bias_correction_kl",
            "importance_sampling_level",
            "delta",
            "mask_truncated_completions",
            "sapo_temperature_pos",
            "sapo_temperature_neg",
            "top_entropy_quantile",
            "entropy_coef"
        );
        PolicyLosses named = new(checks);
        PolicyOptions options = named.OptionsOf(settings, name);
        int size = (int)settings.Get("num_generations"),
            longest = (int)settings.Get("max_completion_length"),
            rows = answers.Length / steps.Accumulation;
        double temperature = settings.Number("temperature", 1);
        (int[], int[])[] texts = [.. answers.Select((a, i) => (prompts[i / size], a))];
        bool[] ended = [.. answers.Select(a => a.Length > 0 && a[^1] == EndToken)];
        List<MetricTerm> told = [];
        double[] advantages = Advantages.OfGroups(
            new AdvantageOptions(size) { Scale = named.ScaleOf(settings, name), Weights = settings["reward_weights"]?.Numbers() },
            rewards,
            told,
            Names[..rewards[0].Length]
        );
        AnswerLengths.Tell([.. answers.Select(a => a.Length)], ended, told);
        told.Add(new MetricTerm("num_tokens", texts.Sum(t => t.Item1.Length + t.Item2.Length), 0));
        steps.Both("advantages", advantages);
        steps.Before("logprobs_before", Steps.LogProbs(model, texts, temperature));

        bool cut = (bool?)settings["mask_truncated_completions"] ?? false;
        TokenRuns[] masks =
        [
            .. Enumerable
                .Range(0, steps.Accumulation)
                .Select(part =>
                    TokenRuns.FromLists(
                        Enumerable
                            .Range(part * rows, rows)
                            .Select(i => Enumerable.Repeat(cut && !ended[i] ? 0.0 : 1, answers[i].Length).ToArray())
                    )
                ),
        ];
        double tokens = masks.Sum(mask => mask.Values.ToArray().Sum());
        PolicyObjective objective = new(model, options, longest, temperature);
        PolicyAnswers[] known =
        [
            .. Enumerable
                .Range(0, steps.Accumulation)
                .Select(part =>
                {
                    PolicyBatch batch = new(model.SharesPrompts);
                    Fill(batch.Answers, part);
                    TokenRuns old = new();
                    objective.LogProbs(batch.Answers, old);
                    return new PolicyAnswers(
                        old,
                        TokenRuns.FromLists(Enumerable.Range(part * rows, rows).Select(i => new[] { advantages[i] }))
                    )
                    {
                        Reference = old,
                        Mask = masks[part],
                    };
                }),
        ];
        GivenBatches<PolicyBatch> source = new(
            known.Length,
            () => new PolicyBatch(model.SharesPrompts),
            (batch, part) =>
            {
                Fill(batch.Answers, part);
                batch.Known = known[part];
                batch.LabelCount = options.PerAnswer ? rows : (int)(masks[part].Values.ToArray().Sum());
            }
        );
        steps.Take(file.Device, model.Parameters, objective.ComputeLoss, source, i => i == 0 ? told : [], shuffled: true);
        steps.After("logprobs_after", Steps.LogProbs(model, texts, temperature));

        // Answers of a group stand behind one prompt, also where a micro-batch holds a part of the group.
        void Fill(AnswerBatch batch, int part)
        {
            batch.Clear();
            for (int from = part * rows; from < (part + 1) * rows; )
            {
                int to = Math.Min((part + 1) * rows, (from / size + 1) * size);
                batch.Add(prompts[from / size], answers.AsSpan(from, to - from));
                from = to;
            }
            batch.Close();
        }
    }
}
