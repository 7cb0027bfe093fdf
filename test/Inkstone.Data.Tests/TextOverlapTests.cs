namespace Inkstone.Data.Tests;

/// <summary>Texts of evaluations in documents.</summary>
public sealed class TextOverlapTests
{
    [Theory]
    [InlineData("Before. THE quick, brown fox jumps over the lazy dog! After.", true)]
    [InlineData("the quick brown fox jumps over the lazy cat", false)]
    [InlineData("quick brown fox jumps over the lazy dog", false)]
    [InlineData("", false)]
    public void A_run_is_found_whatever_its_marks(string document, bool found)
    {
        TextOverlap overlap = new(["the quick brown fox jumps over the lazy dog and then it sleeps", "yes"], 9);
        overlap.Look(document);
        overlap.Looked.ShouldBe(1);
        overlap.Found.Contains(0).ShouldBe(found);
    }

    [Fact]
    public void Short_texts_are_found_as_a_whole_and_Chinese_by_characters()
    {
        TextOverlap overlap = new(["天为什么是蓝色的？", "山有多高？不知道。", "天为什么是蓝色的"], 13);
        overlap.Look("有人问：天为什么是，蓝色的。");
        overlap.Found.ShouldBe([0, 2]);
    }
}
