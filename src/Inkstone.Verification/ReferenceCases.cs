using Inkstone.Tensors;

namespace Inkstone.Verification;

/// <summary>Recognises a folder of reference numbers and compares what it holds with what this build computes.</summary>
public static class ReferenceCases
{
    /// <summary>Runs every comparison that the folder has files for.</summary>
    /// <param name="directory">a model case, an adapter case or a training run</param>
    /// <param name="device">where it computes</param>
    /// <param name="stepped">hears step and loss of a training run</param>
    public static IReadOnlyList<VerificationCheck> Run(string directory, Device device, Action<int, double>? stepped = null)
        => !Directory.Exists(directory) ? throw new DirectoryNotFoundException($"there is no folder {directory}; give a folder of reference numbers.")
            : EvaluationVerification.IsCase(directory) ? [.. new EvaluationVerification(directory).Run(), .. new EvaluationTokenVerification(directory, device).Run()]
            : RecordedEvaluationVerification.IsCase(directory) ? new RecordedEvaluationVerification(directory, device).Run()
            : AdapterVerification.IsCase(directory) ? new AdapterVerification(directory, device).Run()
            : ModelVerification.IsCase(directory) ? new ModelVerification(directory, device).Run()
            : TrainingVerification.IsCase(directory) ? new TrainingVerification(directory, device).Run(stepped)
            : throw new InvalidDataException($"{directory} holds no reference numbers; a model case has io.safetensors, an adapter case adapter_config.json beside it, a training run run.json.");
}
