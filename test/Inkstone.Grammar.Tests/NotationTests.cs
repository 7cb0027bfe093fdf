using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Grammar.Tests;

/// <summary>Patterns, GBNF and numbers against other readers of the same, and faults that name their place.</summary>
public sealed class NotationTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("^a")]
    [InlineData("a$")]
    [InlineData("^(a|bc)*$")]
    [InlineData("^a{2,3}b?c+$")]
    [InlineData("^[^ab]|ba$")]
    [InlineData("(^a|b$)c?")]
    [InlineData("^(?:a.c|\\w\\d)$")]
    [InlineData("^a*?b{1}\\x61$")]
    [InlineData("")]
    [InlineData("^$")]
    public void Patterns_match_as_in_dotnet(string pattern)
    {
        CharDfa dfa = PatternDfa.Anywhere(PatternParser.Parse(pattern));
        Regex judge = new(pattern, RegexOptions.ECMAScript);
        foreach (string text in Words("abc1 ", 5))
        {
            (dfa.TagOf(text) > 0).ShouldBe(judge.IsMatch(text), $"{pattern} on \"{text}\"");
        }
    }

    [Theory]
    [InlineData("(?=a)b", "looking")]
    [InlineData("a\\b", "border")]
    [InlineData("(a)\\1", "reference back")]
    [InlineData("a(", "not closed")]
    [InlineData("[b-a]", "out of order")]
    [InlineData("*", "nothing to repeat")]
    public void Patterns_that_cannot_be_held_say_why(string pattern, string word) =>
        Should.Throw<GrammarException>(() => TextGrammar.Regex(pattern)).Message.ShouldContain(word);

    [Theory]
    [InlineData("root ::= \"a\" b* [0-9]{2}\nb ::= \"b\" | \"c\" # done", "abcb12", true)]
    [InlineData("root ::= \"a\" b* [0-9]{2}\nb ::= \"b\" | \"c\"", "ab1", false)]
    [InlineData("root ::= e\ne ::= e \"+\" t | t\nt ::= [0-9]+ | \"(\" e \")\"", "1+(2+34)+5", true)]
    [InlineData("root ::= e\ne ::= e \"+\" t | t\nt ::= [0-9]+ | \"(\" e \")\"", "1+(2+34+5", false)]
    [InlineData("root ::= s\ns ::= \"a\" s \"b\" | \"\"", "aaabbb", true)]
    [InlineData("root ::= s\ns ::= \"a\" s \"b\" | \"\"", "aaabb", false)]
    [InlineData("root ::= (\"x\"\n  | [^\\n\"\\u4e00])+ \"\\t\"", "x日y\t", true)]
    [InlineData("root ::= (\"x\"\n  | [^\\n\"\\u4e00])+ \"\\t\"", "x一y\t", false)]
    [InlineData("root ::= a? a? a? a?\na ::= [a]?", "aaaa", true)]
    [InlineData("root ::= a? a? a? a?\na ::= [a]?", "aaaaa", false)]
    [InlineData("root ::= . .?", "é", true)]
    public void Gbnf_allows_its_texts(string grammar, string text, bool allowed) =>
        ByteTokens.Allows(TextGrammar.Gbnf(grammar), text).ShouldBe(allowed);

    [Theory]
    [InlineData("root ::= a", "line 1", "rule a")]
    [InlineData("rule ::= \"a\"", "root", "")]
    [InlineData("root ::= \"a\"\nb = c", "line 2", "::=")]
    [InlineData("root ::= (\"a\"", "line 1", "parenthesis")]
    [InlineData("root ::= \"a\" root", "no text that ends", "")]
    public void Gbnf_that_is_wrong_says_where(string grammar, string word, string other)
    {
        string message = Should.Throw<GrammarException>(() => TextGrammar.Gbnf(grammar)).Message;
        message.ShouldContain(word);
        message.ShouldContain(other);
    }

    [Theory]
    [InlineData("""{"minimum":-12.5,"exclusiveMaximum":103}""")]
    [InlineData("""{"exclusiveMinimum":0,"maximum":0.25}""")]
    [InlineData("""{"multipleOf":0.25,"maximum":40}""")]
    [InlineData("""{"multipleOf":7}""")]
    [InlineData("""{"not":{"multipleOf":3},"minimum":-20}""")]
    [InlineData("""{"not":{"enum":[0,5,-7.5]},"maximum":9.99}""")]
    [InlineData("""{"enum":[1e2,-0.5,3]}""")]
    [InlineData("""{"not":{"minimum":-3},"exclusiveMinimum":-11}""")]
    public void Numbers_pass_as_decimals_do(string schema)
    {
        CompiledGrammar grammar = ByteTokens.Compile(TextGrammar.JsonSchema($$"""{"allOf":[{"type":"number"},{{schema}}]}"""));
        Json.Schema.JsonSchema judge = Json.Schema.JsonSchema.FromText(schema);
        Random random = new(3);
        foreach (
            string text in Enumerable
                .Range(-130, 260)
                .Select(n => (n / 4m).ToString(CultureInfo.InvariantCulture))
                .Concat(
                    Enumerable
                        .Range(0, 400)
                        .Select(_ =>
                            Math.Round((decimal)(random.NextDouble() * 220 - 110), random.Next(4)).ToString(CultureInfo.InvariantCulture)
                        )
                )
                .Append("100")
                .Append("0")
                .Append("0.25")
                .Append("-0.0001")
        )
        {
            bool valid = judge.Evaluate(System.Text.Json.JsonDocument.Parse(text).RootElement).IsValid;
            string plain = text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;
            ByteTokens.Allows(grammar, plain).ShouldBe(valid, $"{schema} on {text}");
        }
    }

    [Theory]
    [InlineData("""{"properties":{"a":{"items":{"uniqueItems":true}}}}""", "uniqueItems", "#/properties/a/items/uniqueItems")]
    [InlineData("""{"uniqueItems":true,"prefixItems":[{"enum":[1]}]}""", "uniqueItems", "#/uniqueItems")]
    [InlineData("""{"not":{"uniqueItems":true,"items":{"enum":[1,2]}}}""", "uniqueItems", "#/not/uniqueItems")]
    [InlineData("""{"$dynamicRef":"#a"}""", "$dynamicRef", "#/$dynamicRef")]
    [InlineData(
        """{"$ref":"a","$defs":{"a":{"$id":"a","$dynamicRef":"#x","$defs":{"x":{"$dynamicAnchor":"x"}}},"b":{"$id":"b","$dynamicAnchor":"x"}}}""",
        "$dynamicRef",
        "#/$defs/a/$dynamicRef"
    )]
    [InlineData("""{"anyOf":[{"contains":{"const":1},"$id":"a"}],"unevaluatedItems":false}""", "unevaluatedItems", "#/unevaluatedItems")]
    [InlineData("""{"minLenght":3}""", "minLenght", "#/minLenght")]
    [InlineData("""{"$defs":{"x":{"pattern":"(?!a)"}},"$ref":"#/$defs/x"}""", "pattern", "#/$defs/x/pattern")]
    [InlineData("""{"$ref":"other.json"}""", "$ref", "#/$ref")]
    [InlineData("""{"anyOf":[{"type":"text"}]}""", "type", "#/anyOf/0/type")]
    [InlineData("""{"a/b":1}""", "a/b", "#/a~1b")]
    [InlineData("""{"properties":{"s":{"type":"string","pattern":"^[ab]*$","maxLength":50000}}}""", "maxLength", "#/properties/s")]
    public void A_keyword_that_is_not_held_is_named_with_its_place(string schema, string keyword, string path)
    {
        GrammarException fault = Should.Throw<GrammarException>(() => ByteTokens.Compile(TextGrammar.JsonSchema(schema)));
        (fault.Keyword, fault.Path).ShouldBe((keyword, path));
        fault.Message.ShouldContain(keyword);
    }

    [Theory]
    [InlineData("""{"const":"foo"}""", "\"foo\"", true)]
    [InlineData("""{"const":"foo"}""", "\"\\u0066oo\"", false)]
    [InlineData("""{"enum":["é\"\u0001\n","x"]}""", "\"é\\\"\\u0001\\n\"", true)]
    [InlineData("""{"enum":["é\"\u0001\n","x"]}""", "\"\\u00e9\\\"\\u0001\\n\"", false)]
    [InlineData("""{"type":"string"}""", "\"\\u0066oo\\u00E9\\n\\ud83d\\ude00\"", true)]
    [InlineData("""{"maxLength":3}""", "\"\\u0066oo\"", true)]
    public void Strings_of_a_list_have_one_spelling_and_others_any(string schema, string text, bool allowed) =>
        ByteTokens.Allows(TextGrammar.JsonSchema(schema), text).ShouldBe(allowed);

    /// <summary>What a schema says of items that differ, and of properties that no other part of it speaks of, judged by
    /// JsonSchema.Net.</summary>
    [Theory]
    [InlineData("""{"type":"array","items":{"enum":["a","b",1,1.5,null]},"uniqueItems":true,"minItems":2}""")]
    [InlineData("""{"type":"array","items":{"$ref":"#/$defs/c"},"uniqueItems":true,"$defs":{"c":{"enum":["a","b","ab"],"minLength":1}}}""")]
    [InlineData("""{"type":"array","items":{"type":["boolean","null"]},"uniqueItems":true,"maxItems":2}""")]
    [InlineData("""{"type":"array","items":{"type":"string","pattern":"^[ab]$"},"uniqueItems":true}""")]
    [InlineData("""{"type":"array","maxItems":1,"uniqueItems":true}""")]
    [InlineData("""{"allOf":[{"prefixItems":[{"const":"a"}]}],"unevaluatedItems":{"const":1}}""")]
    [InlineData(
        """{"$ref":"#/$defs/base","properties":{"b":true},"unevaluatedProperties":{"const":1},"$defs":{"base":{"allOf":[{"properties":{"a":{"const":2}},"patternProperties":{"^x":true}}]}}}"""
    )]
    [InlineData("""{"not":{"properties":{"a":true},"unevaluatedProperties":false}}""")]
    [InlineData(
        """{"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"patternProperties":{"^x":true},"required":["x"]}],"unevaluatedProperties":false}"""
    )]
    [InlineData(
        """{"oneOf":[{"properties":{"a":{"const":2}},"required":["a"]},{"properties":{"b":true},"required":["b"]}],"unevaluatedProperties":{"const":1}}"""
    )]
    [InlineData(
        """{"if":{"properties":{"a":{"const":2}},"required":["a"]},"then":{"properties":{"b":true}},"else":{"properties":{"c":true}},"unevaluatedProperties":false}"""
    )]
    [InlineData(
        """{"not":{"if":{"properties":{"a":{"const":2}},"required":["a"]},"else":{"properties":{"c":true}},"unevaluatedProperties":false}}"""
    )]
    [InlineData("""{"dependentSchemas":{"a":{"properties":{"b":true,"x":true}}},"properties":{"a":true},"unevaluatedProperties":false}""")]
    [InlineData(
        """{"anyOf":[{"allOf":[{"unevaluatedProperties":{"const":2}}]},{"properties":{"a":true}}],"unevaluatedProperties":false}"""
    )]
    [InlineData("""{"prefixItems":[true],"contains":{"const":"b"},"unevaluatedItems":{"type":"null"},"maxItems":4}""")]
    [InlineData("""{"anyOf":[{"prefixItems":[true,{"const":"b"}]},{"contains":{"const":1}}],"unevaluatedItems":false,"maxItems":4}""")]
    [InlineData("""{"not":{"contains":{"const":"b"},"unevaluatedItems":{"type":"null"}},"maxItems":4}""")]
    [InlineData(
        """{"if":{"prefixItems":[{"const":"a"}]},"then":{"items":{"enum":["a","b",null]}},"else":{"prefixItems":[true,true]},"unevaluatedItems":false}"""
    )]
    [InlineData("""{"type":"array","items":{"$dynamicRef":"#e"},"$defs":{"e":{"$dynamicAnchor":"e","type":["number","null"]}}}""")]
    [InlineData(
        """{"$id":"http://h/strict","$dynamicAnchor":"n","$ref":"tree","unevaluatedProperties":false,"$defs":{"t":{"$id":"tree","$dynamicAnchor":"n","properties":{"a":true,"x":{"$dynamicRef":"#n"}}}}}"""
    )]
    [InlineData(
        """{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"const":"a"},{"type":"string"}],"not":{"items":[true,{"const":"b"}]}}"""
    )]
    public void What_is_left_over_and_what_differs_is_held(string schema)
    {
        CompiledGrammar grammar = ByteTokens.Compile(TextGrammar.JsonSchema(schema));
        Json.Schema.JsonSchema judge = Json.Schema.JsonSchema.FromText(schema);
        string[] values = ["\"a\"", "\"b\"", "\"ab\"", "1", "1.5", "2", "null", "true", "false"];
        string[] arrays =
        [
            "[]",
            .. values.Select(a => $"[{a}]"),
            .. values.SelectMany(a => values.Select(b => $"[{a},{b}]")),
            .. values.SelectMany(a => values.Select(b => $"[{a},{b},\"a\"]")),
            .. values.SelectMany(a => values.Select(b => $"[{a},\"b\",null,{b}]")),
        ];
        string[] names = ["a", "b", "c", "x", "xa"];
        string[] objects =
        [
            "{}",
            .. names.SelectMany(n => values.Select(v => $"{{\"{n}\":{v}}}")),
            .. names.SelectMany(n => names.Where(m => m != n).Select(m => $"{{\"{n}\":2,\"{m}\":1}}")),
        ];
        int count = 0;
        foreach (string text in arrays.Concat(objects).Append("3"))
        {
            bool valid = judge.Evaluate(System.Text.Json.JsonDocument.Parse(text).RootElement).IsValid;
            ByteTokens.Allows(grammar, text).ShouldBe(valid, text);
            count += valid ? 1 : 0;
        }
        count.ShouldBeGreaterThan(1);
    }

    [Theory]
    [InlineData("""{"type":"string","maxLength":2,"minLength":3}""")]
    [InlineData("""{"type":"array","items":{"enum":[1,2]},"uniqueItems":true,"minItems":3}""")]
    [InlineData("""{"$ref":"#"}""", true)]
    [InlineData("""{"type":"object","required":["next"],"properties":{"next":{"$ref":"#"}}}""")]
    [InlineData("""{"type":"integer","minimum":1,"maximum":4,"multipleOf":5}""")]
    [InlineData("""{"type":"array","minItems":2,"prefixItems":[true,false]}""")]
    public void A_schema_without_values_is_told(string schema, bool holds = false)
    {
        if (holds)
        {
            _ = ByteTokens.Compile(TextGrammar.JsonSchema(schema)); // a reference to itself says nothing
            return;
        }
        Should.Throw<GrammarException>(() => ByteTokens.Compile(TextGrammar.JsonSchema(schema))).Message.ShouldContain("no value");
    }

    [Fact]
    public void Strings_may_be_written_in_every_way()
    {
        CompiledGrammar grammar = ByteTokens.Compile(TextGrammar.JsonSchema("""{"type":"string","maxLength":2}"""));
        foreach (string text in new[] { "\"é\\u00E9\"", "\"\\ud83D\\uDE00😀\"", "\"\\/\\n\"", "\"\u007f\"", "\"\"" })
        {
            ByteTokens.Allows(grammar, text).ShouldBeTrue(text);
        }
        foreach (string text in new[] { "\"abc\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\x\"", "\"\n\"", "\"\\ud83d\\u0041\"", "\"a" })
        {
            ByteTokens.Allows(grammar, text).ShouldBeFalse(text);
        }
        TokenMask mask = grammar.NewMask(ByteTokens.End);
        mask.Accept(ByteTokens.Id((byte)'"')).ShouldBeTrue();
        foreach (byte[] wrong in new byte[][] { [0xC0], [0xFF], [0x80], [0xE0, 0x80], [0xED, 0xA0], [0xF4, 0x90] })
        {
            TokenMask copy = mask.Clone();
            wrong.All(b => copy.Accept(ByteTokens.Id(b))).ShouldBeFalse();
        }
    }

    /// <summary>All words of an alphabet up to a length.</summary>
    private static IEnumerable<string> Words(string letters, int most)
    {
        IEnumerable<string> words = [""];
        for (int length = 0; length <= most; length++)
        {
            foreach (string word in words)
            {
                yield return word;
            }
            words = words.SelectMany(w => letters.Select(c => w + c)).ToList();
        }
    }
}
