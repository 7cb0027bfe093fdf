using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>
/// A file preference_losses.json of sections dpo (sums of answers), grpo (lists padded to one length) and ppo. Options stand in the names
/// of DPO's cases:
/// b01 is β 0.1, ls02 a label smoothing of 0.2, l5 λ 5.
/// </summary>
internal sealed partial class EarlierLosses(JsonObject root, LossChecks checks)
{
    /// <summary>What the file means where it names no number.</summary>
    private const double KlWeight = 0.04,
        WideClip = 0.28,
        Tolerance = 1e-6;

    public void Run()
    {
        foreach ((string section, JsonNode? node) in root)
        {
            switch (section)
            {
                case "dpo":
                    Pairs(node!);
                    break;
                case "grpo":
                    Groups(node!);
                    break;
                case "ppo":
                    Ppo(node!);
                    break;
                default:
                    throw checks.Unknown($"a section \"{section}\"");
            }
        }
    }

    private void Pairs(JsonNode node)
    {
        double[] chosen = node.Get("policy_chosen").Numbers(),
            rejected = node.Get("policy_rejected").Numbers();
        TokenRuns policy = Sums(chosen, rejected),
            reference = Sums(node.Get("ref_chosen").Numbers(), node.Get("ref_rejected").Numbers()),
            gradient = new();
        List<MetricTerm> metrics = [];
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            Match match = CaseName().Match(name);
            PairKind kind = match.Groups[1].Value switch
            {
                "sigmoid" => PairKind.Sigmoid,
                "ipo" => PairKind.IpoSum,
                "hinge" => PairKind.Hinge,
                "dpop" => PairKind.Dpop,
                "robust" => PairKind.Robust,
                _ => throw checks.Unknown($"a case \"{name}\" of dpo"),
            };
            PairOptions options = new([new PairTerm(kind, 1, Digits(match.Groups[3], 0))], Digits(match.Groups[2], 0.1))
            {
                DpopLambda = Digits(match.Groups[4], 50),
            };
            metrics.Clear();
            double loss = new PairLoss(options).Compute(policy, chosen.Length, reference, null, gradient, metrics);
            checks.Number($"dpo {name}: loss", loss, (double)expected.Get("loss"), Tolerance);
            checks.OfLargest(
                $"dpo {name}: gradient",
                gradient.Values,
                [.. expected.Get("grad_chosen").Numbers(), .. expected.Get("grad_rejected").Numbers()],
                Tolerance
            );
        }
        // Rewards are those of β 0.1.
        double[] Rewards(int from, double[] sums) => [.. sums.Select((s, i) => 0.1 * (s - reference[from + i][0]))];
        if (node["rewards"] is { } rewards)
        {
            checks.Numbers("dpo rewards: chosen", Rewards(0, chosen), rewards.Get("chosen").Numbers(), Tolerance);
            checks.Numbers("dpo rewards: rejected", Rewards(chosen.Length, rejected), rewards.Get("rejected").Numbers(), Tolerance);
        }
    }

    private void Groups(JsonNode node)
    {
        int[] lengths = node.Get("lengths").Ids();
        double[] rewards = node.Get("rewards").Numbers(),
            advantages = node.Get("advantages").Numbers();
        int size = (int)node.Get("group_size"),
            longest = node.Get("logprobs").AsArray().Max(list => list!.AsArray().Count);
        checks.Numbers(
            "grpo advantages",
            Advantages.OfGroups(new AdvantageOptions(size), [.. rewards.Select(r => new[] { r })]),
            advantages,
            Tolerance
        );
        TokenRuns policy = node.Get("logprobs").Runs(lengths),
            gradient = new();
        PolicyAnswers answers = new(node.Get("old_logprobs").Runs(lengths), TokenRuns.FromLists(advantages.Select(a => new[] { a })))
        {
            Reference = node.Get("ref_logprobs").Runs(lengths),
        };
        TokenRuns ones = new();
        ones.ShapeAs(policy);
        ones.Values.Fill(1);
        foreach ((string name, JsonNode expected) in node.Get("cases").Members())
        {
            PolicyOptions plain = new(PolicyKind.Grpo) { Beta = KlWeight, KlTimesRatio = false };
            PolicyLoss loss = new(
                name switch
                {
                    "grpo" => plain,
                    "bnpo" => plain with { Kind = PolicyKind.Bnpo },
                    "dr_grpo" => plain with { Kind = PolicyKind.DrGrpo },
                    "clip_higher" => plain with { Beta = 0, EpsilonHigh = WideClip },
                    _ => throw checks.Unknown($"a case \"{name}\" of grpo"),
                }
            );
            double value = loss.Compute(policy, null, answers, loss.Divisor(ones, lengths.Length, longest), 1, gradient, null);
            double[] padded =
            [
                .. Enumerable.Range(0, lengths.Length).SelectMany(i => gradient[i].ToArray().Concat(new double[longest - lengths[i]])),
            ];
            checks.Loss($"grpo {name}", expected, value, padded, Tolerance);
        }
    }

    private void Ppo(JsonNode node)
    {
        int[] lengths = node.Get("lengths").Ids();
        PpoLoss ppo = new(
            (double)node.Get("gamma"),
            (double)node.Get("lam"),
            (double)node.Get("cliprange"),
            (double)node.Get("cliprange_value"),
            (double)node.Get("vf_coef")
        );
        TokenRuns advantages = new(),
            returns = new(),
            values = node.Get("values").Runs(lengths),
            gradient = new(),
            valueGradient = new();
        ppo.Estimate(node.Get("rewards").Runs(lengths), values, advantages, returns);
        // Lists are padded with zeros to the longest; whitened ones too.
        checks.Numbers("ppo advantages", advantages.Values, node.Get("advantages").Runs(lengths).Values, Tolerance);
        checks.Numbers("ppo returns", returns.Values, node.Get("returns").Runs(lengths).Values, Tolerance);
        PpoLoss.Whiten(advantages);
        checks.Numbers("ppo whitened advantages", advantages.Values, node.Get("whitened").Runs(lengths).Values, Tolerance);
        (double policy, double value) = ppo.Compute(
            node.Get("logprobs").Runs(lengths),
            node.Get("old_logprobs").Runs(lengths),
            advantages,
            node.Get("new_values").Runs(lengths),
            values,
            returns,
            lengths.Sum(),
            gradient,
            valueGradient
        );
        checks.Number("ppo policy loss", policy, (double)node.Get("policy_loss"), Tolerance);
        checks.Number("ppo value loss", value, (double)node.Get("value_loss"), Tolerance);
        checks.Number("ppo loss", policy + ppo.ValueWeight * value, (double)node.Get("total"), Tolerance);
        checks.OfLargest("ppo gradient of log-probabilities", gradient.Values, node.Get("grad_logprobs").Runs(lengths).Values, Tolerance);
        checks.OfLargest("ppo gradient of values", valueGradient.Values, node.Get("grad_values").Runs(lengths).Values, Tolerance);
    }

    private static TokenRuns Sums(double[] chosen, double[] rejected) =>
        TokenRuns.FromLists(chosen.Concat(rejected).Select(s => new[] { s }));

    /// <summary>Digits that begin with 0 stand behind a decimal point.</summary>
    private static double Digits(Group group, double fallback) =>
        !group.Success
            ? fallback
            : double.Parse(group.Value.StartsWith('0') ? $"0.{group.Value[1..]}" : group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^([a-z]+)(?:_b(\d+))?(?:_ls(\d+))?(?:_l(\d+))?$")]
    private static partial Regex CaseName();
}
