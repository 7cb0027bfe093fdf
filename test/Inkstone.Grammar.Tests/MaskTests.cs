using System.Text;
using System.Text.Json;

namespace Inkstone.Grammar.Tests;

/// <summary>Masks say of every token what taking it says, whatever the place, and sequences can go back and part.</summary>
public sealed class MaskTests
{
    private const string Person =
        """{"type":"object","properties":{"name":{"type":"string","maxLength":6},"a":{"type":"integer"}},"required":["a"],"additionalProperties":{"type":["integer","object"]}}""";

    public static TheoryData<string> Grammars => ["person", "any", "gbnf", "trigger", "regex"];

    private static TextGrammar Grammar(string name) =>
        name switch
        {
            "person" => TextGrammar.JsonSchema(Person),
            "any" => TextGrammar.Json(new(3)),
            "gbnf" => TextGrammar.Gbnf(
                "root ::= sum\nsum ::= sum \"+\" item | item\nitem ::= [a-c]* ( \"(\" sum \")\" )? | \"\" # left recursion and nothing"
            ),
            "trigger" => TextGrammar.Triggered(
                "<call>",
                TextGrammar.Sequence(TextGrammar.JsonSchema(Person), TextGrammar.Token("<tool_call>"))
            ),
            _ => TextGrammar.Regex("(abc|ab|[^a-z]{2,3}é?)*name"),
        };

    [Theory]
    [MemberData(nameof(Grammars))]
    public void A_mask_allows_exactly_what_is_accepted(string name)
    {
        CompiledGrammar grammar = ByteTokens.Compile(Grammar(name));
        ulong[] mask = new ulong[grammar.Vocabulary.MaskLength];
        Random random = new(7);
        int places = 0;
        for (int text = 0; text < 12; text++)
        {
            TokenMask sequence = grammar.NewMask(ByteTokens.End);
            for (int i = 0; i < 40 && !sequence.IsFinished; i++, places++)
            {
                sequence.Fill(mask);
                List<int> accepted = [];
                for (int id = 0; id < grammar.Vocabulary.Size; id++)
                {
                    bool ok = sequence.Accept(id);
                    ((mask[id >> 6] >> id & 1) != 0).ShouldBe(ok, $"{name}, token {grammar.Vocabulary.Tokenizer.IdToToken(id)}");
                    if (ok)
                    {
                        accepted.Add(id);
                        sequence.Rollback(1);
                    }
                }
                accepted.ShouldNotBeEmpty();
                // Long tokens and structure are rarer than letters, so they are drawn from the end of the vocabulary half of the time.
                int take = accepted[
                    random.Next(2) == 0 ? random.Next(accepted.Count) : accepted.Count - 1 - random.Next(Math.Min(6, accepted.Count))
                ];
                sequence.Accept(take).ShouldBeTrue();
            }
        }
        places.ShouldBeGreaterThan(40);
    }

    [Fact]
    public void Going_back_and_parting_change_nothing_else()
    {
        CompiledGrammar grammar = ByteTokens.Compile(TextGrammar.JsonSchema(Person));
        byte[] text = Encoding.UTF8.GetBytes("""{"x":{"y":1,"z":{}},"a":2,"name":"Zoé"}""");
        ulong[][] masks = new ulong[text.Length + 1][];
        TokenMask sequence = grammar.NewMask(ByteTokens.End);
        for (int i = 0; i <= text.Length; i++)
        {
            sequence.Fill(masks[i] = new ulong[grammar.Vocabulary.MaskLength]);
            _ = i == text.Length || sequence.Accept(ByteTokens.Id(text[i])) ? true : throw new InvalidOperationException($"{i}");
        }
        sequence.CanEnd.ShouldBeTrue();
        TokenMask copy = sequence.Clone();
        sequence.Accept(ByteTokens.End).ShouldBeTrue();
        sequence.IsFinished.ShouldBeTrue();
        sequence.Rollback(1);
        ulong[] mask = new ulong[grammar.Vocabulary.MaskLength];
        for (int i = text.Length; i > 0; i--)
        {
            sequence.Fill(mask);
            mask.ShouldBe(masks[i]);
            sequence.Rollback(1);
        }
        sequence.Fill(mask);
        mask.ShouldBe(masks[0]);
        copy.Count.ShouldBe(text.Length);
        copy.Rollback(text.Length);
        copy.Fill(mask);
        mask.ShouldBe(masks[0]);
        Should.Throw<ArgumentOutOfRangeException>(() => copy.Rollback(1));
    }

