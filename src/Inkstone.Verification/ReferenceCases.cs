using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Verification;

/// <summary>Recognises a folder of reference numbers and compares what it holds with what this build computes.</summary>
public static class ReferenceCases
{
    /// <summary>Runs every comparison that the folder has files for.</summary>
    /// <param name="directory">a model case, an adapter case, a training run, or a folder with files of losses (preference_losses*.json)
    /// and of whole steps (e2e_*.json), or one such file</param>
    /// <param name="device">where it computes</param>
    /// <param name="stepped">hears step and loss of a training run</param>
    /// <param name="together">processes that repeat a training run together; everything else each computes for itself</param>
    public static IReadOnlyList<VerificationCheck> Run(
        string directory,
        Device device,
        Action<int, double>? stepped = null,
        Cooperation? together = null
    )
    {
        if (LossFile.Names(directory))
        {
            return new LossFile(directory, device).Run();
        }
        if (StepFile.Names(directory))
        {
            return new StepFile(directory, device).Run();
        }
        if (!Directory.Exists(directory))
        {
            throw new DirectoryNotFoundException(
                $"there is no folder {directory}; give a folder of reference numbers, or a file preference_losses*.json or e2e_*.json."
            );
        }
        if (EvaluationVerification.IsCase(directory))
        {
            return [.. new EvaluationVerification(directory).Run(), .. new EvaluationTokenVerification(directory, device).Run()];
        }
        if (RecordedEvaluationVerification.IsCase(directory))
        {
            return new RecordedEvaluationVerification(directory, device).Run();
        }
        if (AdapterVerification.IsCase(directory))
        {
            return new AdapterVerification(directory, device).Run();
        }
        if (ModelVerification.IsCase(directory))
        {
            return new ModelVerification(directory, device).Run();
        }
        if (TrainingVerification.IsCase(directory))
        {
            return (
                together is null
                    ? new TrainingVerification(directory, device)
                    : new TrainingVerification(directory, device) { Together = together }
            ).Run(stepped);
        }
        List<VerificationCheck> checks =
        [
            .. LossFile.In(directory).SelectMany(file => new LossFile(file, device).Run()),
            .. StepFile.In(directory).SelectMany(file => new StepFile(file, device).Run()),
        ];
        return checks.Count > 0
            ? checks
            : throw new InvalidDataException(
                $"{directory} holds no reference numbers; a model case has io.safetensors, an adapter case adapter_config.json beside it, a training run run.json, losses preference_losses*.json, whole steps e2e_*.json."
            );
    }
}
