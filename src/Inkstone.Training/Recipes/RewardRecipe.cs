using System.Text.Json.Nodes;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>Everything that one run of a reward model is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">The language model, or reward model, that it starts from.</param>
/// <param name="Tokenizer">Directory or tokenizer.json; null: the model's own.</param>
/// <param name="Template">A .jinja file, or chatml; null: the tokenizer's own.</param>
/// <param name="TemplateVariables">Further variables of the template; the recipe's chat_template_kwargs.</param>
/// <param name="Data">The pairs.</param>
/// <param name="Centering">Coefficient of (c + r)², which keeps rewards around 0; the recipe's loss.centering.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record RewardRecipe(
    BaseModelSection Model,
    string? Tokenizer,
    string? Template,
    JsonObject? TemplateVariables,
    PreferenceSection Data,
    double Centering,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : ITuningRecipe
{
    /// <summary>None: all weights are trained.</summary>
    public LoraConfig? Adapter => null;

    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static RewardRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static RewardRecipe Read(RecipeSection root)
    {
        RewardRecipe recipe = new(
            BaseModelSection.From(root.Section("model")),
            root.Text("tokenizer"),
            root.Text("template"),
            root.FreeMapping("chat_template_kwargs"),
            PreferenceSection.From(root.Section("data")),
            root.Section("loss").Number("centering", 0, 0, 100),
            OptimizerOptions.From(root.Section("optimizer")),
            ScheduleOptions.From(root.Section("schedule")),
            TrainOptions.From(root.Section("train", out RecipeSection train)),
            DeviceOptions.From(train),
            root.RequiredText("out"),
            ""
        )
        {
            Distributed = DistributedOptions.From(root.Section("distributed")),
        };
        root.Close();
        return recipe with { Resolved = RecipeFile.Resolved(root) };
    }
}