    [Theory]
    [InlineData("""{"a":1,"b":2}""", true)]
    [InlineData("""{"a":1,"a":2}""", false)]
    [InlineData("""{"x":1,"a":1,"x":2}""", false)]
    [InlineData("""{"x":{"x":1},"a":1}""", true)]
    [InlineData("""{"a":1,"x":{"y":1,"y":2}}""", false)]
    [InlineData("{\"a\":1,\"q\\\"\":2,\"q\\\"\":3}", false)]
    public void A_name_comes_once_in_an_object(string text, bool allowed) =>
        ByteTokens.Allows(TextGrammar.JsonSchema(Person), text).ShouldBe(allowed);

    /// <summary>Names that end after one letter are used up, and then no name may begin with them.</summary>
    [Fact]
    public void No_name_is_begun_that_cannot_be_ended()
    {
        CompiledGrammar grammar = ByteTokens.Compile(
            TextGrammar.JsonSchema(
                """{"type":"object","propertyNames":{"pattern":"^([a-z]{1,4}x?)$"},"additionalProperties":{"const":1}}"""
            )
        );
        ulong[] mask = new ulong[grammar.Vocabulary.MaskLength];
        TokenMask sequence = grammar.NewMask(ByteTokens.End);
        foreach (byte b in """{"abcdx":1,"abcd":1,"name":1,"nam"""u8)
        {
            sequence.Accept(ByteTokens.Id(b)).ShouldBeTrue();
        }
        for (int i = 0; i < 2; i++)
        {
            sequence.Fill(mask);
            for (int id = 0; id < grammar.Vocabulary.Size; id++)
            {
                bool ok = sequence.Accept(id);
                ((mask[id >> 6] >> id & 1) != 0).ShouldBe(ok, grammar.Vocabulary.Tokenizer.IdToToken(id));
                sequence.Rollback(ok ? 1 : 0);
            }
            sequence.Rollback(3); // before the letters, where "name" is a token
        }
        ByteTokens.Allows(grammar, """{"abcd":1,"abcdx":1,"abc":1}""").ShouldBeTrue();
        TokenMask used = grammar.NewMask(ByteTokens.End);
        foreach (byte b in """{"abcdx":1,"abcd":1,"abc"""u8)
        {
            used.Accept(ByteTokens.Id(b)).ShouldBeTrue();
        }
        used.Accept(ByteTokens.Id((byte)'d')).ShouldBeFalse();
        used.Accept(ByteTokens.Id((byte)'e')).ShouldBeTrue();
    }

    [Fact]
    public void What_must_come_is_told()
    {
        TokenMask sequence = ByteTokens
            .Compile(
                TextGrammar.JsonSchema(
                    """{"type":"object","properties":{"name":{"const":"abc"}},"required":["name"],"additionalProperties":false}""",
                    new(0)
                )
            )
            .NewMask(ByteTokens.End);
        Encoding.UTF8.GetString(sequence.ForcedText()).ShouldStartWith("{\"name\":\"");
        sequence.ForcedToken().ShouldBe(-1); // { and {" are both tokens
        foreach (byte b in "{\"name\":\"abc\"}"u8)
        {
            sequence.Accept(ByteTokens.Id(b)).ShouldBeTrue();
        }
        sequence.ForcedToken().ShouldBe(ByteTokens.End);
        sequence.MustEnd.ShouldBeTrue();
    }

