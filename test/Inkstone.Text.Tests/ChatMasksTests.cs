using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Text.Tests;

public sealed class ChatMasksTests
{
    private const string ChatMl =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    /// <summary>As Qwen3's: thoughts of earlier turns are left out, the last answer always has some.</summary>
    private const string Rewriting = """
        {%- set ns = namespace(last=0) %}{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
        {%- for m in messages %}
            {%- if m.role == 'assistant' %}
                {{- '<|im_start|>assistant\n' }}
                {%- if loop.index0 > ns.last and (loop.last or m.reasoning_content) %}{{- '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}{%- endif %}
                {{- m.content + '<|im_end|>\n' }}
            {%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}
        """;

    private static readonly Tokenizer Small = BpeTrainer.TrainText(
        ["hello hello help user assistant content"],
        new(290, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    );

    private static JsonArray Conversation(params string[] turns) =>
        [.. turns.Select((t, i) => (JsonNode)new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = t })];

    [Fact]
    public void Every_answer_is_learned_to_its_end()
    {
        MaskedConversation masked = One(new ChatMasks(new ChatTemplate(ChatMl), Small), Conversation("help", "hello", "help", " hello"));
        Learned(masked).ShouldBe("hello<|im_end|>\n hello<|im_end|>\n");
        Small.Decode(masked.Ids).ShouldStartWith("<|im_start|>user\nhelp<|im_end|>\n");
        One(new ChatMasks(new ChatTemplate(ChatMl), Small), Conversation("help")).LossMask.ShouldAllBe(l => !l);
    }

    [Fact]
    public void An_answer_whose_first_token_would_reach_back_into_the_prompt_is_cut_at_the_border()
    {
        // Two letters that are one token: behind a prompt that ends with the first, the answer must still begin with its own.
        ChatTemplate tight = new("{% for m in messages %}{{ m.content }}{% endfor %}");
        string pair = Enumerable
            .Range(0, Small.VocabularySize)
            .Select(Small.IdToToken)
            .First(t => t.Length == 2 && t.All(char.IsAsciiLetter));
        Small.Encode(pair).Length.ShouldBe(1);
        MaskedConversation masked = One(new ChatMasks(tight, Small), Conversation(pair[..1], pair[1..]));
        masked.Ids.ShouldBe([.. Small.Encode(pair[..1]), .. Small.Encode(pair[1..])]);
        masked.LossMask.ShouldBe([false, true]);
    }

    /// <summary>Tokenizers that put a space before a text of its own: an answer is none, unless a special token stands before it.</summary>
    [Theory]
    [InlineData(
        """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""",
        "null",
        "▁"
    )]
    [InlineData("null", """{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}""", "Ġ")]
    public void An_answer_gains_no_space_that_is_in_no_message(string normalizer, string preTokenizer, string space)
    {
        Tokenizer tokenizer = Lettered(normalizer, preTokenizer, space);
        ChatTemplate template = new(
            "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
        );
        MaskedConversation masked = One(new ChatMasks(template, tokenizer), Conversation("hi", "(yes)", "a", "b"));
        // "](" is one token of the whole text, so the turns must be encoded by themselves.
        Tokens(masked, tokenizer)
            .ShouldBe([space, "[", "h", "i", "]", "(", "y", "e", "s", ")", "</s>", space, "[", "a", "]", "b", "</s>"]);
        string.Concat(Tokens(masked, tokenizer).Where((_, i) => masked.LossMask[i])).ShouldBe("(yes)</s>b</s>");
        ChatTemplate special = new(
            "{% for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
        );
        MaskedConversation whole = One(new ChatMasks(special, tokenizer), Conversation("hi", "yes"));
        whole.Ids.ShouldBe(
            tokenizer.Encode("<u>hi</s><a>yes</s>", addSpecialTokens: false),
            "where no token reaches over a border, the tokens are those of the whole text"
        );
        string.Concat(Tokens(whole, tokenizer).Where((_, i) => whole.LossMask[i])).ShouldBe($"{space}yes</s>");
    }

