using System.Text.Json.Nodes;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>What recipes of reinforcement learning share; the YAML keys are these names in snake_case.</summary>
/// <typeparam name="TLoss">what is minimised</typeparam>
public abstract record PolicyRecipe<TLoss> : ITuningRecipe
{
    private protected PolicyRecipe(RecipeSection root, int generations, int iterations, Func<RecipeSection, TLoss> loss)
    {
        Model = BaseModelSection.From(root.Section("model"));
        Adapter = root.Has("adapter") ? AdapterSection.From(root.Section("adapter")) : null;
        Tokenizer = root.Text("tokenizer");
        Template = root.Text("template");
        TemplateVariables = root.FreeMapping("chat_template_kwargs");
        Data = PromptSection.From(root.Section("data"));
        Rollout = RolloutSection.From(root.Section("rollout"), generations, iterations);
        Loss = loss(root.Section("loss"));
        Optimizer = OptimizerOptions.From(root.Section("optimizer"));
        Schedule = ScheduleOptions.From(root.Section("schedule"));
        Train = TrainOptions.From(root.Section("train", out RecipeSection train));
        Device = DeviceOptions.From(train);
        Out = root.RequiredText("out");
        Distributed = DistributedOptions.From(root.Section("distributed"));
        Rewards = RewardKinds.From(root.Section("rewards"));
        root.Require(Rewards.Count > 0, "rewards", "must name at least one reward function, such as number: {weight: 1}");
    }

    /// <inheritdoc/>
    public BaseModelSection Model { get; init; }

    /// <inheritdoc/>
    public LoraConfig? Adapter { get; init; }

    /// <inheritdoc/>
    public string? Tokenizer { get; init; }

    /// <inheritdoc/>
    public string? Template { get; init; }

    /// <summary>Further variables of the template; the recipe's chat_template_kwargs.</summary>
    public JsonObject? TemplateVariables { get; init; }

    /// <summary>The prompts.</summary>
    public PromptSection Data { get; init; }

    /// <summary>How they are answered.</summary>
    public RolloutSection Rollout { get; init; }

    /// <summary>What is minimised.</summary>
    public TLoss Loss { get; init; }

    /// <inheritdoc/>
    public OptimizerOptions Optimizer { get; init; }

    /// <inheritdoc/>
    public ScheduleOptions Schedule { get; init; }

    /// <summary>How long, how much at once, what to report; batch_size counts answers.</summary>
    public TrainOptions Train { get; init; }

    /// <inheritdoc/>
    public DeviceOptions Device { get; init; }

    /// <inheritdoc/>
    public string Out { get; init; }

    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; }

    /// <inheritdoc/>
    public string Resolved { get; private protected init; } = "";

    /// <summary>The reward functions.</summary>
    internal IReadOnlyList<NamedReward> Rewards { get; }
}
