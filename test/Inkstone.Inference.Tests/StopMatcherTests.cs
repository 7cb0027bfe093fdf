using System.Text;

namespace Inkstone.Inference.Tests;

public sealed class StopMatcherTests
{
    [Theory]
    [InlineData("hello END world", new[] { "END" }, "hello ", true)]
    [InlineData("aab", new[] { "ab" }, "a", true)]
    [InlineData("no stop here EN", new[] { "END" }, "no stop here EN", false)]
    [InlineData("x</s>y###", new[] { "###", "</s>" }, "x", true)]
    [InlineData("ababac", new[] { "abac" }, "ab", true)]
    [InlineData("END", new[] { "END" }, "", true)]
    public void The_cut_does_not_depend_on_how_text_arrives(string text, string[] stops, string expected, bool stopped)
    {
        for (int size = 1; size <= text.Length; size++)
        {
            StopMatcher matcher = new(stops);
            StringBuilder shown = new();
            for (int at = 0; at < text.Length; at += size)
            {
                shown.Append(matcher.Push(text[at..Math.Min(text.Length, at + size)]));
                expected.ShouldStartWith(shown.ToString());
            }
            shown.Append(matcher.Flush()).ToString().ShouldBe(expected);
            matcher.Stopped.ShouldBe(stopped);
        }
    }

    /// <summary>Special tokens are part of the stream, but never shown.</summary>
    [Theory]
    [InlineData("<|im_end|>", "one")]
    [InlineData("e<|im_end|>\nt", "on")]
    [InlineData("\ntwo", "one")]
    [InlineData("end|>x", "one\ntwo")]
    public void A_stop_may_hold_special_tokens(string stop, string expected)
    {
        StopMatcher matcher = new([stop]);
        string shown = matcher.Push("one") + matcher.Push("<|im_end|>", hidden: true) + matcher.Push("\nt") + matcher.Push("wo");
        (shown + matcher.Flush()).ShouldBe(expected);
    }

    [Fact]
    public void Only_what_may_be_a_stop_is_held_back()
    {
        StopMatcher matcher = new(["<|im_end|>"]);
        matcher.Push("one <").ShouldBe("one ");
        matcher.Push("b> two").ShouldBe("<b> two");
        new StopMatcher([]).Push("all").ShouldBe("all");
    }
}
