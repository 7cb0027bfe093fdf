using Inkstone.Files;
using Inkstone.Nn;

namespace Inkstone.Training.Tests;

public sealed class RunDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void BeginningAnew_RemovesTheRunAndNothingElse()
    {
        string run = Run();
        File.WriteAllText(Path.Combine(run, "notes.txt"), "mine");
        Should.Throw<ArgumentException>(() => RunDirectory.Check(run, resume: false, force: false)).Message.ShouldContain("--resume");
        RunDirectory.Check(run, resume: true, force: false);
        RunDirectory.Prepare(run, resume: true);
        Directory.Exists(Path.Combine(run, "checkpoints")).ShouldBeTrue();
        RunDirectory.Prepare(run, resume: false);
        Directory.GetFileSystemEntries(run).Select(Path.GetFileName).ShouldBe([".ink-files", "notes.txt"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("checkpoints/thesis.txt", "in checkpoints thesis.txt")]
    [InlineData("checkpoints/checkpoints.json", "in checkpoints checkpoints.json")]
    [InlineData("checkpoints/step-000001/thesis.txt", "in checkpoints step-000001/")]
    [InlineData("checkpoints/step-000002/config.json", "in checkpoints step-000002/config.json")]
    [InlineData("tensorboard/events.out.tfevents.1.ink.1", "in tensorboard events")]
    [InlineData("final/thesis.txt", "in final thesis.txt")]
    [InlineData("best/adapter_config.json", "in best adapter_config.json")]
    [InlineData("metrics.jsonl", "metrics.jsonl, which is no log")]
    [InlineData("recipe.resolved.yaml", "recipe.resolved.yaml, which was changed")]
    public void WhatNoRunWrote_IsKeptUnderWhateverName(string name, string said)
    {
        string run = Run(),
            file = Path.Combine(run, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "mine");
        Should.Throw<ArgumentException>(() => RunDirectory.Check(run, resume: false, force: true)).Message.ShouldContain(said);
        Should.Throw<ArgumentException>(() => RunDirectory.Prepare(run, resume: false));
        File.ReadAllText(file).ShouldBe("mine");
        Directory.Exists(Path.Combine(run, "checkpoints")).ShouldBeTrue();
    }

    [Fact]
    public void ALockAlone_DoesNotMakeADirectoryUsed()
    {
        using DirectoryLock held = DirectoryLock.Take(_directory["new"]);
        RunDirectory.Check(_directory["new"], resume: false, force: false);
    }

    /// <summary>Keep 2, the last, the best, and one being written: five at most, fewer where the run saves less often or some are
    /// there.</summary>
    [Theory]
    [InlineData(1000, 0, 5)]
    [InlineData(3, 0, 3)]
    [InlineData(1000, 4, 1)]
    [InlineData(1000, 9, 0)]
    public void TheDiskEstimate_CountsWeightsMomentsAndAllThatLieThereAtOnce(long saves, int present, int copies)
    {
        using TinyRun tiny = new();
        AdamW adam = new(tiny.Model.Parameters, new AdamWSettings(1e-3));
        DiskEstimate need = DiskEstimate.Estimate(tiny.Model.Parameters, [adam], adapter: false, keep: 2, best: true, saves, present);
        need.CheckpointBytes.ShouldBe(3 * 4 * tiny.Model.Parameters.ElementCount);
        need.Checkpoints.ShouldBe(copies);
        need.Check(tiny.Directory, 0);
        string refused = Should
            .Throw<IOException>(() => (need with { Checkpoints = 3, CheckpointBytes = 1L << 60 }).Check(tiny.Directory, 0))
            .Message;
        refused.ShouldContain("3 checkpoints");
        refused.ShouldContain("train.keep");
    }

    private string Run()
    {
        string run = _directory["run"];
        new CheckpointFolder(run).Save(
            new TrainState(1, 9, 8, 0, 0, null, null, "recipe"),
            1,
            place => File.WriteAllText(Path.Combine(place, "config.json"), "{}")
        );
        using MetricsFile metrics = new(run, 0);
        metrics.Validation(0, 1, 1, best: true);
        new TensorBoardFile(run, TimeProvider.System).Dispose();
        AtomicFile.WriteText(Path.Combine(run, "recipe.resolved.yaml"), "out: run\n");
        WrittenFiles.Read(run).Add("recipe.resolved.yaml");
        return run;
    }
}
