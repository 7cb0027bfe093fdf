namespace Inkstone.Training;

/// <summary>Everything that one run of reinforcement learning without a critic is made of.</summary>
public sealed record GrpoRecipe : PolicyRecipe<GrpoSection>
{
    private GrpoRecipe(RecipeSection root)
        : base(root, generations: 8, iterations: 1, GrpoSection.From)
    {
        root.Require(
            Rollout.Generations > 1,
            "rollout.num_generations",
            "must be at least 2: an answer is compared with the others to its prompt"
        );
        root.Close();
        Resolved = RecipeFile.Resolved(root);
    }

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static GrpoRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static GrpoRecipe Read(RecipeSection root) => new(root);
}

/// <summary>The loss of a run without a critic.</summary>
/// <param name="Options">what is minimised</param>
/// <param name="Advantages">how rewards become advantages; the size of a group is the rollout's</param>
/// <param name="Beta">weight of the divergence from the reference: in the loss, and in the reward where that is RLOO's</param>
public sealed record GrpoSection(PolicyOptions Options, AdvantageOptions Advantages, double Beta)
{
    private static readonly Dictionary<string, PolicyKind> Kinds = Enum.GetValues<PolicyKind>()
        .ToDictionary(k => k == PolicyKind.DrGrpo ? "dr_grpo" : k.ToString().ToLowerInvariant());

    internal static GrpoSection From(RecipeSection s)
    {
        PolicyKind kind = Kinds[s.Choice("type", "dapo", [.. Kinds.Keys])];
        bool rloo = kind == PolicyKind.Rloo,
            sequence =
                s.Choice("importance_sampling_level", kind == PolicyKind.Luspo ? "sequence" : "token", "token", "sequence") == "sequence";
        double epsilon = s.Number("epsilon", 0.2, 0, 100),
            beta = s.Number("beta", rloo ? 0.05 : 0, 0, 1e6);
        // CISPO's bound is that of the ratio itself: TRL lets it fall back to epsilon, which makes every gradient five times too small.
        double? high = s.OptionalNumber("epsilon_high", 0, 1e6) ?? (kind == PolicyKind.Cispo ? 5 : null),
            delta = s.OptionalNumber("delta", 1e-6, 1e6);
        s.Require(
            kind != PolicyKind.Luspo || sequence,
            "importance_sampling_level",
            "must be sequence with luspo: with ratios of tokens an answer's length weighs twice"
        );
        PolicyOptions options = new(kind)
        {
            Epsilon = epsilon,
            EpsilonHigh = high,
            Delta = delta,
            SequenceRatio = sequence,
            Beta = rloo ? 0 : beta,
            KlTimesRatio = s.Flag("kl_times_ratio", true),
            SapoPositive = s.Number("sapo_temperature_pos", 1, 1e-6, 1e6),
            SapoNegative = s.Number("sapo_temperature_neg", 1.05, 1e-6, 1e6),
            VespoPositive = (s.Number("vespo_k_pos", 2, 0, 1e6), s.Number("vespo_lambda_pos", 3, 0, 1e6)),
            VespoNegative = (s.Number("vespo_k_neg", 3, 0, 1e6), s.Number("vespo_lambda_neg", 2, 0, 1e6)),
            TopEntropy = s.Number("top_entropy_quantile", 1, 1e-6, 1),
            EntropyCoefficient = s.Number("entropy_coef", 0, -100, 100),
            OffPolicyThreshold = s.OptionalNumber("off_policy_mask_threshold", 0, 1e6),
        };
        double? least = s.OptionalNumber("reward_least"),
            most = s.OptionalNumber("reward_most");
        AdvantageOptions advantages = new(1)
        {
            Scale = s.Choice("scale_rewards", rloo ? "none" : "group", "group", "batch", "none") switch
            {
                "group" => RewardScale.Group,
                "batch" => RewardScale.Batch,
                _ => RewardScale.None,
            },
            NormalizeThenSum =
                s.Choice("multi_objective_aggregation", "sum_then_normalize", "sum_then_normalize", "normalize_then_sum")
                == "normalize_then_sum",
            NormalizeOverBatch = s.Flag("normalize_advantages", false),
            Clip = least is null && most is null ? null : (least ?? double.MinValue, most ?? double.MaxValue),
        };
        return new GrpoSection(kind == PolicyKind.Luspo && !sequence ? options : options.Validate(), advantages, beta);
    }
}
