using Inkstone.Nn;

namespace Inkstone.Training.Tests;

public sealed class CheckpointFolderTests
{
    [Fact]
    public void Pruning_KeepsBestLastAndTheNewest()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = new(directory.Path);
        for (int step = 10; step <= 60; step += 10)
        {
            folder.Save(State(step, best: step >= 20 ? 20 : null), keep: 2, _ => { });
        }
        folder.Steps().ShouldBe([20, 40, 50, 60]);
        TrainState.Read(folder.Of(60)).Position.ShouldBe(7);
    }

    [Fact]
    public void AFailingSave_LeavesTheCheckpointsAsTheyWere()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = new(directory.Path);
        folder.Save(State(1, null), 1, d => File.WriteAllText(Path.Combine(d, "config.json"), "{}"));
        Should.Throw<IOException>(() => folder.Save(State(2, null), 1, d =>
        {
            File.WriteAllText(Path.Combine(d, "config.json"), "{}");
            throw new IOException("No space left on device");
        }));
        folder.Steps().ShouldBe([1]);
        Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName).ShouldBe(["checkpoints.json", "step-000001"], ignoreOrder: true);
        CheckpointFolder.Resolve(directory.Path).ShouldBe(folder.Of(1));
    }

    [Fact]
    public void Clean_RemovesWhatAnInterruptedSaveLeft()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = new(directory.Path);
        folder.Save(State(1, null), 1, _ => { });
        Directory.CreateDirectory(folder.Of(2) + ".123.partial");
        Directory.CreateDirectory(folder.Of(1) + ".123.old");
        folder.Steps().ShouldBe([1]);
        folder.Clean();
        Directory.GetDirectories(folder.Path).ShouldHaveSingleItem().ShouldBe(folder.Of(1));
    }

    [Fact]
    public void Moments_lie_in_no_file_that_loaders_take_for_weights_and_those_of_earlier_versions_are_read()
    {
        using TemporaryDirectory directory = new();
        using TinyRun run = new();
        AdamW optimizer = new(run.Model.Parameters, new AdamWSettings()), again = new(run.Model.Parameters, new AdamWSettings()) { StepCount = 0 };
        optimizer.StepCount = 7;
        optimizer.State.First().Tensor.Span.Fill(0.25f);
        OptimizerState.Write(directory.Path, [optimizer]);
        Directory.GetFiles(directory.Path, "*.safetensors").ShouldBeEmpty();
        File.Move(directory["optimizer.state"], directory["optimizer.safetensors"]);
        OptimizerState.Read(directory.Path, [again]);
        again.StepCount.ShouldBe(7);
        again.State.First().Tensor.Span[0].ShouldBe(0.25f);
    }

    private static TrainState State(int step, int? best) => new(step, 100, step * 8, 0, 7, best, best is null ? null : 1.5, "recipe");
}
