using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

public sealed class ChatTemplateTests
{
    private const string ChatMl = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private static readonly Tokenizer Small = BpeTrainer.TrainText(["hello hello help user assistant content"], new(290, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]));

    private static JsonArray Conversation(params string[] turns)
        => [.. turns.Select((t, i) => (JsonNode)new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = t })];

    [Theory]
    [InlineData("a\n{{ raise_exception('Roles must alternate...') }}", 2, "Roles must alternate...")]
    [InlineData("\n\n{{ messages[0].no.more }}", 3, "'dict object' has no attribute 'no'")]
    [InlineData("{% for m in messages %}\n{{ m.content + 1 }}\n{% endfor %}", 2, "can only concatenate str (not \"int\") to str")]
    [InlineData("{% macro f(x) %}\n\n{{ x.y }}{% endmacro %}\n{{ f() }}", 3, "parameter 'x' was not provided")]
    [InlineData("x\n{% if true %}\n", 2, "{% elif %} or {% else %} or {% endif %}")]
    [InlineData("{{ 1\n + }}", 2, "unexpected '}}'")]
    [InlineData("\n{% frobnicate %}", 2, "the tag 'frobnicate' is unknown")]
    [InlineData("\n{{ messages | frobnicate }}", 2, "no filter named 'frobnicate'")]
    [InlineData("{{ messages is frobnicated }}", 1, "no test named 'frobnicated'")]
    [InlineData("{{ 'open }}", 1, "has no end")]
    [InlineData("\n{# open", 2, "'#}'")]
    [InlineData("{% set messages.x = 1 %}", 1, "messages is no namespace")]
    [InlineData("{{ messages.append(1) }}", 1, "access to attribute 'append' of 'list' object is unsafe")]
    [InlineData("{% include 'other' %}", 1, "stands alone")]
    [InlineData("{% break %}", 1, "stands in no loop")]
    public void Faults_say_what_and_where(string source, int line, string reason)
    {
        TemplateException fault = Should.Throw<TemplateException>(() => new ChatTemplate(source, name: "t.jinja").Render(Conversation("q")));
        fault.Line.ShouldBe(line);
        fault.Reason.ShouldContain(reason);
        fault.Message.ShouldStartWith($"t.jinja, line {line}: ");
    }

    [Theory]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests too deeply")]
    [InlineData("{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor %}", "longer than a template may make")]
    [InlineData("{% set n = namespace(x=[1, 2]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}", "longer than a template may make")]
    [InlineData("{% set n = namespace(x=[1]) %}{% for i in range(900) %}{% for j in range(900) %}{% set n.x = [n.x] %}{% endfor %}{% endfor %}{{ n.x }}", "nests too deeply")]
    [InlineData("{% set n = namespace(x=[1]) %}{% for i in range(900) %}{% for j in range(900) %}{% set n.x = n.x | map('string') %}{% endfor %}{% endfor %}{{ n.x | list }}", "nests too deeply")]
    [InlineData("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "nests too deeply")]
    [InlineData("{{ 'x' * 1000000000 }}", "longer than a template may make")]
    [InlineData("{{ '%1000000000d' % 1 }}", "longer than a template may make")]
    [InlineData("{{ 'x'.center(2000000000) }}", "longer than a template may make")]
    [InlineData("{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}", "bits")]
    [InlineData("{{ range(1000000000) }}", "range too big")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "too many steps")]
    public void Runaway_templates_end_in_a_fault(string source, string reason)
        => Should.Throw<TemplateException>(() => new ChatTemplate(source).Render([])).Reason.ShouldContain(reason);

    [Theory]
    [InlineData("(")]
    [InlineData("[")]
    [InlineData("{1:")]
    [InlineData("not ")]
    [InlineData("-")]
    [InlineData("a if ")]
    public void Deep_nesting_ends_in_a_fault(string piece)
        => Should.Throw<TemplateException>(() => new ChatTemplate("{{ " + string.Concat(Enumerable.Repeat(piece, 200_000)) + " }}"));

    [Fact]
    public void Random_templates_end_in_a_text_or_a_fault()
    {
        string[] pieces =
        [
            "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "{# ", " #}", "if ", "else", "endif", "for ", "in ", "endfor", "set ", "endset", "macro f(x)", "endmacro", "call ", "endcall", "filter ", "endfilter", "raw", "endraw",
            "x", "messages", "loop", "f", "ns", "namespace()", ".content", ".upper()", "[0]", "[::-1]", "(", ")", "[", "]", "{", "}", ",", ":", " | ", "upper", "join", "map", "list", "tojson", "int", "sort", "select", "'a'", "\"%s\"", "1", "2.5", "-3",
            " + ", " * ", " ~ ", " % ", " == ", " < ", " and ", " not ", " is ", "defined", "none", "true", "= ", "**", "\n", "text", "'{}'.format(", "range(5)", "床😀",
        ];
        Random random = new(7);
        int texts = 0;
        for (int i = 0; i < 20_000; i++)
        {
            string source = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => pieces[random.Next(pieces.Length)]));
            source = random.Next(2) == 0 ? "{{ " + source + " }}" : source;
            try
            {
                _ = new ChatTemplate(source).Render(Conversation("a", "b"), variables: new JsonObject { ["x"] = i });
                texts++;
            }
            catch (TemplateException)
            {
                // The one way in which a template may fail.
            }
        }
        texts.ShouldBeInRange(500, 19_500);
    }

    [Fact]
    public void Tools_are_none_when_there_are_none_and_variables_are_seen()
    {
        ChatTemplate template = new("{{ tools is none }}{{ documents is defined }}{{ bos_token }}{{ eos_token }}{{ depth + 1 }}", new Dictionary<string, string> { ["bos_token"] = "<s>" });
        template.Render([], variables: new JsonObject { ["depth"] = 2 }).ShouldBe("TrueTrue<s>3");
        template.Render([], new JsonArray(), variables: new JsonObject { ["depth"] = 2.5, ["eos_token"] = "!" }).ShouldBe("FalseTrue<s>!3.5");
    }

    [Fact]
    public void Numbers_and_keys_stay_as_the_JSON_has_them()
    {
        JsonArray messages = JsonNode.Parse("""[{"z": 1.0, "a": 123456789012345678901234567890, "items": [1e2, -0.5, 1E400], "m": null}]""")!.AsArray();
        new ChatTemplate("{{ messages[0] | tojson }}").Render(messages).ShouldBe("""{"z": 1.0, "a": 123456789012345678901234567890, "items": [100.0, -0.5, Infinity], "m": null}""");
    }

    [Fact]
    public void Templates_are_read_from_directories_configurations_and_files()
    {
        using var aside = new TemporaryDirectory();
        string config = aside.File("tokenizer_config.json", """{"bos_token": {"content": "<s>"}, "image_token": "<img>", "unk_token": null, "chat_template": [{"name": "default", "template": "plain{{ bos_token }}{{ image_token }}{{ unk_token }}"}, {"name": "tool_use", "template": "tools {{ tools | length }}"}]}""");
        ChatTemplate.Read(aside.Path).Render([]).ShouldBe("plain<s><img>");
        ChatTemplate.Read(config).Render([], new JsonArray(1, 2)).ShouldBe("tools 2");
        string file = aside.File("chat_template.jinja", "separate{{ bos_token }}");
        ChatTemplate.Read(aside.Path).Render([], []).ShouldBe("separate<s>");
        ChatTemplate.Read(file).Render([]).ShouldBe("separate<s>");
        ChatTemplate.Read(config).Render([]).ShouldBe("plain<s><img>");
        Should.Throw<FileNotFoundException>(() => ChatTemplate.Read(Path.Combine(aside.Path, "nowhere"))).Message.ShouldContain("no chat template at");
        File.Delete(file);
        aside.File("tokenizer_config.json", "{}");
        Should.Throw<InvalidDataException>(() => ChatTemplate.Read(aside.Path)).Message.ShouldContain("has no chat template");
    }

    [Fact]
    public void A_template_travels_with_its_tokenizer()
    {
        using var aside = new TemporaryDirectory();
        Should.Throw<InvalidDataException>(() => ChatTemplate.For(Small)).Message.ShouldContain("has no chat template");
        ChatTemplate.TryFor(Small).ShouldBeNull();
        Small.WithChatTemplate(ChatMl).Save(aside.Path);
        ChatTemplate.For(Tokenizer.Load(aside.Path)).Render(Conversation("hello"), addGenerationPrompt: true).ShouldBe("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
    }
}
