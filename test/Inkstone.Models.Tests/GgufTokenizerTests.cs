using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Models.Tests;

/// <summary>What becomes of a tokenizer in a GGUF file, and of one that is read from it.</summary>
public sealed class GgufTokenizerTests
{
    private static readonly HfConfig Config = HfConfig.Parse("""{"vocab_size": 400}""", "test");

    [Fact]
    public void Token_types_are_those_of_llama_cpps_converter()
    {
        using Place place = new(Bytes());
        place.Json["added_tokens"] = new JsonArray(
            Added(256, "<|endoftext|>", special: true),
            Added(257, "<|fim_prefix|>", special: false),
            Added(258, "<tool_call>", special: false),
            Added(259, "<｜begin｜>", special: false),
            Added(260, "<unused3>", special: false),
            Added(261, "[INST]", special: true)
        );
        JsonArray written = JsonNode.Parse(place.Written().Json)!["added_tokens"]!.AsArray();
        written
            .Select(t => (t!["content"]!.GetValue<string>(), t["special"]!.GetValue<bool>()))
            .ShouldBe([
                ("<|endoftext|>", true),
                ("<|fim_prefix|>", true),
                ("<tool_call>", false),
                ("<｜begin｜>", true),
                ("<unused3>", true),
                ("[INST]", true),
            ]);
    }

    [Fact]
    public void Added_tokens_that_merges_make_stay_with_the_merges()
    {
        // As in Gemma 3: runs of marks are added tokens and have merges; in raw text Hugging Face never finds them.
        using Place place = new(Pieces());
        place.Json["added_tokens"]!
            .AsArray()
            .Add((JsonNode)Added(place.Json["model"]!["vocab"]!["▁▁"]!.GetValue<int>(), "▁▁", special: false));
        Differences(place).ShouldAllBe(d => d.Text.Contains('▁'), "only the mark itself, written by hand, is another text");
        Tokenizer read = Read(place.Written());
        read.Encode("   hello", false).ShouldBe(place.Load().Encode("   hello", false));
    }

    [Theory]
    [InlineData("template")]
    [InlineData("roberta")]
    public void What_only_the_post_processor_adds_comes_along(string kind)
    {
        using Place place = new(Bytes());
        place.Json["added_tokens"] = new JsonArray(Added(256, "<s>", special: true), Added(257, "</s>", special: true));
        place.Json["post_processor"] = JsonNode.Parse(
            kind == "roberta"
                ? """{"type":"RobertaProcessing","sep":["</s>",257],"cls":["<s>",256],"trim_offsets":true,"add_prefix_space":false}"""
                : """{"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[256],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[257],"tokens":["</s>"]}}}]}"""
        );
        Read(place.Written()).Encode("hi").ShouldBe([256, .. place.Load().Encode("hi", false), 257]);
        Differences(place).ShouldBeEmpty();
        // The key alone adds nothing.
        place.Json["post_processor"] = null;
        place.Settings["bos_token"] = "<s>";
        place.Settings["add_bos_token"] = true;
        Differences(place).ShouldBeEmpty();
        Read(place.Written()).Encode("hi").ShouldBe(place.Load().Encode("hi", false));
    }

