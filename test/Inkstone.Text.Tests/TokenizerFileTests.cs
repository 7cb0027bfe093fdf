using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

public sealed class TokenizerFileTests
{
    private static readonly Tokenizer Small = BpeTrainer.TrainText(
        ["hello hello help 明月明月 low lower"],
        new(290, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>"])
    );

    [Theory]
    [InlineData("normalizer", """{"type":"Precompiled"}""", "normalizer has the type 'Precompiled'")]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"}]}""",
        "pre_tokenizer.pretokenizers[0] has the type 'UnicodeScripts'"
    )]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated","invert":false}""",
        "pre_tokenizer.pattern.Regex cannot be used"
    )]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Split","pattern":{"Regex":"a"},"behavior":"Sideways","invert":false}""",
        "pre_tokenizer.behavior is 'Sideways'"
    )]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Split","pattern":{"Regex":"\\p{Cyrillic}"},"behavior":"Isolated","invert":false}""",
        "pre_tokenizer.pattern.Regex cannot be used: \\p{Cyrillic} is not supported"
    )]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Split","pattern":{"Regex":"a\\Kb"},"behavior":"Isolated","invert":false}""",
        "pre_tokenizer.pattern.Regex cannot be used: \\K is not supported"
    )]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"__"}""", "pre_tokenizer.replacement must be one character")]
    [InlineData(
        "pre_tokenizer",
        """{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}""",
        "pre_tokenizer.prepend_scheme is 'last'"
    )]
    [InlineData("decoder", """{"type":"CTC"}""", "decoder has the type 'CTC'")]
    [InlineData(
        "decoder",
        """{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":-1,"stop":0}]}""",
        "decoder.decoders[1].start must be a whole number"
    )]
    [InlineData("post_processor", """{"type":"Unknown"}""", "post_processor has the type 'Unknown'")]
    [InlineData(
        "post_processor",
        """{"type":"RobertaProcessing","sep":["a"],"cls":["b",1]}""",
        "post_processor.sep must be a token and its id"
    )]
    [InlineData("added_tokens", """[{"id":-1,"content":"<x>"}]""", "added_tokens[0].id must be a whole number")]
    [InlineData("model", """{"type":"Unigram","vocab":{},"merges":[]}""", "model.type is 'Unigram'")]
    [InlineData("model", """{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}""", "model.dropout is set")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a b"]}""", "model.merges[0] needs the token 'b'")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":"x"},"merges":[]}""", "model.vocab['a'] must be a whole number")]
    [InlineData("model", "null", "model is missing")]
    public void What_is_not_supported_is_refused_with_its_path(string part, string json, string complaint)
    {
        using TemporaryDirectory aside = new();
        Small.Save(aside.Path);
        string file = Path.Combine(aside.Path, "tokenizer.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(file))!;
        root[part] = JsonNode.Parse(json);
        File.WriteAllText(file, root.ToJsonString());
        string message = Should.Throw<InvalidDataException>(() => Tokenizer.Load(aside.Path)).Message;
        message.ShouldContain(complaint);
        message.ShouldStartWith(file);
    }

    [Fact]
    public void Broken_and_missing_files_are_named()
    {
        using TemporaryDirectory aside = new();
        Should.Throw<FileNotFoundException>(() => Tokenizer.Load(aside.Path)).Message.ShouldContain("no tokenizer at");
        aside.Write("tokenizer.json", "{\n \"model\": {,}");
        Should.Throw<InvalidDataException>(() => Tokenizer.Load(aside.Path)).Message.ShouldContain("line 2");
        Small.Save(aside.Path);
        aside.Write("tokenizer_config.json", "{}");
        aside.Write("added_tokens.json", """{"<x>": "1"}""");
        Should
            .Throw<InvalidDataException>(() => Tokenizer.Load(aside.Path))
            .Message.ShouldContain("added_tokens.json: <x> must be a whole number");
    }

    [Fact]
    public void Roles_and_template_are_read_from_the_config()
    {
        using TemporaryDirectory aside = new();
        Small.Save(aside.Path);
        aside.Write(
            "tokenizer_config.json",
            """{"bos_token": {"content": "<|endoftext|>"}, "eos_token": null, "add_bos_token": true, "chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]}"""
        );
        Tokenizer loaded = Tokenizer.Load(aside.Path);
        (loaded.BosId, loaded.EosId, loaded.ChatTemplate).ShouldBe((0, null, "yes"));
        loaded.Encode("low").ShouldBe(loaded.Encode("low", addSpecialTokens: false));
        loaded
            .Notices.ShouldHaveSingleItem()
            .ShouldContain("add_bos_token is true, but the post_processor of tokenizer.json does not add '<|endoftext|>'");
        aside.Write("chat_template.jinja", "newer");
        Tokenizer.Load(aside.Path).ChatTemplate.ShouldBe("newer");
    }

    /// <summary>Batches are filled up with the end of text where the files name nothing for it, and the files say so.</summary>
    [Theory]
    [InlineData("""{"eos_token": "<|endoftext|>", "model_max_length": 1e30, "chat_template": "<é>"}""", "<|endoftext|>")]
    [InlineData("""{"eos_token": {"content": "<|endoftext|>"}, "pad_token": "l"}""", "l")]
    [InlineData("""{"eos_token": null}""", null)]
    public void A_padding_token_is_named(string config, string? pad)
    {
        using TemporaryDirectory aside = new();
        Small.Save(aside.Path);
        aside.Write("tokenizer_config.json", config);
        Tokenizer padded = Tokenizer.Load(aside.Path).WithPadToken();
        padded.PadId.ShouldBe(pad is null ? null : padded.TokenToId(pad));
        padded.Save(aside.Path);
        JsonElement written = JsonDocument.Parse(File.ReadAllText(Path.Combine(aside.Path, "tokenizer_config.json"))).RootElement;
        (written.TryGetProperty("pad_token", out JsonElement named) ? named.GetString() : null).ShouldBe(pad);
        foreach (JsonProperty member in JsonDocument.Parse(config).RootElement.EnumerateObject())
        {
            written.GetProperty(member.Name).GetRawText().ShouldBe(member.Value.GetRawText());
        }
    }

    [Fact]
    public void Saving_leaves_the_same_tokenizer_and_nothing_else()
    {
        using TemporaryDirectory aside = new();
        Small.Save(aside.Path);
        Small.Save(aside.Path);
        Directory.GetFiles(aside.Path).Select(Path.GetFileName).Order().ShouldBe(["tokenizer.json", "tokenizer_config.json"]);
        Tokenizer loaded = Tokenizer.Load(Path.Combine(aside.Path, "tokenizer.json"));
        loaded.VocabularyHash.ShouldBe(Small.VocabularyHash);
        loaded.EosId.ShouldBe(0);
        loaded.Encode("hello 明月<|endoftext|>").ShouldBe(Small.Encode("hello 明月<|endoftext|>"));
    }

    [Fact]
    public void MicroLm_files_round_trip()
    {
        using TemporaryDirectory aside = new();
        Small.SaveMicroLm(aside.Path);
        Dictionary<int, string> vocabulary = JsonSerializer.Deserialize<Dictionary<int, string>>(
            File.ReadAllText(Path.Combine(aside.Path, "vocab.json"))
        )!;
        vocabulary[Small.Encode(" hello")[0]].ShouldStartWith("Ġ");
        Tokenizer loaded = Tokenizer.LoadMicroLm(
            Path.Combine(aside.Path, "vocab.json"),
            Path.Combine(aside.Path, "merge.txt"),
            ["<|endoftext|>", "<new>"]
        );
        loaded.EosId.ShouldBe(0);
        loaded.TokenToId("<new>").ShouldBe(Small.VocabularySize);
        foreach (string text in new[] { "hello lower", "明月 help<|endoftext|>", "\n\t '" })
        {
            loaded.Encode(text).ShouldBe(Small.Encode(text));
            loaded.Decode(loaded.Encode(text)).ShouldBe(text);
        }
        string merges = aside.Write("merge.txt", File.ReadLines(Path.Combine(aside.Path, "merge.txt")).First() + "\nh\n");
        Should
            .Throw<InvalidDataException>(() => Tokenizer.LoadMicroLm(Path.Combine(aside.Path, "vocab.json"), merges, []))
            .Message.ShouldContain("line 2");
    }

    [Fact]
    public void Bytes_and_texts_of_tokens_are_there_and_ids_outside_are_refused()
    {
        int id = Small.Encode(" hello")[0];
        Small.TokenBytes(id).ToArray().ShouldBe(" hello"u8.ToArray());
        Small.IdToToken(id).ShouldBe("Ġhello");
        Small.IsSpecial(0).ShouldBeTrue();
        Small.IsSpecial(id).ShouldBeFalse();
        Should.Throw<ArgumentOutOfRangeException>(() => Small.IdToToken(Small.VocabularySize)).Message.ShouldContain("ids go from 0");
        Small.Decode([id, 99999, -1]).ShouldBe(" hello");
    }

    [Fact]
    public void Ill_formed_input_counts_as_replacement_characters()
    {
        List<int> ids = new();
        Small.Encode([(byte)'a', 0xFF, (byte)'b'], addSpecialTokens: false, ids);
        ids.ShouldBe(Small.Encode("a\uFFFDb"));
        Small.Encode("a\uD800b").ShouldBe(Small.Encode("a\uFFFDb"));
    }

    [Fact]
    public void Streaming_holds_back_half_characters()
    {
        StreamDecoder stream = new(Small);
        int[] ids = [.. "月😀"u8.ToArray().Select(b => Small.TokenToId(ByteAlphabet.ToChar(b).ToString())!.Value)];
        string[] parts = [.. ids.Select(stream.Add)];
        parts.ShouldBe(["", "", "月", "", "", "", "😀"]);
        stream.Add(ids[3]).ShouldBe("");
        stream.Flush().ShouldBe("\uFFFD");
        stream.Flush().ShouldBe("");
    }
}
