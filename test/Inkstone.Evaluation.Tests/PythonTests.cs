using Inkstone.Files;
using Inkstone.Jinja;

namespace Inkstone.Evaluation.Tests;

/// <summary>Numbers and texts that CPython 3.12 gave.</summary>
public sealed class PythonTests
{
    [Fact]
    public void Random_draws_are_those_of_CPython()
    {
        MersenneTwister random = new(1234);
        random.NextDouble().ShouldBe(0.9664535356921388);
        random.NextDouble().ShouldBe(0.4407325991753527);
        new MersenneTwister(1234).Sample([.. Enumerable.Range(0, 60)], 4).ShouldBe([49, 28, 7, 0]);
        new MersenneTwister(7)
            .Sample([.. Enumerable.Range(0, 60)], 25)
            .ShouldBe([20, 9, 25, 41, 3, 4, 52, 34, 6, 23, 37, 55, 32, 13, 2, 5, 27, 26, 54, 15, 44, 35, 43, 48, 7]);
        new MersenneTwister(0).Sample([.. Enumerable.Range(0, 5000)], 6).ShouldBe([3155, 3445, 331, 2121, 4188, 3980]);
        int[] places = new int[8];
        new MersenneTwister(3).Choices(places, 11);
        places.ShouldBe([2, 5, 4, 6, 6, 0, 0, 9]);
    }

    [Theory]
    [InlineData("['a', \"b'c\"]", "['a', \"b'c\"]")]
    [InlineData("(1,)", "(1,)")]
    [InlineData("{'a': [1, 2.5], 3: None}", "{'a': [1, 2.5], 3: None}")]
    [InlineData("-1e-07", "-1e-07")]
    [InlineData("'a\\x41\\u7802\\n'", "'aA砂\\n'")]
    [InlineData("'a' 'b'", "'ab'")]
    [InlineData("r'\\n'", "'\\\\n'")]
    [InlineData("[True, False]", "[True, False]")]
    [InlineData("1_000", "1000")]
    [InlineData("'''x\ny'''", "'x\\ny'")]
    [InlineData("[]", "[]")]
    [InlineData("()", "()")]
    [InlineData("{}", "{}")]
    [InlineData("-5", "-5")]
    [InlineData("'\\xa0\\u200b'", "'\\xa0\\u200b'")]
    public void Literals_are_read_as_Python_reads_them(string source, string repr) => PythonLiteral.Read(source).Repr.ShouldBe(repr);

    [Theory]
    [InlineData("03")]
    [InlineData("[1, 2")]
    [InlineData("a")]
    [InlineData("")]
    [InlineData("1 2")]
    [InlineData("'a")]
    public void What_is_no_literal_is_refused(string source) => Should.Throw<FormatException>(() => PythonLiteral.Read(source));

    [Theory]
    [InlineData("([0-9]+)", "a1b22", "['1', '22']")]
    [InlineData("x=([0-9]+)|y=([0-9]+)", "y=3 x=4", "[('', '3'), ('4', '')]")]
    [InlineData("(z)?(w)?", "zw", "[('z', 'w'), ('', '')]")]
    [InlineData("[a-z]+", "ab cd", "['ab', 'cd']")]
    [InlineData("a|", "ab", "['a', '', '']")]
    [InlineData("(?P<n>b)(a)?(?P=n)", "bab bb", "[('b', 'a'), ('b', '')]")]
    [InlineData("(?i)INK", "ink Ink", "['ink', 'Ink']")]
    [InlineData("[\\s,]+", "a ,b\u001cc", "[' ,', '\\x1c']")]
    [InlineData("x{,2}y", "xxxy y", "['xxy', 'y']")]
    [InlineData("\\(([A-D])\\)", "(A) (B)", "['A', 'B']")]
    [InlineData("(?s)a.c", "a\nc", "['a\\nc']")]
    [InlineData("[[a]", "[a", "['[', 'a']")]
    [InlineData("答案是?：?\\s?([A-D])", "答案是：B 答案C", "['B', 'C']")]
    [InlineData("(?m)^\\s*-.*$", "- a\n- b", "['- a', '- b']")]
    [InlineData("a\\Z", "aa", "['a']")]
    public void Expressions_find_what_re_finds(string pattern, string text, string repr) =>
        new ListValue(PythonRegex.Parse(pattern).FindAll(text)).Repr.ShouldBe(repr);

    [Theory]
    [InlineData("\\s+", " ", "a \n b", "a b")]
    [InlineData("(a)(b)", "\\2\\1", "abab", "baba")]
    [InlineData("(?P<x>\\d)", "<\\g<x>>", "a1", "a<1>")]
    [InlineData("a*", "-", "baac", "-b--c-")]
    [InlineData("\\$", "", "$5", "5")]
    [InlineData("(?s).*#### ", "", "a\n#### 5", "5")]
    [InlineData("\\.$", "", "5.\n", "5\n")]
    [InlineData("x", "\\n", "axb", "a\nb")]
    public void Replacements_are_those_of_re(string pattern, string replacement, string text, string expected) =>
        PythonRegex.Parse(pattern).Replace(text, replacement).ShouldBe(expected);

    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("砚", "727cf371de88862477508c74624a486dbd20d3e131e7618632a6d137c1ab086f")]
    [InlineData(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
    )]
    public void Hashes_are_SHA_256(string text, string hex) => Sha256.Hex(text).ShouldBe(hex);
}
