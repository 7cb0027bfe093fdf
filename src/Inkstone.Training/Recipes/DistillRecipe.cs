using System.Text.Json.Nodes;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>Everything that one run of distillation is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">The student.</param>
/// <param name="Adapter">A low-rank adapter that is trained; null trains all weights.</param>
/// <param name="Teacher">The teacher: a model of the same vocabulary.</param>
/// <param name="Tokenizer">Directory or tokenizer.json; null: the student's own.</param>
/// <param name="Template">A .jinja file, or chatml; null: the tokenizer's own.</param>
/// <param name="TemplateVariables">Further variables of the template; the recipe's chat_template_kwargs.</param>
/// <param name="Data">The conversations.</param>
/// <param name="Loss">What is minimised.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record DistillRecipe(
    BaseModelSection Model,
    LoraConfig? Adapter,
    BaseModelSection Teacher,
    string? Tokenizer,
    string? Template,
    JsonObject? TemplateVariables,
    ConversationSection Data,
    DistillSection Loss,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : ITuningRecipe
{
    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static DistillRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static DistillRecipe Read(RecipeSection root)
    {
        DistillRecipe recipe = new(
            BaseModelSection.From(root.Section("model")),
            root.Has("adapter") ? AdapterSection.From(root.Section("adapter")) : null,
            BaseModelSection.From(root.Section("teacher")),
            root.Text("tokenizer"),
            root.Text("template"),
            root.FreeMapping("chat_template_kwargs"),
            ConversationSection.From(root.Section("data")),
            DistillSection.From(root.Section("loss")),
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

/// <summary>The loss of distillation.</summary>
/// <param name="Beta">0: KL(teacher ‖ student), 1: KL(student ‖ teacher), between: the generalised Jensen–Shannon divergence.</param>
/// <param name="Temperature">of both distributions</param>
/// <param name="LabelWeight">weight of the labels' likelihood; the divergence has the rest of 1</param>
public sealed record DistillSection(double Beta, double Temperature, double LabelWeight)
{
    internal static DistillSection From(RecipeSection s) =>
        new(s.Number("beta", 0.5, 0, 1), s.Number("temperature", 1, 0.01, 100), s.Number("label_weight", 0, 0, 1));
}