    [Theory]
    [InlineData("\"weight\": 0")]
    [InlineData("\"weight\": 0.0")]
    [InlineData("\"train\": false")]
    [InlineData("\"training\": false")]
    [InlineData("\"loss\": false, \"weight\": 1")]
    [InlineData("\"loss\": \"False\"")]
    [InlineData("\"masked\": true")]
    [InlineData("\"trainable\": false")]
    [InlineData("\"loss_weight\": 0.0")]
    public void A_message_with_weight_zero_is_read_and_not_learned(string key)
    {
        JsonArray messages = Conversation("help", "BAD", "help", "good");
        messages[1] = JsonNode.Parse($$"""{"role": "assistant", "content": "BAD", {{key}}}""");
        messages[3]!["weight"] = 1;
        messages[3]!["train"] = null;
        messages[3]!["masked"] = false;
        foreach (string source in (string[])[ChatMl, ChatTemplate.ChatMl, Rewriting])
        {
            IReadOnlyList<MaskedConversation> examples = new ChatMasks(new ChatTemplate(source), Small).Mask(messages);
            string.Concat(examples.Select(Learned))
                .ShouldBe(
                    source == ChatMl ? "good<|im_end|>\n"
                    : source == Rewriting ? "<think>\n\n</think>\n\ngood<|im_end|>\n"
                    : "good<|im_end|>"
                );
            Small.Decode(examples.ShouldHaveSingleItem().Ids).ShouldContain("BAD");
        }
        Learned(One(new ChatMasks(new ChatTemplate(ChatMl), Small, new ChatMaskOptions(Everything: true)), messages))
            .ShouldNotContain("BAD");
    }

    [Theory]
    [InlineData("\"weight\": 0.5", "weight 0.5")]
    [InlineData("\"loss\": \"maybe\"", "loss maybe")]
    [InlineData("\"train\": [0]", "train [0]")]
    [InlineData("\"masked\": 0.5", "masked 0.5")]
    [InlineData("\"train_detail\": [{\"begin_offset\": 0, \"end_offset\": 2, \"train\": false}]", "train_detail")]
    public void A_weight_between_yes_and_no_is_refused(string key, string named) =>
        Should
            .Throw<InvalidDataException>(() =>
                new ChatMasks(new ChatTemplate(ChatMl), Small).Mask(
                    JsonNode.Parse($$"""[{"role": "assistant", "content": "x", {{key}}}]""")!.AsArray()
                )
            )
            .Message.ShouldContain(named);

    /// <summary>A byte waits in the stream in case the next one spoils it; what shows tokens one by one settles each, so that a line break
    /// stands with its own token.</summary>
    [Fact]
    public void A_settled_byte_stands_with_its_token()
    {
        Tokenizer bytes = Tokenizer.FromJson(
            Encoding.UTF8.GetBytes(
                """
                {"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,
                 "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
                 "model":{"type":"BPE","byte_fallback":true,"unk_token":null,"vocab":{"▁a":0,"b":1,"<0x0A>":2,"<0xC3>":3,"<0xA9>":4},"merges":[]}}
                """
            ),
            "{}"u8.ToArray(),
            "test"
        );
        int[] ids = [0, 2, 1, 3, 4, 2, 1];
        StreamDecoder stream = new(bytes);
        ids.Select(stream.Add).ShouldBe(["a", "", "\nb", "", "", "", "é\nb"]);
        StreamDecoder shown = new(bytes);
        ids.Select(id => shown.Add(id) + shown.Settle()).ShouldBe(["a", "\n", "b", "", "é", "\n", "b"]);
    }

    /// <summary>A template that knows no calls would teach an empty answer in their place.</summary>
    [Fact]
    public void A_call_that_the_template_does_not_write_is_refused()
    {
        JsonArray messages = Conversation("help", "");
        messages[1]!["tool_calls"] = JsonNode.Parse("""[{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]""");
        foreach (string source in (string[])[ChatMl, ChatTemplate.ChatMl])
        {
            Should
                .Throw<InvalidDataException>(() => new ChatMasks(new ChatTemplate(source), Small).Mask(messages))
                .Message.ShouldContain("message 1 calls a tool");
        }
        string knowing = ChatMl.Replace(
            "{{ m.content }}",
            "{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls[0].function.name }}{% endif %}",
            StringComparison.Ordinal
        );
        Learned(One(new ChatMasks(new ChatTemplate(knowing), Small), messages)).ShouldBe("f<|im_end|>\n");
        Learned(One(new ChatMasks(new ChatTemplate("{% for m in messages %}{{ m | tojson }}{% endfor %}"), Small), messages))
            .ShouldContain("tool_calls");
        messages[1]!["tool_calls"] = new JsonArray();
        Learned(One(new ChatMasks(new ChatTemplate(ChatMl), Small), messages)).ShouldBe("<|im_end|>\n", "an empty list calls nothing");
    }

