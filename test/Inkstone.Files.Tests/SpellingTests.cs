namespace Inkstone.Files.Tests;

public sealed class SpellingTests
{
    [Theory]
    [InlineData("pretrain", "pretain", 1)]
    [InlineData("--model", "--modle", 1)]
    [InlineData("steps", "steps", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("kitten", "sitting", 3)]
    public void SpellingDistance_CountsEditsAndSwaps(string a, string b, int distance)
    {
        Spelling.Distance(a, b).ShouldBe(distance);
        Spelling.Distance(b, a).ShouldBe(distance);
    }
}
