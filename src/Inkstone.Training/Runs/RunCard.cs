using System.Globalization;
using Inkstone.Formats;
using Inkstone.Models;

namespace Inkstone.Training;

/// <summary>The model card of a checkpoint: what its recipe says and how far the run is.</summary>
internal static class RunCard
{
    // What tells a reader how a model was made; the whole recipe lies in state.json beside the card.
    private static readonly string[] Told =
    [
        "objective",
        "loss.type",
        "optimizer.name",
        "optimizer.lr",
        "train.batch_size",
        "train.accumulation",
        "data.sequence_length",
        "data.max_length",
        "train.seed",
    ];

    public static ModelCard Create(CausalLm model, IRecipe recipe, TrainState state)
    {
        IReadOnlyDictionary<string, string> values = RecipeFile.Values(recipe.Resolved);
        string? start = values.GetValueOrDefault("model.path") ?? values.GetValueOrDefault("model.preset");
        List<(string, string)> facts =
        [
            (
                "steps",
                state.TotalSteps > 0
                    ? string.Create(CultureInfo.InvariantCulture, $"{state.Step:N0} of {state.TotalSteps:N0}")
                    : state.Step.ToString("N0", CultureInfo.InvariantCulture)
            ),
            ("tokens", state.Tokens.ToString("N0", CultureInfo.InvariantCulture)),
        ];
        if (state is { BestStep: { } best, BestLoss: { } loss })
        {
            facts.Add(("least held-out loss", string.Create(CultureInfo.InvariantCulture, $"{loss:0.0000} at step {best}")));
        }
        facts.AddRange(Told.Where(key => values.GetValueOrDefault(key) is not (null or "null")).Select(key => (key, values[key])));
        return new ModelCard(model.Config, model.Parameters.ElementCount)
        {
            IsAdapter = model.Adapter is not null,
            BaseModel = start is not null && Path.Exists(start) ? start : null,
            Data =
            [
                .. values
                    .GetValueOrDefault("data.train", "")
                    .Trim('[', ']')
                    .Split(", ", StringSplitOptions.RemoveEmptyEntries)
                    .Select(d => d.Trim('"')),
            ],
            Metrics = state.BestLoss is null ? [] : ["loss"],
            Facts = facts,
        };
    }
}