    /// <summary>What is right here is what transformers' assistant mask says of these templates.</summary>
    [Theory]
    [InlineData(
        "{% for m in messages %}<|im_start|>{{m.role}}\n{% if m.role=='assistant' and loop.last %}{% generation %}{{m.content}}<|im_end|>{% endgeneration %}{% else %}{{m.content}}<|im_end|>{% endif %}\n{% endfor %}",
        "good<|im_end|>"
    )]
    [InlineData(
        "{% for m in messages %}<|im_start|>{{m.role}}\n{% if m.role=='assistant' %}{% generation %}{{- '<think>\n\n</think>\n\n' if loop.last else '' }}{{- m.content+'<|im_end|>' }}{% endgeneration %}{% else %}{{m.content}}<|im_end|>{% endif %}\n{% endfor %}",
        "bad<|im_end|><think>\n\n</think>\n\ngood<|im_end|>"
    )]
    [InlineData(
        "{% macro turn(m) %}<|im_start|>{{m.role}}\n{% if m.role=='assistant' %}{% generation %}{{m.content}}{% endgeneration %}{% else %}{{m.content}}{% endif %}{% endmacro %}{% for m in messages[0:] %}{{ turn(m) | trim }}\n{% endfor %}",
        "badgood"
    )]
    [InlineData(
        "{% for m in messages %}{% set text %}{% if m.role=='assistant' %}{% generation %}{{m.content}}{% generation %}!{% endgeneration %}{% endgeneration %}{% else %}{{m.content}}{% endif %}{% endset %}{{ m.role ~ ':' ~ text }}\n{% endfor %}",
        "bad!good!"
    )]
    public void Marks_of_a_template_say_what_is_learned(string source, string learned) =>
        Learned(One(new ChatMasks(new ChatTemplate(source), Small), Conversation("q", "bad", "q2", "good"))).ShouldBe(learned);

    [Fact]
    public void Marks_that_a_filter_changes_are_refused()
    {
        ChatTemplate counting = new("{% set x %}{% generation %}{{ messages[1].content }}{% endgeneration %}{% endset %}{{ x | length }}");
        Should
            .Throw<InvalidDataException>(() => new ChatMasks(counting, Small).Mask(Conversation("q", "a")))
            .Message.ShouldContain("where a filter changes it");
        ChatTemplate nameless = new("{% generation %}{{ messages | map(attribute='content') | join }}{% endgeneration %}");
        Learned(One(new ChatMasks(nameless, Small), Conversation("q", "a"))).ShouldBe("qa");
        JsonArray weighed = Conversation("q", "a");
        weighed[1]!["weight"] = 0;
        Should
            .Throw<InvalidDataException>(() => new ChatMasks(nameless, Small).Mask(weighed))
            .Message.ShouldContain("cannot be told which");
    }

    [Fact]
    public void The_template_that_is_written_marks_answers_and_renders_as_before()
    {
        JsonArray messages = Conversation("help", "hello", "help", "hello");
        ChatTemplate own = new(ChatTemplate.ChatMl),
            plain = new(ChatMl);
        own.Render(messages).ShouldBe(plain.Render(messages));
        own.Render(messages, addGenerationPrompt: true).ShouldBe(plain.Render(messages, addGenerationPrompt: true));
        Learned(One(new ChatMasks(own, Small), messages)).ShouldBe("hello<|im_end|>hello<|im_end|>");
    }

