namespace Inkstone.Training;

/// <summary>A run that tunes a model by a recipe, opened and checked: of conversations, preferences, rewards or a teacher.</summary>
public interface ITuningRun : IDisposable
{
    /// <summary>What it is going to do.</summary>
    RunPlan Plan { get; }

    /// <summary>Trains to the end, or until cancelled and saved.</summary>
    /// <param name="screen">hears of steps and validations, or null</param>
    /// <param name="cancelled">ends the run behind a checkpoint</param>
    RunResult Run(ITrainLog? screen, CancellationToken cancelled);
}
