using System.Text.Json.Nodes;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>Everything that one run of PPO is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">Where it starts: a model, or an adapter to go on with.</param>
/// <param name="Adapter">A new low-rank adapter that is trained; null trains all weights, or the adapter that <paramref name="Model"/>
/// names.</param>
/// <param name="Tokenizer">Directory or tokenizer.json; null: the model's own.</param>
/// <param name="Template">A .jinja file, or chatml; null: the tokenizer's own.</param>
/// <param name="TemplateVariables">Further variables of the template; the recipe's chat_template_kwargs.</param>
/// <param name="Data">The prompts.</param>
/// <param name="Rollout">How they are answered.</param>
/// <param name="Loss">What is minimised.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report; batch_size counts answers.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record PpoRecipe(
    BaseModelSection Model,
    LoraConfig? Adapter,
    string? Tokenizer,
    string? Template,
    JsonObject? TemplateVariables,
    PromptSection Data,
    RolloutSection Rollout,
    PpoSection Loss,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : ITuningRecipe
{
    /// <summary>The reward functions.</summary>
    internal IReadOnlyList<NamedReward> Rewards { get; init; } = [];

    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static PpoRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static PpoRecipe Read(RecipeSection root)
    {
        PpoRecipe recipe = new(
            BaseModelSection.From(root.Section("model")),
            root.Has("adapter") ? AdapterSection.From(root.Section("adapter")) : null,
            root.Text("tokenizer"),
            root.Text("template"),
            root.FreeMapping("chat_template_kwargs"),
            PromptSection.From(root.Section("data")),
            RolloutSection.From(root.Section("rollout"), generations: 1, iterations: 4),
            PpoSection.From(root.Section("loss")),
            OptimizerOptions.From(root.Section("optimizer")),
            ScheduleOptions.From(root.Section("schedule")),
            TrainOptions.From(root.Section("train", out RecipeSection train)),
            DeviceOptions.From(train),
            root.RequiredText("out"),
            ""
        )
        {
            Distributed = DistributedOptions.From(root.Section("distributed")),
            Rewards = RewardKinds.From(root.Section("rewards")),
        };
        root.Require(recipe.Rewards.Count > 0, "rewards", "must name at least one reward function, such as number: {weight: 1}");
        root.Require(
            !recipe.Rollout.MaskTruncated,
            "rollout.mask_truncated_completions",
            "has no meaning with a critic; take loss.missing_eos_penalty"
        );
        root.Close();
        return recipe with { Resolved = RecipeFile.Resolved(root) };
    }
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