    [Fact]
    public void Under_a_template_that_rewrites_earlier_turns_each_answer_is_learned_behind_what_a_model_sees()
    {
        ChatTemplate template = new(Rewriting);
        JsonArray messages = Conversation("q", "one", "q2", "two", "q3", "three");
        JsonObject silent = new() { ["enable_thinking"] = false };
        foreach (JsonObject? variables in (JsonObject?[])[silent, null])
        {
            if (variables is null)
            {
                messages[3]!["reasoning_content"] = "hm";
            }
            IReadOnlyList<MaskedConversation> examples = new ChatMasks(template, Small, new ChatMaskOptions(Variables: variables)).Mask(
                messages
            );
            examples.Count.ShouldBe(3);
            for (int i = 0; i < 3; i++)
            {
                string seen = template.Render(
                    [.. messages.Take(2 * i + 1).Select(m => m!.DeepClone())],
                    addGenerationPrompt: true,
                    variables: variables
                );
                int[] prompt = Small.Encode(seen, addSpecialTokens: false);
                examples[i].Ids[..prompt.Length].ShouldBe(prompt);
                examples[i].LossMask.Count(l => !l).ShouldBe(prompt.Length);
            }
            string opened = variables is null ? "<think>\n\n</think>\n\n" : "";
            string thought = variables is null ? "<think>\nhm\n</think>\n\n" : "";
            examples.Select(Learned).ShouldBe([$"{opened}one<|im_end|>\n", $"{thought}two<|im_end|>\n", $"{opened}three<|im_end|>\n"]);
        }
        Should
            .Throw<InvalidDataException>(() => new ChatMasks(template, Small).Mask(messages, variables: silent))
            .Message.ShouldContain("asked not to think, and this answer has a thought");
        Should
            .Throw<InvalidDataException>(() => new ChatMasks(template, Small, new ChatMaskOptions(TurnSplitting.Never)).Mask(messages))
            .Message.ShouldContain("one example for each answer");
        One(new ChatMasks(template, Small), Conversation("q", "one")).Ids.Length.ShouldBeGreaterThan(0, "one answer nests");
        Learned(One(new ChatMasks(template, Small, new ChatMaskOptions(Everything: true)), messages)).ShouldBe(template.Render(messages));
        Should
            .Throw<InvalidDataException>(() => new ChatMasks(template, Small).Mask(new JsonArray("no object")))
            .Message.ShouldContain("role and a content");
    }

    [Fact]
    public void A_template_that_writes_the_last_question_otherwise_is_learned_as_it_is_asked()
    {
        ChatTemplate template = new(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ ('be brief: ' if loop.last and m.role == 'user') ~ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        );
        IReadOnlyList<MaskedConversation> examples = new ChatMasks(template, Small).Mask(Conversation("q", "one", "q2", "two"));
        examples.Select(Learned).ShouldBe(["one<|im_end|>\n", "two<|im_end|>\n"]);
        Small
            .Decode(examples[1].Ids)
            .ShouldBe(
                "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n<|im_start|>user\nbe brief: q2<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n"
            );
    }

    [Fact]
    public void Every_template_can_be_learned_turn_by_turn()
    {
        JsonArray messages = Conversation("q", "one", "q2", "two");
        foreach (string source in (string[])[ChatMl, ChatTemplate.ChatMl])
        {
            string end = source == ChatMl ? "<|im_end|>\n" : "<|im_end|>";
            new ChatMasks(new ChatTemplate(source), Small, new ChatMaskOptions(TurnSplitting.Always))
                .Mask(messages)
                .Select(Learned)
                .ShouldBe([$"one{end}", $"two{end}"]);
        }
    }

    [Theory]
    // The conversation shows what the prompt opened.
    [InlineData("{{ m.content }}", "r\n</think>\n\na", null, "r\n</think>\n\na<|im_end|>\n")]
    [InlineData("{{ m.content }}", "<think>\nr\n</think>\n\na", null, "r\n</think>\n\na<|im_end|>\n")]
    [InlineData("{{ m.content }}", "<think>r</think>a", null, "r</think>a<|im_end|>\n")]
    // The conversation leaves it out.
    [InlineData("{{ m.content.split('</think>')[-1] }}", "<think>\nr\n</think>\n\na", null, "r\n</think>\n\na<|im_end|>\n")]
    [InlineData("{{ m.content.split('</think>')[-1].strip() }}", "r\n</think>\n\na", null, "r\n</think>\n\na<|im_end|>\n")]
    [InlineData("{{ m.content }}", "a", "r", "r\n</think>\n\na<|im_end|>\n")]
    public void What_a_model_wrote_behind_an_opened_thought_is_learned(string shown, string content, string? reasoning, string learned)
    {
        ChatTemplate template = new(
            $$$"""{% for m in messages %}{{{'{'}}}{ '<|im_start|>' + m.role + '\n' }}{{{shown}}}{{{'{'}}}{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{{'{'}}}{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"""
        );
        JsonArray messages = Conversation("q", content);
        if (reasoning is not null)
        {
            messages[1]!["reasoning_content"] = reasoning;
        }
        MaskedConversation masked = One(new ChatMasks(template, Small), messages);
        Learned(masked).ShouldBe(learned);
        Small.Decode(masked.Ids).ShouldBe("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\n" + learned);
    }

