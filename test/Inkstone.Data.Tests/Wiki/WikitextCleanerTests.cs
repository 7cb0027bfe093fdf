namespace Inkstone.Data.Tests;

/// <summary>Rules of wikitext, each with what MediaWiki shows, or what a reader would copy of it.</summary>
public sealed class WikitextCleanerTests
{
    private readonly WikitextCleaner _cleaner = new(new WikiSite(), "zh-cn");

    [Theory]
    [InlineData("'''''a''' b'' ''c'''d'''e''", "a b cde")]
    [InlineData("a'''b''c", "a'bc")]
    [InlineData("de l'''eau'' '''x'''", "de l'eau x")]
    [InlineData("''''''x''''''", "'x'")]
    [InlineData("'''x''\n''y", "'x\ny")]
    public void Marks_of_bold_and_italic_go(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("[[a_b]] [[a|b|c]] [[ d | e ]] [[a|]] [[Help:甲 (乙)|]] [[#节]] [[a]]b", "a_b b|c e a 甲 #节 ab")]
    [InlineData("[[[a]]] [[a\nb]] [[a|b\nc]] [[]] [[a", "[a] [[a\nb]] b\nc [[]] [[a")]
    [InlineData("[[fr:x|y]][[:fr:x]] [[zh-min-nan:x]][[Star Trek: x]]", "fr:x Star Trek: x")]
    [InlineData("甲[[File:a.jpg|thumb|[http://e.org 说]明]]乙[[圖像:b.png|c\n[[d|e]] f]]丙[[:文件:g]]", "甲乙丙文件:g")]
    [InlineData("[[Image:a.jpg|thumb|[http://e.org x]]]后", "后")]
    [InlineData("[http://a.org] [mailto:x@y.z 信] [//a.b c] [ftp://x [[y|z]]] [词] [http://x\n y]", "信 c z [词] [http://x\ny]")]
    [InlineData("甲{{!}}乙 [[a{{!}}b]]", "甲|乙 b")]
    public void Links_show_their_labels(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData(
        "# a\n#: b\n# c\n\n# d\n## e\n### f\n## g\n#*# h\n# i",
        "1. a\n  b\n2. c\n\n1. d\n  1. e\n    1. f\n  2. g\n    1. h\n2. i"
    )]
    [InlineData("* a<ref>x</ref>\n*\n* {{clear}}\n<!-- x -->\n* b<br>c\n** d<br/>e", "- a\n- b\nc\n  - d\n  e")]
    [InlineData("; a : b\n;c\n:* d\n:# e\n; [http://x.org 站:名] : f\n; [[CSI:x]] : g", "a\nb\nc\n  - d\n  1. e\n站:名\nf\nCSI:x\ng")]
    [InlineData("<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>", "- a\n- b\n  1. c")]
    public void Lists_keep_signs_and_numbers(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("= a =\n== b ==\n=== c ===\nx\n== d ==\n{{t}}\n== e ==", "a\nb\nc\nx")]
    [InlineData("====== f ======\n======= g =======\ny\n== h == z\n== i==<!-- x --> ", "= g =\ny\n== h == z")]
    [InlineData("<h2>a</h2>\nb", "a\nb")]
    public void Headings_stand_over_text(string wikitext, string expected) => Lines(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("{|\n|a\n{|\n|b\n|}\n|}尾\n:{| x\n|}\n后", "尾\n后")]
    [InlineData("甲\n{|\n| 没有合上\n== 节 ==\n文", "甲\n节\n文")]
    [InlineData("<table><tr><td><table><tr><td>a</td></tr></table></td></tr></table>b", "b")]
    public void Tables_vanish(string wikitext, string expected) => Lines(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("端砚（{{lang-en|a}}，1990年）与（{{x}}；{{y}}）和(f()) (1990年；<ref>x</ref>) ()", "端砚（1990年）与和(f()) (1990年) ()")]
    [InlineData("A {{x}} B<ref>y</ref> C，{{x}}D", "A B C，D")]
    [InlineData(
        "{{Nowrap|甲 乙}}{{lang|en|text=Q}}{{le|本|en}}{{link-ja|本|ja|显}}{{tsl|en|f|地}}{{tsl|en|g}}{{CVT|3|to|5|km|mi}}{{convert|5|ft|6|in|cm}}{{convert|1|-|2|m|ft}}{{convert|7|m|ft}}{{math|1=x = 1}}{{#if:x|y}}{{lang|ja|{{r|a}}b}}",
        "甲 乙Q本显地g3 to 5 km5 ft 6 in1–2 m7 mx = 1b"
    )]
    [InlineData("{{a|{{b}}\n|c=[[d|e]]|f={{{g|h}}}}}后{{{1|缺}}}{{{2}}}{{{3|{{lang|en|x}}}}}", "后缺x")]
    [InlineData("{{a|[[b}}甲 {{没合上", "甲 {{没合上")]
    [InlineData("{{FULLPAGENAME}}、{{subst:x}}{{lc:X}}{{CURRENTDAY}}", "题 (目)、")]
    public void Templates_vanish_but_for_those_that_carry_text(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("-{zh-hans:c; zh-hant:d;}-、-{zh-hk:h;zh-sg:s}-、-{zh-tw:t;zh-hk:h}-、-{zh-cn:甲;乙;zh-tw:丙}-", "c、s、t、甲;乙")]
    [InlineData("-{a=>zh-cn:b}--{zh-cn:;zh-tw:空}-x-{zh-hans;zh-hant|文}--{zh-cn:&nbsp;q;zh-tw:w}-", "bx文 q")]
    [InlineData("-{D|zh-cn:x}--{-|zh-cn:x}--{+|zh-cn:x}--{H|zh-cn:x}-a-{R|b}-c-{A|zh-cn:d;zh-tw:e}-", "abcd")]
    [InlineData("a-{ b }-c-{R| d}-", "a b c d")]
    [InlineData("[[-{zh-cn:甲;zh-tw:乙}-]]-{{{lang|en|x}}}- -{没合上", "甲x -{没合上")]
    public void Variants_are_chosen(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("zh-hk", "港")]
    [InlineData("zh-mo", "港")]
    [InlineData("zh-tw", "繁")]
    [InlineData("zh-sg", "简")]
    [InlineData("zh-cn", "简")]
    public void The_nearest_variant_serves(string variant, string expected) =>
        new WikitextCleaner(new WikiSite(), variant)
            .Clean("t", "-{zh-hans:简;zh-hk:港;zh-hant:繁}-")
            .Text.ShouldBe(variant == "zh-mo" ? "繁" : expected);

