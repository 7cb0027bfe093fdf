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
        TrainState.Read(folder.GetPath(60)).Position.ShouldBe(7);
    }

    [Fact]
    public void AFailingSave_LeavesTheCheckpointsAsTheyWere()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = new(directory.Path);
        folder.Save(State(1, null), 1, d => File.WriteAllText(Path.Combine(d, "config.json"), "{}"));
        Should.Throw<IOException>(() =>
            folder.Save(
                State(2, null),
                1,
                d =>
                {
                    File.WriteAllText(Path.Combine(d, "config.json"), "{}");
                    throw new IOException("No space left on device");
                }
            )
        );
        folder.Steps().ShouldBe([1]);
        Directory
            .GetFileSystemEntries(folder.Path)
            .Select(Path.GetFileName)
            .ShouldBe(["checkpoints.json", "step-000001"], ignoreOrder: true);
        CheckpointFolder.Resolve(directory.Path).ShouldBe(folder.GetPath(1));
    }

    [Fact]
    public void Clean_RemovesWhatAnInterruptedSaveLeft()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = new(directory.Path);
        folder.Save(State(1, null), 1, _ => { });
        Directory.CreateDirectory(folder.GetPath(2) + ".ink-a1b2c3d4.partial");
        Directory.CreateDirectory(folder.GetPath(1) + ".ink-a1b2c3d4.old");
        folder.Steps().ShouldBe([1]);
        folder.Clean();
        Directory.GetDirectories(folder.Path).ShouldHaveSingleItem().ShouldBe(folder.GetPath(1));
    }

    [Theory]
    [InlineData("weights.bin", "1234", "weights.bin has 4 bytes where 8 were written")]
    [InlineData("weights.bin", "87654321", "weights.bin holds other bytes")]
    [InlineData("weights.bin", null, "weights.bin is missing")]
    [InlineData("state.json", "{\"step\":", "state.json has 8 bytes")]
    [InlineData("state.json", "{}", "is not the state of a run")]
    public void ADamagedNewestCheckpoint_NamesTheOneBeforeAndHowToTakeIt(string file, string? content, string said)
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = Three(directory);
        folder.Newest().ShouldBe(3);
        Damage(folder.GetPath(3), file, content);
        string fault = Should.Throw<InvalidDataException>(() => folder.Newest()).Message;
        fault.ShouldContain(said);
        fault.ShouldContain($"{folder.GetPath(2)} is whole: to go on from it, move {folder.GetPath(3)} away and --resume again");

        Damage(folder.GetPath(2), file, content);
        Should
            .Throw<InvalidDataException>(() => folder.Newest())
            .Message.ShouldContain(
                $"{folder.GetPath(1)} is whole: to go on from it, move {folder.GetPath(3)} and {folder.GetPath(2)} away"
            );
        Damage(folder.GetPath(1), file, content);
        Should.Throw<InvalidDataException>(() => folder.Newest()).Message.ShouldContain("no other one is whole");
        Directory.Delete(folder.Path, recursive: true);
        folder.Newest().ShouldBeNull();
    }

    [Fact]
    public void ACheckpointWithoutAList_IsJudgedByTheHeadersOfItsTensors()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = Three(directory);
        File.Delete(Path.Combine(folder.GetPath(3), ".ink-files"));
        folder.Newest().ShouldBe(3);
        File.WriteAllBytes(Path.Combine(folder.GetPath(3), "model.safetensors"), [200, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        Should.Throw<InvalidDataException>(() => folder.Newest()).Message.ShouldContain("model.safetensors");
    }

    [Fact]
    public void ADamagedIndex_IsSaidInOneSentence()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = Three(directory);
        File.WriteAllText(Path.Combine(folder.Path, "checkpoints.json"), "{\"last\"");
        Should
            .Throw<InvalidDataException>(() => CheckpointFolder.Resolve(directory.Path))
            .Message.ShouldContain("checkpoints.json is damaged");
    }

    [Fact]
    public void Pruning_SparesWhatSomebodyElsePutThere()
    {
        using TemporaryDirectory directory = new();
        CheckpointFolder folder = Three(directory);
        File.WriteAllText(Path.Combine(folder.GetPath(1), "notes.txt"), "mine");
        folder.Save(State(4, null), 1, _ => { });
        folder.Steps().ShouldBe([1, 3, 4]);
        File.ReadAllText(Path.Combine(folder.GetPath(1), "notes.txt")).ShouldBe("mine");
    }

    private static CheckpointFolder Three(TemporaryDirectory directory)
    {
        CheckpointFolder folder = new(directory.Path);
        for (int step = 1; step <= 3; step++)
        {
            folder.Save(State(step, null), 3, place => File.WriteAllText(Path.Combine(place, "weights.bin"), "12345678"));
        }
        return folder;
    }

    private static void Damage(string checkpoint, string file, string? content)
    {
        File.Delete(Path.Combine(checkpoint, file));
        if (content is not null)
        {
            File.WriteAllText(Path.Combine(checkpoint, file), content);
        }
    }

    [Fact]
    public void Moments_lie_in_no_file_that_loaders_take_for_weights_and_those_of_earlier_versions_are_read()
    {
        using TemporaryDirectory directory = new();
        using TinyRun run = new();
        AdamW optimizer = new(run.Model.Parameters, new AdamWSettings()),
            again = new(run.Model.Parameters, new AdamWSettings()) { StepCount = 0 };
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
