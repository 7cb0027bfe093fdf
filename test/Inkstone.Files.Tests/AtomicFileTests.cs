namespace Inkstone.Files.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Content_appears_when_committed_and_replaces_what_was_there()
    {
        string path = _directory["new/deep/a.txt"];
        AtomicFile.WriteText(path, "old");
        using (AtomicFile file = new(path))
        {
            file.Stream.Write("new 砚"u8);
            File.ReadAllText(path).ShouldBe("old");
            file.Commit();
        }
        File.ReadAllBytes(path).ShouldBe("new 砚"u8.ToArray());
        AtomicFile.Write(path, [1, 2]);
        File.ReadAllBytes(path).ShouldBe([1, 2]);
        Entries("new/deep").ShouldBe(["a.txt"]);
    }

    [Fact]
    public void Old_content_survives_a_writer_that_fails()
    {
        string path = _directory["a.txt"];
        AtomicFile.WriteText(path, "old");
        Should.Throw<InvalidDataException>(() =>
            AtomicFile.Write(
                path,
                stream =>
                {
                    stream.Write("half"u8);
                    throw new InvalidDataException("wrong");
                }
            )
        );
        new AtomicFile(path).Dispose();
        File.ReadAllText(path).ShouldBe("old");
        Entries().ShouldBe(["a.txt"]);
    }

    /// <summary>A position beyond what any file system takes stands for a full disk: writing goes well until the buffer has to
    /// leave.</summary>
    [Fact]
    public void Nothing_is_left_when_the_last_bytes_cannot_be_written()
    {
        string path = _directory["a.txt"];
        AtomicFile.WriteText(path, "old");
        Should.Throw<IOException>(() =>
            AtomicFile.Write(
                path,
                stream =>
                {
                    stream.Position = long.MaxValue - 2;
                    stream.Write("beyond"u8);
                }
            )
        );
        File.ReadAllText(path).ShouldBe("old");
        Entries().ShouldBe(["a.txt"]);
    }

    [Fact]
    public void A_name_that_is_taken_by_a_directory_is_an_error_that_leaves_nothing()
    {
        Directory.CreateDirectory(_directory["a.txt"]);
        Should.Throw<Exception>(() => AtomicFile.WriteText(_directory["a.txt"], "text"));
        Entries().ShouldBe(["a.txt"]);
    }

    [Fact]
    public void Two_writers_of_one_path_do_not_meet()
    {
        string path = _directory["a.txt"];
        using AtomicFile first = new(path),
            second = new(path);
        first.Stream.Write("first"u8);
        second.Stream.Write("second"u8);
        second.Commit();
        File.ReadAllText(path).ShouldBe("second");
        first.Commit();
        File.ReadAllText(path).ShouldBe("first");
        Entries().ShouldBe(["a.txt"]);
    }

    private IEnumerable<string?> Entries(string below = "") => Directory.GetFileSystemEntries(_directory[below]).Select(Path.GetFileName);
}
