using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

public sealed class ChatTemplateTests
{
    private const string ChatMl =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private static readonly Tokenizer Small = BpeTrainer.TrainText(
        ["hello hello help user assistant content"],
        new(290, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    );

    private static JsonArray Conversation(params string[] turns) =>
        [.. turns.Select((t, i) => (JsonNode)new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = t })];

    [Fact]
    public void Tools_are_none_when_there_are_none_and_variables_are_seen()
    {
        ChatTemplate template = new(
            "{{ tools is none }}{{ documents is defined }}{{ bos_token }}{{ eos_token }}{{ depth + 1 }}",
            new Dictionary<string, string> { ["bos_token"] = "<s>" }
        );
        template.Render([], variables: new JsonObject { ["depth"] = 2 }).ShouldBe("TrueTrue<s>3");
        template
            .Render([], new JsonArray(), variables: new JsonObject { ["depth"] = 2.5, ["eos_token"] = "!" })
            .ShouldBe("FalseTrue<s>!3.5");
    }

    [Fact]
    public void Numbers_and_keys_stay_as_the_JSON_has_them()
    {
        JsonArray messages = JsonNode
            .Parse("""[{"z": 1.0, "a": 123456789012345678901234567890, "items": [1e2, -0.5, 1E400], "m": null}]""")!
            .AsArray();
        new ChatTemplate("{{ messages[0] | tojson }}")
            .Render(messages)
            .ShouldBe("""{"z": 1.0, "a": 123456789012345678901234567890, "items": [100.0, -0.5, Infinity], "m": null}""");
    }

    [Fact]
    public void Templates_are_read_from_directories_configurations_and_files()
    {
        using TemporaryDirectory aside = new();
        string config = aside.Write(
            "tokenizer_config.json",
            """{"bos_token": {"content": "<s>"}, "image_token": "<img>", "unk_token": null, "chat_template": [{"name": "default", "template": "plain{{ bos_token }}{{ image_token }}{{ unk_token }}"}, {"name": "tool_use", "template": "tools {{ tools | length }}"}]}"""
        );
        ChatTemplate.Read(aside.Path).Render([]).ShouldBe("plain<s><img>");
        ChatTemplate.Read(config).Render([], new JsonArray(1, 2)).ShouldBe("tools 2");
        string file = aside.Write("chat_template.jinja", "separate{{ bos_token }}");
        ChatTemplate.Read(aside.Path).Render([], []).ShouldBe("separate<s>");
        ChatTemplate.Read(file).Render([]).ShouldBe("separate<s>");
        ChatTemplate.Read(config).Render([]).ShouldBe("plain<s><img>");
        Should
            .Throw<FileNotFoundException>(() => ChatTemplate.Read(Path.Combine(aside.Path, "nowhere")))
            .Message.ShouldContain("no chat template at");
        File.Delete(file);
        aside.Write("tokenizer_config.json", "{}");
        Should.Throw<InvalidDataException>(() => ChatTemplate.Read(aside.Path)).Message.ShouldContain("has no chat template");
    }

    [Fact]
    public void A_template_travels_with_its_tokenizer()
    {
        using TemporaryDirectory aside = new();
        Should.Throw<InvalidDataException>(() => ChatTemplate.For(Small)).Message.ShouldContain("has no chat template");
        ChatTemplate.TryFor(Small).ShouldBeNull();
        Small.WithChatTemplate(ChatMl).Save(aside.Path);
        ChatTemplate
            .For(Tokenizer.Load(aside.Path))
            .Render(Conversation("hello"), addGenerationPrompt: true)
            .ShouldBe("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
    }
}