    [Theory]
    [InlineData("<pre><nowiki>[[a]]</nowiki> &lt;b&gt;\n  c</pre> 后", "[[a]] <b>\n  c\n后")]
    [InlineData(
        "甲<source lang=c inline>int x;</source>、<code><nowiki>''x''</nowiki></code>\n<syntaxhighlight lang=\"c\">\nif (a &lt; b)\n\n  x;\n</syntaxhighlight>",
        "甲int x;、''x''\nif (a &lt; b)\n\n  x;"
    )]
    [InlineData("<math display=block>x</math>甲<ce>H2O</ce><math>\na_{1}\n</math>", "$$x$$\n甲$\\ce{H2O}$$a_{1}$")]
    [InlineData("<nowiki>* {{a}}</nowiki>\n<nowiki/>* b", "* {{a}}\n- b")]
    public void What_stands_literally_stays(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData(
        "<span style=\"display: none\">藏</span>见<b>粗</b><br/>换<hr>线<p>段</p><ruby>砚<rt>yàn</rt></ruby>",
        "见粗\n换\n线\n段\n砚(yàn)"
    )]
    [InlineData("<ref>a\n<gallery>\nx\n</div><不是> a<b c<d", "a\nx\n<不是> a<b c<d")]
    [InlineData("a<!-- x\n-->b<!-- c", "ab")]
    [InlineData("a<includeonly>b</includeonly>c<noinclude>d</noinclude><includeonly>e\nf", "acd")]
    [InlineData("&amp;lt; &#91;&#91;x]] &copy; &non; &#0; &#xD800;a&ensp;b", "&lt; [[x]] © &non; &#0; &#xD800;a b")]
    [InlineData("__NOTOC____无目录__ __FILE__ __init__", "__FILE__ __init__")]
    [InlineData(" 预 排\n  两格\n　　缩进\n----后\na  b", "预 排\n 两格\n　　缩进\n\n后\na b")]
    [InlineData("<poem>\n一\n'''二'''\n</poem>三", "一\n二\n三")]
    public void Tags_comments_and_references_are_read(string wikitext, string expected) => Text(wikitext).ShouldBe(expected);

    [Theory]
    [InlineData("{{消歧義}}", true)]
    [InlineData("{{地名消歧义}}", true)]
    [InlineData("{{Disambig|x}}", true)]
    [InlineData("{{disambiguation needed}}", false)]
    [InlineData("{{需要消歧义}}", false)]
    public void Pages_that_tell_meanings_apart_are_known(string wikitext, bool expected) =>
        _cleaner.Clean("t", wikitext).IsDisambiguation.ShouldBe(expected);

    [Fact]
    public void What_a_page_spells_for_one_script_is_told()
    {
        CleanPage page = _cleaner.Clean("t", "* 看-{zh-cn:软件-{R|体}-;zh-tw:軟體}-、-{}-'''-{后}-'''");
        page.Text.ShouldBe("- 看软件体、后");
        page.Kept.ShouldBe([new TextSpan(3, 6), new TextSpan(7, 7), new TextSpan(7, 8)]);
        (page.IsConverted, _cleaner.Clean("t", "a __NOCC__").IsConverted).ShouldBe((true, false));
    }

    /// <summary>Time and stack must not grow with what is opened and never closed, or nested without end.</summary>
    [Theory]
    [InlineData("{{")]
    [InlineData("[[")]
    [InlineData("-{")]
    [InlineData("<ref>")]
    [InlineData("<div style='display:none'>")]
    [InlineData("{{lang|en|")]
    [InlineData("{|\n")]
    [InlineData("'''''")]
    [InlineData("<!--")]
    [InlineData("[http://a [[")]
    [InlineData("}}]]}-|}")]
    public void Damaged_pages_end(string piece) =>
        _cleaner.Clean("t", string.Concat(Enumerable.Repeat(piece, 20_000))).Text.Length.ShouldBeLessThan(piece.Length * 20_001);

    [Theory]
    [InlineData("[[a|", "]]")]
    [InlineData("{{lang|en|", "}}")]
    [InlineData("-{zh-cn:", "}-")]
    [InlineData("<div style='display:none'>", "</div>")]
    [InlineData("<ul><li>", "</li></ul>")]
    [InlineData("<poem>", "</poem>")]
    [InlineData("{{{a|", "}}}")]
    public void Endless_nesting_ends(string open, string close) =>
        _cleaner
            .Clean("t", string.Concat(Enumerable.Repeat(open, 3_000)) + "x" + string.Concat(Enumerable.Repeat(close, 3_000)))
            .IsConverted.ShouldBeTrue();

    private string Text(string wikitext) => _cleaner.Clean("题 (目)", wikitext).Text;

    private string Lines(string wikitext) => string.Join('\n', Text(wikitext).Split('\n').Where(line => line.Length > 0));
}
