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

    private static TrainState State(int step, int? best) => new(step, 100, step * 8, 0, 7, best, best is null ? null : 1.5, "recipe");
}
