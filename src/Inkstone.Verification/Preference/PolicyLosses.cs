using System.Text.Json.Nodes;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>The sections grpo, rloo, grpo_advantages and rloo_advantages of a file preference_losses2.json.</summary>
internal sealed class PolicyLosses(LossChecks checks)
{
    private const int DefaultMaxLength = 512;

    public void Groups(JsonNode node) => Cases(node, node, "grpo");

    public void LeaveOneOut(JsonNode node, JsonNode inputs) => Cases(node, inputs, "rloo");

    private void Cases(JsonNode node, JsonNode inputs, string section)
    {
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            string place = $"{section} {name}";
            TokenRuns policy = inputs.Get("logprobs").Runs(),
                gradient = new(),
                entropyGradient = new(),
                mask = new();
            mask.ShapeAs(policy);
            mask.Values.Fill(1);
            foreach (int row in options["truncated_rows"]?.Ids() ?? [])
            {
                mask[row].Clear();
            }
            for (int i = 0; i < mask.Count && ((bool?)options["tool_rows"] ?? false); i++)
            {
                mask[i][1] = 0;
            }
            double[] advantages = inputs.Get("advantages").Numbers();
            PolicyAnswers answers = new(
                (bool?)options["on_policy"] ?? false ? policy : inputs.Get("old_logprobs").Runs(),
                (string?)options["advantages"] switch
                {
                    null => TokenRuns.FromLists(advantages.Select(a => new[] { a })),
                    "per_token" => inputs.Get("advantages_per_token").Runs(),
                    { } other => throw checks.Unknown($"advantages \"{other}\" of {place}"),
                }
            )
            {
                Reference = inputs.Get("ref_logprobs").Runs(),
                Mask = mask,
                SampledBy = (bool?)options["sampling_logps"] ?? false ? inputs.Get("sampling_logprobs").Runs() : null,
                Sampler = (string?)options["is_ratio"] switch
                {
                    null => null,
                    "token" => inputs.Get("importance_ratio_token").Runs([.. Enumerable.Range(0, policy.Count).Select(policy.Length)]),
                    "sequence" => inputs.Get("importance_ratio_sequence").Runs(),
                    { } other => throw checks.Unknown($"is_ratio \"{other}\" of {place}"),
                },
            };
            PolicyLoss loss = new(section == "rloo" ? Known(options, place) with { Kind = PolicyKind.Rloo } : Known(options, place));
            double accumulation = options.Number("gradient_accumulation_steps", 1),
                steps = options.Number("steps_per_generation", accumulation),
                tokens = 0;
            foreach (double m in mask.Values)
            {
                tokens += m;
            }
            double units = loss.Options.PerAnswer
                ? policy.Count * accumulation
                : options.Number("num_items_in_batch", tokens) * accumulation / steps;
            List<MetricTerm> metrics = [];
            double value = loss.Compute(
                policy,
                inputs.Get("entropies").Runs(),
                answers,
                loss.Divisor(mask, units, (int)options.Number("max_completion_length", DefaultMaxLength)),
                accumulation,
                gradient,
                entropyGradient,
                metrics
            );
            checks.Loss(place, expected, value, gradient.Values, LossChecks.Tolerance(expected));
            checks.Metrics(place, expected["metrics"], metrics, LossChecks.Tolerance(expected));
            if (expected["grad_entropies"] is { } slopes)
            {
                checks.OfLargest($"{place}: gradient of entropies", entropyGradient.Values, slopes.Flat(), LossChecks.Tolerance(expected));
            }
        }
    }

    private PolicyOptions Known(JsonNode options, string place)
    {
        options.Know(
            place,
            "loss_type",
            "epsilon",
            "epsilon_high",
            "delta",
            "importance_sampling_level",
            "beta",
            "use_bias_correction_kl",
            "sapo_temperature_pos",
            "sapo_temperature_neg",
            "top_entropy_quantile",
            "entropy_coef",
            "off_policy_mask_threshold",
            "gradient_accumulation_steps",
            "steps_per_generation",
            "num_items_in_batch",
            "max_completion_length",
            "on_policy",
            "truncated_rows",
            "tool_rows",
            "advantages",
            "sampling_logps",
            "is_ratio",
            "vespo_k_pos",
            "vespo_lambda_pos",
            "vespo_k_neg",
            "vespo_lambda_neg"
        );
        return OptionsOf(options, place);
    }

    /// <summary>Options of GRPO as TRL names them.</summary>
    public PolicyOptions OptionsOf(JsonNode options, string place) =>
        new(
            (string?)options["loss_type"] switch
            {
                null or "dapo" => PolicyKind.Dapo,
                "grpo" => PolicyKind.Grpo,
                "bnpo" => PolicyKind.Bnpo,
                "dr_grpo" => PolicyKind.DrGrpo,
                "cispo" => PolicyKind.Cispo,
                "sapo" => PolicyKind.Sapo,
                "vespo" => PolicyKind.Vespo,
                "luspo" => PolicyKind.Luspo,
                { } other => throw checks.Unknown($"the loss_type \"{other}\" of {place}"),
            }
        )
        {
            Epsilon = options.Number("epsilon", 0.2),
            EpsilonHigh = (double?)options["epsilon_high"],
            Delta = (double?)options["delta"],
            SequenceRatio = (string?)options["importance_sampling_level"] switch
            {
                null or "token" => false,
                "sequence" => true,
                { } other => throw checks.Unknown($"importance_sampling_level \"{other}\" of {place}"),
            },
            Beta = options.Number("beta", 0),
            KlTimesRatio = (bool?)options["use_bias_correction_kl"] ?? true,
            SapoPositive = options.Number("sapo_temperature_pos", 1),
            SapoNegative = options.Number("sapo_temperature_neg", 1.05),
            VespoPositive = (options.Number("vespo_k_pos", 2), options.Number("vespo_lambda_pos", 3)),
            VespoNegative = (options.Number("vespo_k_neg", 3), options.Number("vespo_lambda_neg", 2)),
            TopEntropy = options.Number("top_entropy_quantile", 1),
            EntropyCoefficient = options.Number("entropy_coef", 0),
            OffPolicyThreshold = (double?)options["off_policy_mask_threshold"],
        };

    public void GroupAdvantages(JsonNode node) =>
        AdvantageCases(
            node,
            "grpo_advantages",
            (options, rewards, known, metrics, names, place) =>
            {
                options.Know(place, "scale_rewards", "reward_weights", "multi_objective_aggregation");
                return Advantages.OfGroups(
                    known with
                    {
                        Scale = ScaleOf(options, place),
                        NormalizeThenSum = SumsLast(options, place),
                    },
                    rewards,
                    metrics,
                    names
                );
            }
        );

    public void LeaveOneOutAdvantages(JsonNode node)
    {
        TokenRuns old = node.Get("old_logprobs").Runs(),
            reference = node.Get("ref_logprobs").Runs();
        double[] drift = new double[old.Count];
        for (int i = 0; i < old.Count; i++)
        {
            for (int t = 0; t < old.Length(i); t++)
            {
                drift[i] += old[i][t] - reference[i][t];
            }
        }
        AdvantageCases(
            node,
            "rloo_advantages",
            (options, rewards, known, metrics, names, place) =>
            {
                options.Know(place, "beta", "reward_clip_range", "reward_weights", "normalize_advantages");
                double[]? clip = options["reward_clip_range"]?.Numbers();
                return Advantages.LeaveOneOut(
                    known with
                    {
                        Clip = clip is null ? null : (clip[0], clip[1]),
                        NormalizeOverBatch = (bool?)options["normalize_advantages"] ?? false,
                    },
                    rewards,
                    drift,
                    options.Number("beta", 0.05),
                    metrics,
                    names
                );
            }
        );
    }

    /// <summary>How rewards are scaled: a word, or false.</summary>
    public RewardScale ScaleOf(JsonNode options, string place) =>
        options["scale_rewards"] is not { } scale ? RewardScale.Group
        : scale.GetValueKind() is System.Text.Json.JsonValueKind.False ? RewardScale.None
        : scale.GetValueKind() is System.Text.Json.JsonValueKind.True ? RewardScale.Group
        : (string?)scale switch
        {
            "group" => RewardScale.Group,
            "batch" => RewardScale.Batch,
            "none" => RewardScale.None,
            { } other => throw checks.Unknown($"scale_rewards \"{other}\" of {place}"),
            null => RewardScale.Group,
        };

    private bool SumsLast(JsonNode options, string place) =>
        (string?)options["multi_objective_aggregation"] switch
        {
            null or "sum_then_normalize" => false,
            "normalize_then_sum" => true,
            { } other => throw checks.Unknown($"multi_objective_aggregation \"{other}\" of {place}"),
        };

    private void AdvantageCases(
        JsonNode node,
        string section,
        Func<JsonNode, double[][], AdvantageOptions, List<MetricTerm>, string[], string, double[]> compute
    )
    {
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            double[][] rewards = [.. expected.Get("rewards").AsArray().Select(row => row!.Numbers())];
            string[] names = [.. Enumerable.Range(0, rewards[0].Length).Select(k => $"r{k}")];
            List<MetricTerm> metrics = [];
            double[] found = compute(
                options,
                rewards,
                new AdvantageOptions((int)node.Get("group_size")) { Weights = options["reward_weights"]?.Numbers() },
                metrics,
                names,
                $"{section} {name}"
            );
            checks.Numbers($"{section} {name}: advantages", found, expected.Get("advantages").Numbers(), 1e-6);
            if (expected["trl_float32"] is { } single)
            {
                checks.Numbers($"{section} {name}: trl_float32", found, single.Numbers(), 1e-5);
            }
            checks.Metrics($"{section} {name}", expected["metrics"], metrics, 1e-5);
        }
    }
}