    [Theory]
    [InlineData("<|im_start|>assistant\n<think>\n", "ends in '<think>⏎', and this answer has no </think>")]
    [InlineData("<|im_start|>bot\n", "goes on with 'bot⏎' where the answer is rendered as 'assistant⏎a<|im_end|>⏎'")]
    public void The_cause_is_named_where_an_answer_does_not_go_on_behind_the_prompt(string prompt, string cause)
    {
        ChatTemplate template = new(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}"
                + prompt
                + "{% endif %}",
            name: "t"
        );
        string message = Should.Throw<InvalidDataException>(() => new ChatMasks(template, Small).Mask(Conversation("q", "a"))).Message;
        message.ShouldStartWith("message 1 ");
        message.ShouldContain(cause);
    }

    [Fact]
    public void A_closed_thought_in_the_prompt_is_not_looked_for_in_the_answer()
    {
        ChatTemplate template = new(
            ChatMl.Replace(
                "{% if add_generation_prompt %}<|im_start|>assistant\n",
                "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n",
                StringComparison.Ordinal
            )
        );
        MaskedConversation masked = One(new ChatMasks(template, Small), Conversation("q", "a"));
        Small.Decode(masked.Ids).ShouldBe("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\na<|im_end|>\n");
        Learned(masked).ShouldBe("a<|im_end|>\n");
    }

    [Fact]
    public void Texts_that_look_like_special_tokens_and_are_none_are_named()
    {
        new ChatTemplate(ChatMl).SplitSpecialTokens(Small).ShouldBeEmpty();
        Tokenizer plain = BpeTrainer.TrainText(["hello <s>"], new(280, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_end|>"]));
        new ChatTemplate(ChatMl).SplitSpecialTokens(plain).ShouldBe(["<|im_start|>"]);
        new ChatTemplate("{% for m in messages %}<s>[INST]{{ m.content }}<｜end｜>a < b <|{% endfor %}")
            .SplitSpecialTokens(plain)
            .ShouldBe(["<s>", "<｜end｜>"]);
        new ChatTemplate("{{ raise_exception('no') }}").SplitSpecialTokens(plain).ShouldBeEmpty();
    }

    private static MaskedConversation One(ChatMasks masks, JsonArray messages) => masks.Mask(messages).ShouldHaveSingleItem();

    private static string Learned(MaskedConversation masked) => Small.Decode([.. masked.Ids.Where((_, i) => masked.LossMask[i])]);

    private static IEnumerable<string> Tokens(MaskedConversation masked, Tokenizer tokenizer) => masked.Ids.Select(tokenizer.IdToToken);

    /// <summary>A tokenizer of letters, one pair and three special tokens.</summary>
    private static Tokenizer Lettered(string normalizer, string preTokenizer, string space)
    {
        string[] tokens = ["</s>", "<u>", "<a>", space, "[", "]", "(", ")", "](", "h", "i", "y", "e", "s", "a", "b"];
        JsonObject json = new()
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([
                .. tokens
                    .Take(3)
                    .Select(
                        (t, i) =>
                            (JsonNode)
                                new JsonObject
                                {
                                    ["id"] = i,
                                    ["content"] = t,
                                    ["single_word"] = false,
                                    ["lstrip"] = false,
                                    ["rstrip"] = false,
                                    ["normalized"] = false,
                                    ["special"] = true,
                                }
                    ),
            ]),
            ["normalizer"] = JsonNode.Parse(normalizer),
            ["pre_tokenizer"] = JsonNode.Parse(preTokenizer),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = new JsonObject(tokens.Select((t, i) => KeyValuePair.Create(t, (JsonNode?)i))),
                ["merges"] = new JsonArray("] ("),
            },
        };
        return Tokenizer.FromJson(Encoding.UTF8.GetBytes(json.ToJsonString()), "{}"u8.ToArray(), "test");
    }
}
