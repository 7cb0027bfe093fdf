namespace Inkstone.Files.Tests;

public sealed class WrittenFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Nothing_is_foreign_in_what_was_written_and_lost_files_are_missed_by_nobody()
    {
        string model = Model();
        WrittenFiles.Read(model).Foreign().ShouldBeNull();
        File.Delete(Path.Combine(model, "config.json"));
        WrittenFiles.Read(model).Foreign().ShouldBeNull();
        AtomicDirectory.Write(model, overwrite: true, place => File.WriteAllText(Path.Combine(place, "second"), "2"));
        File.Exists(Path.Combine(model, "second")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("thesis.txt", "mine", "thesis.txt, which ink did not write")]
    [InlineData("inner/model.safetensors", "mine", "inner/model.safetensors, which ink did not write")]
    [InlineData("config.json", "{\"a\": 2}", "config.json, which was changed")] // of the same length
    [InlineData("weights", "12345678 and more", "weights, which was changed")]
    [InlineData("download.partial", "half", "download.partial, which ink did not write")]
    public void What_came_or_changed_since_is_foreign_and_keeps_the_directory_from_being_replaced(string name, string text, string said)
    {
        string model = Model();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(model, name))!);
        File.WriteAllText(Path.Combine(model, name), text);
        WrittenFiles.Read(model).Foreign().ShouldNotBeNull().ShouldContain(said);
        Should.Throw<ArgumentException>(() => AtomicDirectory.Write(model, overwrite: true, _ => { })).Message.ShouldContain(said);
        File.ReadAllText(Path.Combine(model, name)).ShouldBe(text);
        Directory.GetFileSystemEntries(_directory.Path).Length.ShouldBe(1);
    }

    [Fact]
    public void What_comes_while_the_successor_is_made_is_kept_too()
    {
        string model = Model();
        Should
            .Throw<ArgumentException>(() =>
                AtomicDirectory.Write(model, overwrite: true, _ => File.WriteAllText(Path.Combine(model, "thesis.txt"), "mine"))
            )
            .Message.ShouldContain("thesis.txt");
        File.ReadAllText(Path.Combine(model, "thesis.txt")).ShouldBe("mine");
        File.ReadAllText(Path.Combine(model, "weights")).ShouldBe("12345678");
        Directory.GetFileSystemEntries(_directory.Path).Length.ShouldBe(1);
    }

    [Fact]
    public void A_directory_without_a_list_and_links_are_foreign()
    {
        Directory.CreateDirectory(_directory["theirs"]);
        File.WriteAllText(_directory["theirs/config.json"], "{}");
        Should
            .Throw<ArgumentException>(() => AtomicDirectory.Write(_directory["theirs"], overwrite: true, _ => { }))
            .Message.ShouldContain("config.json, which ink did not write");

        string model = Model();
        File.Delete(Path.Combine(model, "weights"));
        File.WriteAllText(_directory["elsewhere"], "12345678");
        File.CreateSymbolicLink(Path.Combine(model, "weights"), _directory["elsewhere"]);
        Should
            .Throw<ArgumentException>(() => AtomicDirectory.Write(model, overwrite: true, _ => { }))
            .Message.ShouldContain("link weights");
        File.Exists(_directory["elsewhere"]).ShouldBeTrue();
    }

    [Fact]
    public void A_link_to_a_directory_of_ours_is_followed_and_stays_a_link()
    {
        string model = Model();
        Directory.CreateSymbolicLink(_directory["link"], model);
        AtomicDirectory.Write(_directory["link"], overwrite: true, place => File.WriteAllText(Path.Combine(place, "second"), "2"));
        new DirectoryInfo(_directory["link"]).LinkTarget.ShouldNotBeNull();
        File.Exists(Path.Combine(model, "second")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("weights", null, "weights is missing")]
    [InlineData("weights", "1234", "weights has 4 bytes where 8 were written")]
    [InlineData("weights", "00000000", "weights holds other bytes")]
    [InlineData("config.json", "", "config.json has 0 bytes")]
    [InlineData("config.json", "{\"a\": 1, \"b\": 2}", null)] // edited by hand
    public void Damage_is_told_by_size_and_content(string name, string? text, string? said)
    {
        string model = Model();
        WrittenFiles.Read(model).Damage().ShouldBeNull();
        File.Delete(Path.Combine(model, name));
        if (text is not null)
        {
            File.WriteAllText(Path.Combine(model, name), text);
        }
        (WrittenFiles.Read(model).Damage() ?? "whole").ShouldContain(said ?? "whole");
    }

    [Fact]
    public void A_deletion_spares_a_directory_that_holds_something_else()
    {
        string model = Model();
        File.WriteAllText(Path.Combine(model, "notes"), "mine");
        AtomicDirectory.Delete(model);
        File.ReadAllText(Path.Combine(model, "notes")).ShouldBe("mine");
        File.Delete(Path.Combine(model, "notes"));
        AtomicDirectory.Delete(model);
        Directory.Exists(model).ShouldBeFalse();
    }

    private string Model()
    {
        AtomicDirectory.Write(
            _directory["model"],
            overwrite: false,
            place =>
            {
                AtomicFile.WriteText(Path.Combine(place, "config.json"), "{\"a\": 1}");
                AtomicFile.WriteText(Path.Combine(place, "weights"), "12345678");
                AtomicFile.WriteText(Path.Combine(place, "inner", "moments"), "12");
            }
        );
        return _directory["model"];
    }
}
