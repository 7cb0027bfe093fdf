namespace Inkstone.Training;

/// <summary>What a run is going to do, in figures, before it does it.</summary>
/// <param name="Steps">Steps to come; null where a budget in minutes is not yet turned into steps.</param>
/// <param name="Tokens">Tokens that they see; of a budget in minutes about.</param>
/// <param name="Epochs">How often they see the data.</param>
/// <param name="DataTokens">Tokens of one pass.</param>
/// <param name="Parameters">Numbers that are trained.</param>
/// <param name="Seconds">About how long; NaN where the machine was not measured.</param>
/// <param name="MemoryBytes">About how much memory.</param>
public sealed record RunPlan(int? Steps, double Tokens, double Epochs, long DataTokens, long Parameters, double Seconds, long MemoryBytes)
{
    /// <summary>The share of the measured peak that steps reach: 54 to 68 % with 100 million parameters, 34 % with two
    /// (bench/RESULTS.md).</summary>
    private const double ShareOfRoof = 0.5;

    /// <summary>More passes than these teach nothing more (Muennighoff et al. 2023, figure 5).</summary>
    private const int MostEpochs = 40;

    /// <summary>Tokens for each parameter below which a model that begins from nothing learns its text by heart, and no language.</summary>
    private const double FewestTokens = 0.01;

    /// <summary>Plans the steps that are left.</summary>
    /// <param name="steps">steps to come, or null</param>
    /// <param name="minutes">the budget then</param>
    /// <param name="tokensPerStep">tokens of a step, of the data's average row</param>
    /// <param name="dataTokens">tokens of one pass</param>
    /// <param name="facts">sizes, and the machine's peak</param>
    /// <param name="memoryBytes">about how much memory</param>
    public static RunPlan Estimate(int? steps, double? minutes, double tokensPerStep, long dataTokens, RunFacts facts, long memoryBytes)
    {
        double rate = facts.Roof is { } roof ? ShareOfRoof * roof / facts.FlopsPerToken : double.NaN;
        double tokens = steps is { } count ? count * tokensPerStep : minutes!.Value * 60 * rate;
        return new RunPlan(
            steps,
            tokens,
            tokens / dataTokens,
            dataTokens,
            facts.Parameters,
            steps is null ? minutes!.Value * 60 : tokens / rate,
            memoryBytes
        );
    }

    /// <summary>A warning where a run of so many steps is all warm-up, else null.</summary>
    internal static string? EndsInWarmup(int? total, int warmup) =>
        total <= warmup
            ? $"the run ends after {total} step{(total == 1 ? "" : "s")}, within schedule.warmup_steps {warmup}: the learning rate never reaches its peak; lower schedule.warmup_steps to a tenth of the steps"
            : null;

    /// <summary>What a user should know before waiting for the end.</summary>
    /// <param name="total">steps of the whole run, or null</param>
    /// <param name="warmup">steps of the warm-up</param>
    /// <param name="data">what is learned from</param>
    /// <param name="positions">positions that the model was made for</param>
    /// <param name="fromNothing">whether the weights are random</param>
    internal IEnumerable<string> Warnings(int? total, int warmup, RunData data, int positions, bool fromNothing)
    {
        if (Epochs > MostEpochs)
        {
            yield return FormattableString.Invariant(
                $"the run passes over its {DataTokens:N0} tokens {(Steps is null ? "about " : "")}{Epochs:0} times, and beyond some {MostEpochs} passes nothing more is learned from them: give more data, or fewer steps"
            );
        }
        if (EndsInWarmup(total, warmup) is { } early)
        {
            yield return early;
        }
        if (data.Longest > positions)
        {
            yield return $"{data.LengthKey} gives rows of {data.Longest} tokens, but the model's max_position_embeddings is {positions}: other programs will not read so far; raise model.max_position_embeddings or lower {data.LengthKey}";
        }
        if (fromNothing && DataTokens < FewestTokens * Parameters)
        {
            yield return FormattableString.Invariant(
                $"data.train holds {DataTokens:N0} tokens for {Parameters:N0} parameters, too few to learn language from: the model will know them by heart and little else; give more text or take a smaller model"
            );
        }
    }
}
