using System.Text;
using AngleSharp.Html;
using AngleSharp.Html.Parser;
using AngleSharp.Html.Parser.Tokens;
using AngleSharp.Text;

namespace Inkstone.Data;

/// <summary>
/// Takes the tags and comments out of a text and leaves every other character as it is. What a tag is, HTML's tokenizer says
/// (html.spec.whatwg.org, 13.2.5):
/// it begins with a letter behind its bracket and may hold &gt; in quotes, so that "1 &lt; 2" stays; what stands in scripts and styles is
/// no tag.
/// </summary>
internal static class HtmlTags
{
    /// <summary>The text without its tags; a tag or comment that nothing ends is text.</summary>
    public static string Remove(string text)
    {
        if (!text.Contains('<'))
        {
            return text;
        }
        using HtmlTokenizer tokenizer = new HtmlTokenizer(new TextSource(text), HtmlEntityProvider.Resolver)
        {
            IsNotConsumingCharacterReferences = true,
        };
        StringBuilder kept = new(text.Length);
        int start = 0;
        while (tokenizer.Get() is { Type: not HtmlTokenType.EndOfFile } token)
        {
            int end = tokenizer.InsertionPoint;
            bool isText = token.Type == HtmlTokenType.Character || text[end - 1] != '>';
            if (isText)
            {
                kept.Append(text, start, end - start);
            }
            if (token.Type == HtmlTokenType.StartTag)
            {
                tokenizer.State = ContentOf(token.Name);
            }
            start = end;
        }
        return kept.Append(text, start, text.Length - start).ToString();
    }

    /// <summary>Elements whose content is text up to their end tag (the tree builder's part of the standard, 13.2.6).</summary>
    private static HtmlParseMode ContentOf(string element) =>
        element switch
        {
            "script" => HtmlParseMode.Script,
            "style" or "xmp" or "iframe" or "noembed" or "noframes" => HtmlParseMode.Rawtext,
            "title" or "textarea" => HtmlParseMode.RCData,
            "plaintext" => HtmlParseMode.Plaintext,
            _ => HtmlParseMode.PCData,
        };
}
