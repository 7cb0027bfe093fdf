namespace Inkstone.Training;

/// <summary>Everything that one run of PPO is made of.</summary>
public sealed record PpoRecipe : PolicyRecipe<PpoSection>
{
    private PpoRecipe(RecipeSection root)
        : base(root, generations: 1, iterations: 4, PpoSection.From)
    {
        root.Require(
            !Rollout.MaskTruncated,
            "rollout.mask_truncated_completions",
            "has no meaning with a critic; take loss.missing_eos_penalty"
        );
        root.Close();
        Resolved = RecipeFile.Resolved(root);
    }

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static PpoRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static PpoRecipe Read(RecipeSection root) => new(root);
}

/// <summary>The loss of PPO and what its rewards are made of.</summary>
/// <param name="Loss">bounds and weights</param>
/// <param name="KlCoefficient">what each nat of log p − log p of the reference costs, token by token</param>
/// <param name="KlTarget">nats an answer that the coefficient is moved towards (arXiv:1909.08593); null: it stays</param>
/// <param name="KlHorizon">answers over which it moves</param>
/// <param name="WhitenRewards">rewards of tokens are divided by their deviation</param>
/// <param name="WhitenAdvantages">advantages have mean 0 and deviation 1 over a rollout</param>
/// <param name="MissingEosPenalty">what an answer loses that was cut</param>
public sealed record PpoSection(
    PpoLoss Loss,
    double KlCoefficient,
    double? KlTarget,
    double KlHorizon,
    bool WhitenRewards,
    bool WhitenAdvantages,
    double MissingEosPenalty
)
{
    internal static PpoSection From(RecipeSection s) =>
        new(
            new PpoLoss(
                s.Number("gamma", 1, 0, 1),
                s.Number("lambda", 0.95, 0, 1),
                s.Number("clip", 0.2, 0, 100),
                s.Number("value_clip", 0.2, 0, 1e6),
                s.Number("value_weight", 0.1, 0, 1e6)
            ),
            s.Number("kl_coef", 0.05, 0, 1e6),
            s.OptionalNumber("kl_target", 1e-6, 1e6),
            s.Number("kl_horizon", 10000, 1, 1e9),
            s.Flag("whiten_rewards", false),
            s.Flag("whiten_advantages", true),
            s.Number("missing_eos_penalty", 0, 0, 1e6)
        );
}
