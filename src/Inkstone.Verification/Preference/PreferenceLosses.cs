using System.Text.Json.Nodes;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>The sections dpo, kto, orpo_cpo and reward_model of a file preference_losses2.json: losses of preferences with
/// options.</summary>
internal sealed class PreferenceLosses(LossChecks checks, Device device)
{
    public void Pairs(JsonNode node)
    {
        TokenRuns policy = node.Get("policy_logps").Runs(),
            reference = node.Get("ref_logps").Runs(),
            squares = node.Get("log_sum_sq_probs").Runs(),
            gradient = new();
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            PairOptions options = PairOptionsOf(expected.Get("options"), $"dpo {name}");
            List<MetricTerm> metrics = [];
            double loss = new PairLoss(options).Compute(policy, (int)node.Get("pairs"), reference, squares, gradient, metrics);
            double tolerance = LossChecks.Tolerance(expected);
            checks.Loss($"dpo {name}", expected, loss, gradient.Values, tolerance);
            checks.Metrics($"dpo {name}", expected["metrics"], metrics, tolerance);
        }
    }

    /// <summary>Options of DPO as TRL names them. Its sigmoid knows no label smoothing.</summary>
    public PairOptions PairOptionsOf(JsonNode options, string place)
    {
        options.Know(
            place,
            "loss_type",
            "loss_weights",
            "beta",
            "label_smoothing",
            "f_divergence_type",
            "f_alpha_divergence_coef",
            "ld_alpha",
            "use_weighting",
            "discopop_tau"
        );
        JsonNode types = options.Get("loss_type");
        string[] names = types is JsonArray list ? [.. list.Select(t => (string)t!)] : [(string)types!];
        double[]? weights = options["loss_weights"]?.Numbers();
        double smoothing = options.Number("label_smoothing", 0);
        PairTerm[] terms =
        [
            .. names.Select(
                (type, i) =>
                {
                    PairKind kind = type switch
                    {
                        "sigmoid" => PairKind.Sigmoid,
                        "hinge" => PairKind.Hinge,
                        "ipo" => PairKind.Ipo,
                        "exo_pair" => PairKind.ExoPair,
                        "nca_pair" => PairKind.NcaPair,
                        "robust" => PairKind.Robust,
                        "bco_pair" => PairKind.BcoPair,
                        "sppo_hard" => PairKind.SppoHard,
                        "aot" => PairKind.Aot,
                        "aot_unpaired" => PairKind.AotUnpaired,
                        "apo_zero" => PairKind.ApoZero,
                        "apo_down" => PairKind.ApoDown,
                        "discopop" => PairKind.Discopop,
                        "sft" => PairKind.Sft,
                        "sigmoid_norm" => PairKind.SigmoidNorm,
                        _ => throw checks.Unknown($"the loss_type \"{type}\" of {place}"),
                    };
                    return new PairTerm(
                        kind,
                        weights?[i] ?? 1,
                        kind is PairKind.Robust or PairKind.ExoPair or PairKind.Aot or PairKind.AotUnpaired ? smoothing : 0
                    );
                }
            ),
        ];
        return new PairOptions(terms, options.Number("beta", 0.1))
        {
            Divergence = (string?)options["f_divergence_type"] switch
            {
                null or "reverse_kl" => FDivergence.ReverseKl,
                "forward_kl" => FDivergence.ForwardKl,
                "js_divergence" => FDivergence.JsDivergence,
                "alpha_divergence" => FDivergence.AlphaDivergence,
                { } other => throw checks.Unknown($"the f_divergence_type \"{other}\" of {place}"),
            },
            DivergenceAlpha = options.Number("f_alpha_divergence_coef", 0.5),
            LengthAlpha = options.Number("ld_alpha", 1),
            Weighted = (bool?)options["use_weighting"] ?? false,
            Tau = options.Number("discopop_tau", 0.05),
        };
    }

    public void Singles(JsonNode node)
    {
        TokenRuns policy = node.Get("policy_logps").Runs(),
            reference = node.Get("ref_logps").Runs(),
            moved = node.Get("kl_policy_logps").Runs(),
            gradient = new();
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            options.Know($"kto {name}", "loss_type", "beta", "desirable_weight", "undesirable_weight");
            bool[] good = [.. expected.Get("labels").AsArray().Select(l => (bool)l!)];
            List<MetricTerm> metrics = [];
            UnpairedOptions unpaired = UnpairedOptionsOf(options, $"kto {name}");
            double loss = UnpairedLoss.Compute(
                unpaired,
                policy,
                reference,
                good,
                UnpairedLoss.Drift(moved, node.Get((string)expected.Get("kl_reference")!).Runs()),
                gradient,
                metrics
            );
            checks.Loss($"kto {name}", expected, loss, gradient.Values, LossChecks.Tolerance(expected));
            checks.Metrics($"kto {name}", expected["metrics"], metrics, LossChecks.Tolerance(expected));
        }
    }

    public UnpairedOptions UnpairedOptionsOf(JsonNode options, string place) =>
        new(
            (string?)options["loss_type"] switch
            {
                null or "kto" => UnpairedKind.Kto,
                "apo_zero_unpaired" => UnpairedKind.ApoZero,
                { } other => throw checks.Unknown($"the loss_type \"{other}\" of {place}"),
            },
            options.Number("beta", 0.1),
            options.Number("desirable_weight", 1),
            options.Number("undesirable_weight", 1)
        );

    public void WithoutReference(JsonNode node)
    {
        foreach (
            (string section, JsonNode? cases) in node.AsObject()
                .Where(p => p.Key is not ("note" or "prompt_lengths" or "chosen_ids" or "rejected_ids" or "logits"))
        )
        {
            foreach ((string name, JsonNode expected) in cases!.Members())
            {
                JsonNode options = expected.Get("options");
                LogitCase data = new(node, prompts: section == "orpo");
                List<MetricTerm> metrics = [];
                PairLoss pairs = new(
                    section switch
                    {
                        "orpo" => Orpo(options, name),
                        "cpo" => Cpo(options, name),
                        _ => throw checks.Unknown($"a part \"{section}\" of orpo_cpo"),
                    }
                );
                (double loss, double[] gradient) = data.Compute(device, pairs, metrics);
                double tolerance = LossChecks.Tolerance(expected);
                checks.Loss($"{section} {name}", expected, loss, gradient, tolerance);
                bool withNll = section == "orpo" || options.Number("cpo_alpha", 1) != 0;
                // TRL logs a likelihood of 0 where it is not minimised, and means of logits that are its inputs alone.
                checks.Metrics(
                    $"{section} {name}",
                    expected["metrics"],
                    metrics,
                    tolerance * 10,
                    withNll ? ["logits/chosen", "logits/rejected"] : ["nll_loss", "logits/chosen", "logits/rejected"]
                );
            }
        }
    }

    private static PairOptions Orpo(JsonNode options, string name)
    {
        options.Know($"orpo {name}", "beta");
        return new PairOptions([new PairTerm(PairKind.Orpo)], options.Number("beta", 0.1));
    }

    private PairOptions Cpo(JsonNode options, string name)
    {
        options.Know($"cpo {name}", "cpo_alpha", "loss_type", "beta", "label_smoothing", "simpo_gamma", "alpha");
        PairKind kind = (string?)options["loss_type"] switch
        {
            null or "sigmoid" => PairKind.Cpo,
            "hinge" => PairKind.CpoHinge,
            "ipo" => PairKind.CpoIpo,
            "simpo" => PairKind.Simpo,
            { } other => throw checks.Unknown($"the loss_type \"{other}\" of cpo {name}"),
        };
        double likelihood = options.Number("cpo_alpha", 1);
        PairTerm[] terms =
        [
            new PairTerm(kind, 1, options.Number("label_smoothing", 0)),
            .. likelihood != 0 ? [new PairTerm(PairKind.Sft, likelihood)] : Array.Empty<PairTerm>(),
        ];
        return new PairOptions(terms, options.Number("beta", 0.1))
        {
            Gamma = options.Number("simpo_gamma", 0.5),
            RewardAlpha = options.Number("alpha", 0),
        };
    }

    public void Rewards(JsonNode node)
    {
        double[] rewards = node.Get("rewards").Numbers(),
            margins = node.Get("margin").Numbers(),
            gradient = new double[rewards.Length];
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            JsonNode options = expected.Get("options");
            options.Know($"reward_model {name}", "margin", "center_rewards_coefficient");
            List<MetricTerm> metrics = [];
            double loss = RewardLoss.Compute(
                rewards,
                (bool?)options["margin"] ?? false ? margins : [],
                options.Number("center_rewards_coefficient", 0),
                gradient,
                metrics
            );
            checks.Loss($"reward_model {name}", expected, loss, gradient, LossChecks.Tolerance(expected));
            checks.Metrics($"reward_model {name}", expected["metrics"], metrics, LossChecks.Tolerance(expected));
        }
    }
}
