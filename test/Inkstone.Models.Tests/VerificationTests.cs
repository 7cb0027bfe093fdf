using Inkstone.Inference;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

public sealed class VerificationTests
{
    [GoldenTheory]
    [InlineData("llama")]
    [InlineData("llama3_scaled_tied")]
    public void Model_cases_are_reproduced(string name)
    {
        using Device device = new(threads: 2);
        IReadOnlyList<VerificationCheck> checks = new ModelVerification(Goldens.Of($"models/{name}"), device).Run();
        checks.Count.ShouldBeGreaterThan(25);
        checks.Where(check => !check.Ok).ShouldBeEmpty();
    }

    [GoldenFact]
    [Trait("Category", "Slow")]
    public void The_training_run_is_reproduced()
    {
        using Device device = new(threads: 2);
        new TrainingVerification(Goldens.Of("training"), device).Run().Where(check => !check.Ok).ShouldBeEmpty();
    }
}
