namespace Inkstone.Files.Tests;

public sealed class PlaceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public PlaceTests()
    {
        Directory.CreateDirectory(_directory["a/b"]);
        File.WriteAllText(_directory["a/b/file"], "");
        Directory.CreateSymbolicLink(_directory["link"], _directory["a"]);
        Directory.CreateSymbolicLink(_directory["second"], "link");
        File.CreateSymbolicLink(_directory["file-link"], _directory["link/b/file"]);
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("a", "a", "is the input")]
    [InlineData("link", "a", "is the input")]
    [InlineData("a/b/", "second/b", "is the input")]
    [InlineData("a/b/../b", "link/b/", "is the input")]
    [InlineData("file-link", "a/b/file", "is the input")]
    [InlineData("a", "a/b", "holds the input")]
    [InlineData("a", "second/b/file", "holds the input")]
    [InlineData("link/new", "a", "lies inside the input")]
    [InlineData("a/b/new/deep", "second", "lies inside the input")]
    public void An_output_that_meets_an_input_is_refused(string output, string input, string said) =>
        Should
            .Throw<ArgumentException>(() => Place.KeepApart(_directory[output], file: false, [null, _directory[input]]))
            .Message.ShouldContain(said);

    [Theory]
    [InlineData("ab", "a")]
    [InlineData("a/c", "a/b")]
    [InlineData("a/b/file2", "a/b/file")]
    [InlineData("new", "new")] // an input that does not exist cannot be lost
    public void Neighbours_are_not(string output, string input) => Place.KeepApart(_directory[output], file: false, [_directory[input]]);

    [Fact]
    public void A_single_file_may_lie_in_a_directory_that_is_read()
    {
        Place.KeepApart(_directory["link/model.gguf"], file: true, [_directory["a"]]);
        Should.Throw<ArgumentException>(() => Place.KeepApart(_directory["file-link"], file: true, [_directory["a/b/file"]]));
    }
}
