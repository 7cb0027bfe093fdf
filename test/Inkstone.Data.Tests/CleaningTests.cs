using System.Security.Cryptography;
using System.Text;
using Inkstone.Files;

namespace Inkstone.Data.Tests;

public sealed class CleaningTests
{
    /// <summary>The right-hand sides are what is left of the text when the tokens of html.spec.whatwg.org, 13.2.5, that are no characters
    /// are taken out.</summary>
    [Theory]
    [InlineData("if 1 < 2 and 3 > 2 then yes", "if 1 < 2 and 3 > 2 then yes")]
    [InlineData("a<b and c>d", "ad")]
    [InlineData("<a title=\"x > y\">link</a>", "link")]
    [InlineData("<a title='x > y' href=z>link</A >!", "link!")]
    [InlineData("I <3 you, a <- b, x <= y, 中 <文> <", "I <3 you, a <- b, x <= y, 中 <文> <")]
    [InlineData("for (i = 0; i <n; i++) if (i <m) x;", "for (i = 0; i <n; i++) if (i <m) x;")]
    [InlineData("5 <6 and 7> 3 <br/>end<BR>", "5 <6 and 7> 3 end")]
    [InlineData("a<!-- x > y -->b<!DOCTYPE html>c<!-->d", "abcd")]
    [InlineData("a <b that never ends", "a <b that never ends")]
    [InlineData("a <!-- that never ends", "a <!-- that never ends")]
    [InlineData("<script>if (a<b && c>d) f('<b>');</script><b>x</b>", "if (a<b && c>d) f('<b>');x")]
    [InlineData("<style>p>a{}</style><textarea><i>q</i></textarea>", "p>a{}<i>q</i>")]
    [InlineData("&lt;b&gt; &amp; &copy;\r\nb<i>\t</i>  c", "&lt;b&gt; &amp; &copy;\r\nb\t  c")]
    [InlineData("<p>砚😀<p/>", "砚😀")]
    public void Only_what_HTML_calls_a_tag_or_comment_is_removed(string text, string left) => HtmlTags.Remove(text).ShouldBe(left);

    [Fact]
    public void Text_without_brackets_is_the_same_instance_and_so_not_counted_as_changed() =>
        ReferenceEquals(HtmlTags.Remove("no tag"), "no tag").ShouldBeTrue();

    [Theory]
    [InlineData("\n  \n    def f(x):\n        return  x\n\n\n\n\tend  \n\n", true, "    def f(x):\n        return  x\n\n\n\n\tend")]
    [InlineData("\n  \n    def f(x):\n        return  x\n\n\n\n\tend  \n\n", false, "def f(x):\n return x\n\n end")]
    [InlineData("\t<pre>a  b</pre>", true, "\ta  b")]
    [InlineData("one page\fthe next\vline\u0007", false, "one page\nthe next\nline")]
    [InlineData("one page\f\f\fthe  next", true, "one page\n\n\nthe  next")]
    public void White_space_of_code_stays_when_asked_and_never_glues_words(string text, bool keep, string expected) =>
        Cleaned(text, new PrepareOptions(["in"], "out", CleanHtml: true, KeepWhiteSpace: keep, MinLength: 0)).ShouldBe(expected);

    [Fact]
    public void A_document_of_which_nothing_is_left_is_counted()
    {
        IReadOnlyList<TextFilter> filters = CleaningRules.For(new PrepareOptions(["in"], "out", CleanHtml: true, MinLength: 0));
        Cleaned("<p> </p>", filters).ShouldBeNull();
        filters.Sum(f => f.Count.Dropped).ShouldBe(1);
    }

    [Fact]
    public void The_hash_of_the_split_is_SHA1()
    {
        for (int length = 0; length < 300; length++)
        {
            byte[] text = Encoding.UTF8.GetBytes(new string((char)('a' + length % 26), length));
            ulong expected = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(
                CryptographicOperations.HashData(HashAlgorithmName.SHA1, text)
            );
            Sha1.First8Bytes(text).ShouldBe(expected);
        }
        Sha1.First8Bytes("abc"u8).ShouldBe(0xA9993E364706816AUL); // FIPS 180-4's example
    }

    private static string? Cleaned(string text, PrepareOptions options) => Cleaned(text, CleaningRules.For(options));

    private static string? Cleaned(string text, IReadOnlyList<TextFilter> filters)
    {
        string? result = text;
        foreach (TextFilter filter in filters)
        {
            result = result is null ? null : filter.Apply(result);
        }
        return result;
    }
}
