using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

/// <summary>Tokens and roles that stand only in files beside tokenizer.json; ids are those of transformers 5.24.0 and 4.57.6.</summary>
public sealed class CompanionTokenTests
{
    private const string Decoder = """
        "added_tokens_decoder": {"256": {"content":"<s>","lstrip":false,"normalized":false,"rstrip":false,"single_word":false,"special":true}, "257": {"content":"<x>","lstrip":false,"normalized":false,"rstrip":false,"single_word":false,"special":false}}
        """;

    [Theory]
    [InlineData("{" + Decoder + "}", null, null, new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData("""{"extra_special_tokens": {"img": "<x>"}}""", null, null, new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData("""{"extra_special_tokens": ["<x>"]}""", null, null, new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData("{}", null, """{"<x>": 257}""", new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData(null, null, """{"<x>": 257}""", new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData("{}", """{"bos_token": "<s>", "additional_special_tokens": ["<x>"]}""", null, new[] { 64, 257, 65, 27, 89, 29 })]
    [InlineData("""{"additional_special_tokens": ["<z>"]}""", null, null, new[] { 64, 27, 87, 29, 65, 257 })]
    [InlineData("""{"eos_token": "<y>", "additional_special_tokens": ["<z>"]}""", null, null, new[] { 64, 27, 87, 29, 65, 258 })]
    [InlineData("""{"eos_token": "<x>", """ + Decoder + "}", """{"eos_token": "<z>"}""", null, new[] { 64, 257, 65, 27, 89, 29 })]
    public void Are_read_as_transformers_reads_them(string? config, string? map, string? added, int[] ids)
    {
        using TemporaryDirectory aside = new();
        WriteTokenizer(aside);
        Write(aside, "tokenizer_config.json", config);
        Write(aside, "special_tokens_map.json", map);
        Write(aside, "added_tokens.json", added);
        Tokenizer tokenizer = Tokenizer.Load(aside.Path);
        tokenizer.Encode("a<x>b<z>").ShouldBe(ids);
        tokenizer.Notices.Count.ShouldBe(
            config?.Contains("<y>", StringComparison.Ordinal) == true ? 1 : 0,
            "a role whose token no file lists may be a slip"
        );
        // What is saved holds them by itself.
        using TemporaryDirectory copy = new();
        tokenizer.Save(copy.Path);
        Tokenizer again = Tokenizer.Load(copy.Path);
        again.Encode("a<x>b<z>").ShouldBe(ids);
        (again.EosId, again.BosId).ShouldBe((tokenizer.EosId, tokenizer.BosId));
        again.Notices.ShouldBeEmpty();
    }

    [Fact]
    public void Flags_of_the_decoder_and_roles_of_the_map_count()
    {
        using TemporaryDirectory aside = new();
        WriteTokenizer(aside);
        Write(
            aside,
            "tokenizer_config.json",
            """{"added_tokens_decoder": {"256": {"content":"<s>","lstrip":true,"normalized":false,"rstrip":false,"single_word":false,"special":true}}}"""
        );
        Tokenizer.Load(aside.Path).Encode("a <s>").ShouldBe([64, 256]);
        Write(aside, "tokenizer_config.json", """{"eos_token": "</s>"}""");
        Write(aside, "special_tokens_map.json", """{"eos_token": {"content": "<s>"}}""");
        Tokenizer.Load(aside.Path).EosId.ShouldBe(256);
    }

    [Fact]
    public void Ids_of_added_tokens_follow_from_their_order()
    {
        // Hugging Face tokenizers 0.23.2: the next free id, whatever the file says.
        using TemporaryDirectory aside = new();
        WriteTokenizer(aside, 300);
        Tokenizer.Load(aside.Path).Encode("a<s>").ShouldBe([64, 256]);
    }

    [Theory]
    [InlineData("PreTrainedTokenizerFast", true, false, false)]
    [InlineData("LlamaTokenizerFast", true, false, false)]
    [InlineData("LlamaTokenizerFast", false, true, true)]
    public void The_post_processor_says_what_is_added_and_not_the_key(string type, bool key, bool processor, bool added)
    {
        using TemporaryDirectory aside = new();
        WriteTokenizer(aside, processor: processor);
        Write(
            aside,
            "tokenizer_config.json",
            $$"""{"bos_token": "<s>", "tokenizer_class": "{{type}}", "add_bos_token": {{(key ? "true" : "false")}}}"""
        );
        Tokenizer tokenizer = Tokenizer.Load(aside.Path);
        tokenizer.Encode("ab").ShouldBe(added ? [256, 64, 65] : [64, 65]);
        tokenizer.Notices.ShouldHaveSingleItem().ShouldContain("the post_processor counts");
    }

    private static void Write(TemporaryDirectory aside, string name, string? content)
    {
        if (content != null)
        {
            aside.Write(name, content);
        }
    }

    private static void WriteTokenizer(TemporaryDirectory aside, int id = 256, bool processor = false)
    {
        JsonObject vocabulary = [];
        foreach (byte b in ByteAlphabet.InCharacterOrder)
        {
            vocabulary[ByteAlphabet.ToChar(b).ToString()] = vocabulary.Count;
        }
        string around = processor
            ? """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[256],"tokens":["<s>"]}}}"""
            : "null";
        aside.Write(
            "tokenizer.json",
            $$$"""
            {"added_tokens": [{"id":{{{id}}},"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
             "normalizer": null, "pre_tokenizer": {"type":"ByteLevel","add_prefix_space":false,"use_regex":true}, "post_processor": {{{around}}}, "decoder": {"type":"ByteLevel"},
             "model": {"type":"BPE","vocab":{{{vocabulary.ToJsonString()}}},"merges":[]}}
            """
        );
    }
}
