namespace Inkstone.Files.Tests;

public sealed class AtomicDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_directory_is_written_whole_or_not_at_all()
    {
        string target = _directory["model"];
        Should.Throw<IOException>(() =>
            AtomicDirectory.Write(
                target,
                overwrite: false,
                place =>
                {
                    File.WriteAllText(Path.Combine(place, "config.json"), "{}");
                    throw new IOException("disk full");
                }
            )
        );
        Entries().ShouldBeEmpty();

        AtomicDirectory.Write(
            target,
            overwrite: false,
            place =>
            {
                Directory.Exists(target).ShouldBeFalse();
                AtomicFile.WriteText(Path.Combine(place, "inner", "weights"), "1");
            }
        );
        File.ReadAllText(Path.Combine(target, "inner", "weights")).ShouldBe("1");
        Entries().ShouldBe(["model"]);
    }

    [Fact]
    public void One_that_exists_is_an_error_unless_it_may_be_overwritten_and_then_is_replaced_as_a_whole()
    {
        string target = _directory["model"];
        AtomicDirectory.Write(target, overwrite: false, place => File.WriteAllText(Path.Combine(place, "first"), "1"));
        Should.Throw<ArgumentException>(() => AtomicDirectory.Write(target, overwrite: false, _ => { })).Message.ShouldContain("exists");
        Should.Throw<IOException>(() => AtomicDirectory.Write(target, overwrite: true, _ => throw new IOException("disk full")));
        File.ReadAllText(Path.Combine(target, "first")).ShouldBe("1");

        AtomicDirectory.Write(
            target + Path.DirectorySeparatorChar,
            overwrite: true,
            place => File.WriteAllText(Path.Combine(place, "second"), "2")
        );
        Directory.GetFiles(target).Select(Path.GetFileName).ShouldBe([WrittenFiles.FileName, "second"], ignoreOrder: true);
        Entries().ShouldBe(["model"]);
    }

    [Fact]
    public void An_empty_one_may_always_be_replaced_and_a_file_never()
    {
        Directory.CreateDirectory(_directory["empty"]);
        AtomicDirectory.Write(_directory["empty"], overwrite: false, place => File.WriteAllText(Path.Combine(place, "a"), ""));
        File.Exists(_directory["empty/a"]).ShouldBeTrue();

        File.WriteAllText(_directory["file"], "text");
        Should
            .Throw<ArgumentException>(() => AtomicDirectory.Write(_directory["file"], overwrite: true, _ => { }))
            .Message.ShouldContain("exists");
        Entries().ShouldBe(["empty", "file"], ignoreOrder: true);
    }

    [Fact]
    public void A_deleted_one_is_gone()
    {
        AtomicDirectory.Write(_directory["model"], overwrite: false, place => File.WriteAllText(Path.Combine(place, "a"), ""));
        AtomicDirectory.Delete(_directory["model"]);
        Entries().ShouldBeEmpty();
    }

    [Fact]
    public void Sweeping_removes_what_killed_writers_left_and_nothing_else()
    {
        AtomicFile.WriteText(_directory["kept.old"], "text");
        AtomicFile.WriteText(_directory["kept.tar.old"], "text");
        Directory.CreateDirectory(_directory["step.1"]);
        string[] left = [SiblingTemp.Partial(_directory["a"]), SiblingTemp.Old(_directory["step.1"])];
        File.WriteAllText(left[0], "");
        Directory.CreateDirectory(Path.Combine(left[1], "inner"));
        AtomicDirectory.Sweep(_directory.Path);
        Entries().ShouldBe(["kept.old", "kept.tar.old", "step.1"], ignoreOrder: true);
    }

    [Fact]
    public void Sweeping_gives_the_name_back_where_a_killed_writer_had_only_taken_it()
    {
        string old = SiblingTemp.Old(_directory["step.1"]);
        Directory.CreateDirectory(old);
        File.WriteAllText(Path.Combine(old, "a"), "text");
        AtomicDirectory.Sweep(_directory.Path);
        File.ReadAllText(_directory["step.1/a"]).ShouldBe("text");
        Entries().ShouldBe(["step.1"]);
    }

    private IEnumerable<string?> Entries() => Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName);
}