    [Fact]
    public void What_gguf_cannot_hold_is_found()
    {
        using Place place = new(Bytes());
        Differences(place).ShouldBeEmpty();
        place.Json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        TokenizerDifference[] composed = [.. Differences(place)];
        composed.ShouldNotBeEmpty();
        composed.ShouldAllBe(d => !d.Plain);
        place.Json["normalizer"] = new JsonObject { ["type"] = "Lowercase" };
        Differences(place).ShouldContain(d => d.Plain);
        place.Json["normalizer"] = null;
        place.Json["added_tokens"]!
            .AsArray()
            .Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["id"] = 257,
                        ["content"] = "<m>",
                        ["single_word"] = false,
                        ["lstrip"] = true,
                        ["rstrip"] = false,
                        ["normalized"] = false,
                        ["special"] = true,
                    }
            );
        Differences(place).ShouldContain(d => d.Text == "a <m> b");
        place.Json["model"]!["end_of_word_suffix"] = "</w>";
        Should.Throw<InvalidDataException>(() => place.Written()).Message.ShouldContain("model.end_of_word_suffix");
    }

    [Theory]
    [InlineData("llama", false)]
    [InlineData("qwen2", true)]
    [InlineData("qwen3", true)]
    public void Characters_are_composed_for_the_Qwen_families_alone(string architecture, bool composed)
    {
        using Place place = new(Bytes());
        GgufMetadata m = Metadata(place, "qwen2");
        m.Add("general.architecture", architecture);
        JsonNode.Parse(GgufTokenizer.Read(m)!.Json)!["normalizer"]?["type"]?.GetValue<string>().ShouldBe(composed ? "NFC" : null);
        (JsonNode.Parse(GgufTokenizer.Read(m)!.Json)!["normalizer"] is not null).ShouldBe(composed);
    }

    /// <summary>Names as llama.cpp has them, with the words that their regular expressions cut.</summary>
    [Theory]
    [InlineData("gpt-4o", "helloWorld's 12345/\n", "hello|World's| |123|45|/\n")]
    [InlineData("llama4", "ABCdef", "ABCdef")]
    [InlineData("tekken", "helloWorld's 123", "hello|World|'s| |1|2|3")]
    [InlineData("kimi-k2", "你好hello12345", "你好|hello|123|45")]
    [InlineData("deepseek-v3", "a1234你好b .x", "a|123|4|你好|b| .|x")]
    [InlineData("deepseek-llm", "hi xy你好 1234\n\n", "hi| xy|你好| |1234|\n|\n")]
    [InlineData("deepseek-coder", "hi 123", "hi| |1|2|3")]
    [InlineData("qwen35", "a\u0301b 12", "a\u0301b| |1|2")]
    [InlineData("qwen2", "a\u0301b 12", "a|\u0301b| |1|2")]
    [InlineData("falcon", "hi,12345", "hi|,|123|45")]
    [InlineData("bloom", "hi you, 12", "hi| you|,| 12")]
    [InlineData("superbpe", "a 1234567", "a |1|234|567")]
    [InlineData("command-r", "a 12", "a| |1|2")]
    [InlineData("default", "a$ 1234", "a|$| |123|4")]
    public void Names_of_llama_cpp_cut_as_their_patterns_say(string name, string text, string words)
    {
        using Place place = new(Bytes());
        Tokenizer tokenizer = Read(GgufTokenizer.Read(Metadata(place, name))!);
        // Merges make every part of the text, so that a word is one token.
        string.Join('|', tokenizer.Encode(text, false).Select(id => tokenizer.Decode([id]))).ShouldBe(words);
    }

    [Fact]
    public void A_qwen2_model_has_Qwens_pattern_and_composition()
    {
        using Place place = new(Bytes());
        List<string> said = [];
        ModelTokenizer.ForFamily(place.Load(), "llama", "tok", said.Add).Composes.ShouldBeNull();
        Should
            .Throw<InvalidDataException>(() => ModelTokenizer.ForFamily(place.Load(), "qwen2", "tok", said.Add))
            .Message.ShouldStartWith("tok: transformers cuts the text of every qwen2 model by Qwen's pattern");
        said.ShouldBeEmpty();
        place.Json["pre_tokenizer"] = JsonNode.Parse(GgufTokenizer.Read(Metadata(place, "qwen2"))!.Json)!["pre_tokenizer"]!.DeepClone();
        ModelTokenizer.ForFamily(place.Load(), "qwen2", "tok", said.Add).Encode("e\u0301").ShouldBe(place.Load().Encode("\u00E9"));
        said.ShouldHaveSingleItem().ShouldContain("written with NFC");
        place.Json["normalizer"] = new JsonObject { ["type"] = "NFKC" };
        Should.Throw<InvalidDataException>(() => ModelTokenizer.ForFamily(place.Load(), "qwen2", "tok", said.Add));
    }

    [Fact]
    public void Every_name_is_read_and_an_unknown_one_is_refused()
    {
        using Place place = new(Bytes());
        string message = Should.Throw<InvalidDataException>(() => GgufTokenizer.Read(Metadata(place, "nope"))).Message;
        string[] names = message[(message.IndexOf("known are ", StringComparison.Ordinal) + 10)..].TrimEnd('.').Split(", ");
        names.ShouldContain("minimax-m2");
        foreach (string name in names)
        {
            Tokenizer tokenizer = Read(GgufTokenizer.Read(Metadata(place, name))!);
            tokenizer.Decode(tokenizer.Encode("Hello 12345 你好\n\n x")).ShouldBe("Hello 12345 你好\n\n x", name);
        }
    }

    private static IReadOnlyList<TokenizerDifference> Differences(Place place) =>
        TokenizerComparison.Compare(place.Load(), Read(place.Written()));

    private static Tokenizer Read(GgufTokenizer found) =>
        Tokenizer.FromJson(Encoding.UTF8.GetBytes(found.Json), Encoding.UTF8.GetBytes(found.ConfigJson), "test");

    /// <summary>A GGUF's pairs with a vocabulary in which every word of the texts above is built from left to right.</summary>
    private static GgufMetadata Metadata(Place place, string pre)
    {
        JsonNode model = place.Json["model"]!;
        List<string> tokens = [.. model["vocab"]!.AsObject().OrderBy(t => t.Value!.GetValue<int>()).Select(t => t.Key)];
        List<string> merges = [];
        foreach (
            string text in new[]
            {
                "helloWorld's 12345/\n",
                "ABCdef",
                "你好hello12345",
                "a1234你好b .x",
                "hi xy你好 1234\n\n",
                "hi 123",
                "a\u0301b 12",
                "hi,12345",
                "hi you, 12",
                "a 1234567",
                "a$ 1234",
            }
        )
        {
            string spelled = string.Concat(Encoding.UTF8.GetBytes(text).Select(Letter));
            for (int start = 0; start < spelled.Length; start++)
            {
                for (int length = 2; start + length <= spelled.Length; length++)
                {
                    string token = spelled.Substring(start, length);
                    if (!tokens.Contains(token))
                    {
                        tokens.Add(token);
                        merges.Add($"{token[..^1]} {token[^1]}");
                    }
                }
            }
        }
        GgufMetadata m = new("test.gguf");
        m.Add("tokenizer.ggml.model", "gpt2");
        m.Add("tokenizer.ggml.pre", pre);
        m.Add("tokenizer.ggml.tokens", tokens.ToArray());
        m.Add("tokenizer.ggml.merges", merges.ToArray());
        return m;
    }

    private static JsonObject Added(int id, string content, bool special) =>
        new()
        {
            ["id"] = id,
            ["content"] = content,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = special,
        };

    private static JsonObject Bytes()
    {
        JsonObject vocabulary = [];
        for (int b = 0; b < 256; b++)
        {
            vocabulary[Letter((byte)b).ToString()] = b;
        }
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(256, "<s>", special: true)),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "ByteLevel",
                ["add_prefix_space"] = false,
                ["use_regex"] = true,
            },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray(),
            },
        };
    }

    private static JsonNode Pieces()
    {
        JsonObject vocabulary = new() { ["<unk>"] = 0, ["<s>"] = 1 };
        string[] more =
        [
            .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"),
            "▁",
            "h",
            "e",
            "l",
            "o",
            "▁▁",
            "he",
            "ll",
            "hell",
            "hello",
            "▁hello",
            "▁▁▁",
        ];
        foreach (string token in more)
        {
            vocabulary[token] = vocabulary.Count;
        }
        return JsonNode.Parse(
            $$$"""
            {"added_tokens": [{"id":0,"content":"<unk>","special":true,"normalized":false},{"id":1,"content":"<s>","special":true,"normalized":false}],
             "normalizer": {"type":"Replace","pattern":{"String":" "},"content":"▁"}, "pre_tokenizer": null, "post_processor": null,
             "decoder": {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]},
             "model": {"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"vocab":{{{vocabulary.ToJsonString()}}},
                       "merges":[["h","e"],["l","l"],["he","ll"],["hell","o"],["▁","hello"],["▁","▁"],["▁▁","▁"]]}}
            """
        )!;
    }

    /// <summary>GPT-2's printable letter for a byte.</summary>
    private static char Letter(byte b)
    {
        int before = Enumerable.Range(0, b).Count(c => !Printable(c));
        return (char)(Printable(b) ? b : 256 + before);

        static bool Printable(int c) => c is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
    }

    /// <summary>The directory that is written from may be one that nobody knows of.</summary>
    [Fact]
    public void Complaints_call_the_tokenizer_as_they_are_told()
    {
        string place = Directory.CreateTempSubdirectory("ink-").FullName;
        try
        {
            File.WriteAllText(
                Path.Combine(place, "tokenizer.json"),
                """{"model": {"type": "BPE", "vocab": {"a": 0, "b": 7}, "merges": []}}"""
            );
            string message = Should
                .Throw<InvalidDataException>(() =>
                    GgufTokenizer.AsWritten(place, HfConfig.Parse("""{"vocab_size": 7}"""), "model/tokenizer.json")
                )
                .Message;
            message.ShouldStartWith("model/tokenizer.json: token \"b\" has the id 7");
            message.ShouldNotContain(place);
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    /// <summary>A directory with a tokenizer.</summary>
    private sealed class Place(JsonNode json) : IDisposable
    {
        private readonly string _directory = Directory.CreateTempSubdirectory("ink-").FullName;

        public JsonNode Json { get; } = json;

        public JsonObject Settings { get; } = [];

        public Tokenizer Load() => Tokenizer.Load(Write());

        public GgufTokenizer Written() => GgufTokenizer.AsWritten(Write(), Config)!;

        public void Dispose() => Directory.Delete(_directory, recursive: true);

        private string Write()
        {
            File.WriteAllText(Path.Combine(_directory, "tokenizer.json"), Json.ToJsonString());
            File.WriteAllText(Path.Combine(_directory, "tokenizer_config.json"), Settings.ToJsonString());
            return _directory;
        }
    }
}