    [Fact]
    public void Special_tokens_come_only_where_a_grammar_names_them()
    {
        int call = ByteTokens.Vocabulary.Tokenizer.TokenToId("<call>")!.Value;
        TokenMask text = ByteTokens.Compile(TextGrammar.Text()).NewMask(ByteTokens.End);
        text.Accept(call).ShouldBeFalse();
        TokenMask tool = ByteTokens
            .Compile(TextGrammar.Sequence(TextGrammar.Token("<call>"), TextGrammar.Literal("\n"), TextGrammar.JsonObject()))
            .NewMask(ByteTokens.End);
        tool.Accept(ByteTokens.Id((byte)'<')).ShouldBeFalse();
        tool.Accept(call).ShouldBeTrue();
        tool.Accept(call).ShouldBeFalse();
        tool.Accept(ByteTokens.Id((byte)'\n')).ShouldBeTrue();
        TokenMask lazy = ByteTokens
            .Compile(TextGrammar.Triggered("<tool_call>", TextGrammar.Sequence(TextGrammar.JsonObject(), TextGrammar.Literal("!"))))
            .NewMask(ByteTokens.End);
        foreach (byte b in "<tool_cal, so <tool_call>{}"u8)
        {
            lazy.Accept(ByteTokens.Id(b)).ShouldBeTrue();
        }
        lazy.CanEnd.ShouldBeFalse();
        lazy.Accept(ByteTokens.Id((byte)'?')).ShouldBeFalse();
        lazy.Accept(ByteTokens.Id((byte)'!')).ShouldBeTrue();
        lazy.CanEnd.ShouldBeTrue();
        lazy.Accept(ByteTokens.Id((byte)'?')).ShouldBeTrue();
    }

    /// <summary>Nothing, a blank, or a new line with its indentation: what no printer of JSON writes, small models write for
    /// ever.</summary>
    [Theory]
    [InlineData("{}", true)]
    [InlineData("{ }", true)]
    [InlineData("{  }", false)]
    [InlineData("{\n}", true)]
    [InlineData("{\n    }", true)]
    [InlineData("{\n\t\t}", true)]
    [InlineData("{\n     }", false)]
    [InlineData("{\n\n}", false)]
    [InlineData("{ \n}", false)]
    [InlineData("{} ", false)]
    [InlineData(" {}", true)]
    [InlineData("\n {}", false)]
    [InlineData("\n{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}", true)]
    public void White_space_ends(string text, bool allowed) =>
        ByteTokens.Allows(ByteTokens.Compile(TextGrammar.JsonObject(new(5))), text).ShouldBe(allowed);

    /// <summary>A model that wants nothing but white space comes to the end all the same.</summary>
    [Fact]
    public void White_space_alone_does_not_fill_a_text()
    {
        TokenMask sequence = ByteTokens
            .Compile(
                TextGrammar.JsonSchema(
                    """{"type":"object","properties":{"name":{"maxLength":20,"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],"additionalProperties":false}"""
                )
            )
            .NewMask(ByteTokens.End);
        int count = 0;
        for (; !sequence.MustEnd; count++)
        {
            _ =
                "\n \t\"}:,\\u0".Any(c => sequence.Accept(ByteTokens.Id((byte)c)))
                || Enumerable.Range(0, 256).Any(b => sequence.Accept(ByteTokens.Id((byte)b)))
                    ? true
                    : throw new InvalidOperationException("nothing may come");
        }
        count.ShouldBeLessThan(300);
    }
}

/// <summary>Grammars that come again.</summary>
public sealed class GrammarCacheTests
{
    [Fact]
    public void A_grammar_is_compiled_once_until_others_have_pushed_it_out()
    {
        GrammarCache cache = new(ByteTokens.Vocabulary, capacity: 2);
        int made = 0;
        CompiledGrammar Get(string text) =>
            cache.Get(
                text,
                () =>
                {
                    made++;
                    return text == "wrong" ? TextGrammar.JsonSchema("""{"type":"x"}""") : TextGrammar.Literal(text);
                }
            );
        CompiledGrammar a = Get("a");
        Get("b").ShouldNotBe(a);
        Get("a").ShouldBe(a);
        made.ShouldBe(2);
        _ = Get("c");
        Get("a").ShouldBe(a);
        _ = Get("b");
        made.ShouldBe(4);
        Should.Throw<GrammarException>(() => Get("wrong"));
        Should.Throw<GrammarException>(() => Get("wrong"));
        made.ShouldBe(6);
    }

    [Fact]
    public async Task Threads_share_a_grammar()
    {
        CompiledGrammar grammar = ByteTokens.Compile(TextGrammar.Json(new(4)));
        RandomTexts Texts(int seed) => new(grammar, ByteTokens.End, new Random(seed), "\"a\"");
        int[][] alone =
        [
            .. Enumerable
                .Range(0, 8)
                .Select(seed =>
                    new RandomTexts(ByteTokens.Compile(TextGrammar.Json(new(4))), ByteTokens.End, new Random(seed), "\"a\"").Write(60)
                ),
        ];
        int[][] together = await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => Task.Run(() => Texts(seed).Write(60))));
        together.ShouldBe(alone);
    }
}
