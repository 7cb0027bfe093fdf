using Inkstone.Tensors;

namespace Inkstone.Inference;

/// <summary>Recognises a folder of reference numbers and compares what it holds with what this build computes.</summary>
public static class Verification
{
    /// <summary>Runs every comparison that the folder has files for.</summary>
    public static IReadOnlyList<VerificationCheck> Run(string directory, Device device)
        => !Directory.Exists(directory) ? throw new FileNotFoundException($"there is no directory {directory}.", directory)
            : ModelVerification.IsCase(directory) ? new ModelVerification(directory, device).Run()
            : TrainingVerification.IsCase(directory) ? new TrainingVerification(directory, device).Run()
            : throw new InvalidDataException($"{directory} holds no reference numbers; a model case has io.safetensors, a training run has run.json.");
}
