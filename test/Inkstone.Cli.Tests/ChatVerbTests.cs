using System.Text.Json;
using Inkstone.Text;

namespace Inkstone.Cli.Tests;

/// <summary><c>ink template render</c>, and <c>ink chat</c> with and without a chat template.</summary>
public sealed class ChatVerbTests(Workplace place) : IClassFixture<Workplace>
{
    private const string Template =
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}{% if add_generation_prompt %}[assistant]{% endif %}";

    [Fact]
    public void Render_PrintsTheTextAndNothingElse()
    {
        File.WriteAllText(place["t.jinja"], Template);
        File.WriteAllText(place["m.json"], """[{"role": "user", "content": "你好"}, {"role": "assistant", "content": "two"}]""");
        File.WriteAllText(place["tools.json"], """[{"z": 1, "a": "é"}]""");
        Render("--template", "t.jinja").Output.ShouldBe("[user] 你好\n[assistant] two\n");
        Render("--template", "t.jinja", "--add-generation-prompt").Output.ShouldBe("[user] 你好\n[assistant] two\n[assistant]");
        Render("--template", "t.jinja", "--tools", "tools.json")
            .Output.ShouldBe("[user] 你好\n[assistant] two\n[{\"z\": 1, \"a\": \"é\"}]");
        Render("--template", "t.jinja", "--json").Json.GetProperty("text").GetString().ShouldBe("[user] 你好\n[assistant] two\n");
        File.WriteAllText(place["v.jinja"], "{{ thinking }} {{ n + 1 }} {{ who }} {{ thinking is boolean }}");
        Render("--template", "v.jinja", "--var", "thinking=false", "--var", "n=2", "--var", "who=you and me")
            .Output.ShouldBe("False 3 you and me True");
        Ink.RunIn(place.Path, "template", "render", "--messages", "m.json", "--template", "v.jinja", "--var", "thinking")
            .ShouldEndWith(2)
            .Error.ShouldContain("NAME=VALUE");
        Ink.RunIn(place.Path, "template", "render", "--messages", "m.json", "--template", "v.jinja", "--var", "messages=[]")
            .ShouldEndWith(2)
            .Error.ShouldContain("--var messages");
        Tokenizer.Load(place["tok"]).WithChatTemplate(Template).Save(place["chat-tok"]);
        Render("--template", "chat-tok").Output.ShouldBe("[user] 你好\n[assistant] two\n");

        Ink.Outcome Render(params string[] flags) =>
            Ink.RunIn(place.Path, ["template", "render", "--messages", "m.json", .. flags]).ShouldEndWith(0);
    }

    [Theory]
    [InlineData("nowhere", "[]", "no chat template at 'nowhere'")]
    [InlineData("tok", "[]", "tok has no chat template")]
    [InlineData("bad.jinja", "[]", "bad.jinja, line 2: the tag 'frob' is unknown")]
    [InlineData("refuses.jinja", "[]", "refuses.jinja, line 1: Two messages, please!")]
    [InlineData("refuses.jinja", "{}", "wrong.json must be a JSON array")]
    [InlineData("refuses.jinja", "[\n,]", "wrong.json:2")]
    [InlineData("refuses.jinja", "[1]", "a role and a content")]
    public void Render_NamesWhatIsWrong(string template, string messages, string part)
    {
        File.WriteAllText(place["bad.jinja"], "x\n{% frob %}");
        File.WriteAllText(place["refuses.jinja"], "{{ raise_exception('Two messages, please!') }}");
        File.WriteAllText(place["wrong.json"], messages);
        Ink.Outcome outcome = Ink.RunIn(place.Path, "template", "render", "--template", template, "--messages", "wrong.json")
            .ShouldEndWith(2);
        outcome.Output.ShouldBeEmpty();
        outcome.Error.ShouldContain(part);
        outcome.Error.TrimEnd('\n').ShouldNotContain('\n');
    }

    [Fact]
    public void Guesses_LeaveTheTextAsItIs()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "guessing", "--quiet").ShouldEndWith(0);
        string[] flags =
        [
            "generate",
            "--model",
            "guessing",
            "--prompt",
            "two and two and two",
            "--max-tokens",
            "48",
            "--temperature",
            "0",
            "--ignore-eos",
            "--json",
        ];
        JsonElement plain = Ink.RunIn(place.Path, flags).ShouldEndWith(0).Json;
        JsonElement guessed = Ink.RunIn(place.Path, [.. flags, "--guesses", "4", "--draft", "guessing"]).ShouldEndWith(0).Json;
        guessed.GetProperty("text").GetString().ShouldBe(plain.GetProperty("text").GetString());
        plain.GetProperty("guessed_tokens").GetInt32().ShouldBe(0);
        guessed
            .GetProperty("accepted_tokens")
            .GetInt32()
            .ShouldBe(guessed.GetProperty("guessed_tokens").GetInt32(), "a model guesses itself right");
        guessed.GetProperty("guessed_tokens").GetInt32().ShouldBeGreaterThan(30);
        Ink.RunIn(place.Path, [.. flags, "--guesses", "65"]).ShouldEndWith(2).Error.ShouldContain("--guesses");
    }

    [Fact]
    public void A_model_guesses_by_its_own_module()
    {
        File.WriteAllText(
            place["ahead.json"],
            """
            {"model_type": "deepseek_v3", "hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "q_lora_rank": 16,
             "kv_lora_rank": 12, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "first_k_dense_replace": 1, "n_routed_experts": 4, "n_shared_experts": 1,
             "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 1, "max_position_embeddings": 64, "tie_word_embeddings": true}
            """
        );
        Ink.RunIn(place.Path, "new", "--config", "ahead.json", "--tokenizer", "tok", "--out", "ahead", "--quiet").ShouldEndWith(0);
        string[] flags =
        [
            "generate",
            "--model",
            "ahead",
            "--prompt",
            "two",
            "--max-tokens",
            "40",
            "--temperature",
            "0",
            "--ignore-eos",
            "--json",
        ];
        JsonElement plain = Ink.RunIn(place.Path, flags).ShouldEndWith(0).Json,
            guessed = Ink.RunIn(place.Path, [.. flags, "--draft", "mtp"]).ShouldEndWith(0).Json;
        guessed.GetProperty("text").GetString().ShouldBe(plain.GetProperty("text").GetString());
        guessed.GetProperty("guessed_tokens").GetInt32().ShouldBeGreaterThan(30);
        string[] bench =
        [
            "bench",
            "generate",
            "--tokens",
            "12",
            "--rounds",
            "1",
            "--prompt",
            "two and two",
            "--draft",
            "mtp",
            "--json",
            "--model",
        ];
        JsonElement measured = Ink.RunIn(place.Path, [.. bench, "ahead"]).ShouldEndWith(0).Json;
        measured.GetProperty("same_text").GetBoolean().ShouldBeTrue();
        measured.GetProperty("entries").GetArrayLength().ShouldBe(3);
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "without", "--quiet").ShouldEndWith(0);
        Ink.RunIn(place.Path, [.. bench, "without"]).ShouldEndWith(2).Error.ShouldContain("no module that predicts ahead");
    }

    /// <summary>The command line counts more than generation_config.json, which counts more than what the program would do.</summary>
    [Fact]
    public void Generate_FollowsTheFilesOfTheModel()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "writer", "--seed", "3", "--quiet")
            .ShouldEndWith(0);
        string Text(string? generation, params string[] flags)
        {
            File.WriteAllText(place["writer/generation_config.json"], generation ?? "{}");
            return Ink.RunIn(place.Path, ["generate", "--model", "writer", "--prompt", "two", "--ignore-eos", "--json", .. flags])
                .ShouldEndWith(0)
                .Json.GetProperty("ids")
                .GetRawText();
        }

        string likeliest = Text(null, "--temperature", "0", "--max-tokens", "6");
        Text(null, "--max-tokens", "6", "--seed", "1").ShouldBe(likeliest);
        Text("""{"do_sample": true, "temperature": 5.0, "top_k": 1, "max_new_tokens": 6}""", "--seed", "1").ShouldBe(likeliest);
        Text("""{"do_sample": true, "temperature": 5.0, "max_new_tokens": 6}""", "--seed", "1").ShouldNotBe(likeliest);
        Text("""{"do_sample": false, "temperature": 5.0, "max_length": 7}""", "--max-tokens", "6").ShouldBe(likeliest);
        File.WriteAllText(place["writer/generation_config.json"], """{"num_beams": 4, "top_p": 0.5}""");
        Ink.RunIn(place.Path, "generate", "--model", "writer", "--prompt", "two", "--max-tokens", "2")
            .ShouldEndWith(0)
            .Error.ShouldContain("num_beams is not applied");
        File.WriteAllText(place["writer/generation_config.json"], """{"top_p": 2}""");
        Ink.RunIn(place.Path, "generate", "--model", "writer", "--prompt", "two")
            .ShouldEndWith(2)
            .Error.ShouldContain("generation_config.json: \"top_p\" must be");
        Ink.RunIn(place.Path, "generate", "--model", "writer", "--prompt", "two", "--top-p", "NaN")
            .ShouldEndWith(2)
            .Error.ShouldContain("top_p");
    }

    /// <summary>A model with random weights writes what the form asks for, at any temperature.</summary>
    [Fact]
    public void Generate_HoldsATextToAForm()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "former", "--seed", "3", "--quiet")
            .ShouldEndWith(0);
        File.WriteAllText(
            place["form.json"],
            """{"type":"object","properties":{"n":{"type":"integer","minimum":10,"maximum":99},"ok":{"type":"boolean"}},"required":["n","ok"],"additionalProperties":false}"""
        );
        File.WriteAllText(place["form.gbnf"], "root ::= [a-c]{4} \"!\"");
        File.WriteAllText(place["wrong.json"], """{"properties":{"a":{"uniqueItems":true}}}""");
        Ink.Outcome Write(params string[] flags) =>
            Ink.RunIn(
                place.Path,
                ["generate", "--model", "former", "--prompt", "two", "--max-tokens", "200", "--temperature", "1.5", "--seed", "1", .. flags]
            );

        JsonElement outcome = Write("--json-schema", "form.json", "--json").ShouldEndWith(0).Json;
        outcome.GetProperty("finish_reason").GetString().ShouldBe("stop");
        JsonElement written = JsonDocument.Parse(outcome.GetProperty("text").GetString()!).RootElement;
        written.GetProperty("n").GetInt32().ShouldBeInRange(10, 99);
        written.GetProperty("ok").ValueKind.ShouldBeOneOf(JsonValueKind.True, JsonValueKind.False);
        Write("--grammar", "form.gbnf").ShouldEndWith(0).Output.ShouldMatch("^[abc]{4}!\n$");
        Write("--regex", "x[0-9]{3}").ShouldEndWith(0).Output.ShouldMatch("^x[0-9]{3}\n$");
        Write("--choices", "left,right").ShouldEndWith(0).Output.ShouldBeOneOf("left\n", "right\n");
        Write("--json-schema", "wrong.json").ShouldEndWith(2).Error.ShouldContain("#/properties/a: the keyword \"uniqueItems\"");
        Write("--choices", "a", "--regex", "b").ShouldEndWith(2).Error.ShouldContain("--regex and --choices");
    }

    [Fact]
    public void Masks_SayWhatIsLearned_AndHowManyRecordsAreLeftOutAndWhere()
    {
        Tokenizer
            .Load(place["tok"])
            .WithChatTemplate(
                "{% for m in messages %}[{{ m.role }}] {{ m.content ~ ('.' if loop.last) }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
            )
            .Save(place["mask-tok"]);
        File.WriteAllText(
            place["masks.jsonl"],
            """
            {"messages": [{"role": "user", "content": "q"}]}
            {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}, {"role": "assistant", "content": "four"}]}
            {"messages": [{"role": "assistant", "content": ""}]}
            {"messages": []}
            """
        );
        Ink.Outcome masks = Ink.RunIn(place.Path, "inspect", "mask-tok", "--masks", "masks.jsonl", "--json").ShouldEndWith(0);
        foreach (
            string part in (string[])
                [
                    "there is no assistant's turn (masks.jsonl:1)",
                    "an assistant's turn is empty (masks.jsonl:3)",
                    "there are no messages (masks.jsonl:4)",
                ]
        )
        {
            masks.Error.ShouldContain("1 record was skipped: " + part);
        }
        masks.Json.GetProperty("skipped").GetArrayLength().ShouldBe(3);
        masks
            .Json.GetProperty("conversations")
            .EnumerateArray()
            .Select(c => c.GetProperty("place").GetString())
            .ShouldBe(["masks.jsonl:2 (answer 1 of 2)", "masks.jsonl:2 (answer 2 of 2)"]);

        // The template and its variables that training will have.
        File.WriteAllText(
            place["mask.jinja"],
            "{{ told }}{% for m in messages %}{{ m.role ~ m.content }}{% endfor %}{% if add_generation_prompt %}assistant{% endif %}"
        );
        (int Plain, int Told) = (Tokens("chatml"), Tokens("mask.jinja", "--var", "told=one two three"));
        Plain.ShouldNotBe(Told);
        Told.ShouldBe(Tokens("mask.jinja") + Tokenizer.Load(place["tok"]).Encode("one two three").Length);
        Ink.RunIn(place.Path, "inspect", "tok", "--var", "told=1").ShouldEndWith(2).Error.ShouldContain("--var belongs to --masks FILE");

        int Tokens(string template, params string[] more) =>
            Ink.RunIn(place.Path, ["inspect", "tok", "--masks", "masks.jsonl", "--json", "--template", template, .. more])
                .ShouldEndWith(0)
                .Json.GetProperty("conversations")[0]
                .GetProperty("ids")
                .GetArrayLength();
    }

    [Fact]
    public void Chat_RendersTheTemplate_AndSaysWhatItDoesWithoutOne()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "talker", "--seed", "3", "--quiet")
            .ShouldEndWith(0);
        Ink.RunIn(place.Path, Chat("two?"))
            .ShouldEndWith(0)
            .Error.ShouldContain("no chat template, so the conversation is written as questions and answers");
        File.WriteAllText(
            place["talker/chat_template.jinja"],
            "{% if messages | length > 2 %}{{ raise_exception('turn ' ~ messages | length ~ ' after ' ~ messages[1].role) }}{% endif %}{{ messages[0].content }}"
        );
        Ink.RunIn(place.Path, Chat("two?")).ShouldEndWith(0).Error.ShouldNotContain("no chat template");
        Ink.RunIn(place.Path, Chat("two?", "three?")).ShouldEndWith(2).Error.ShouldContain("turn 3 after assistant");

        // What the template is told reaches it; a text without a template is not changed by variables.
        File.WriteAllText(place["talker/chat_template.jinja"], "{{ raise_exception('told ' ~ told) }}");
        Ink.RunIn(place.Path, [.. Chat("two?"), "--var", "told=yes"]).ShouldEndWith(2).Error.ShouldContain("told yes");
        File.WriteAllText(place["m1.json"], """[{"role": "user", "content": "two?"}]""");
        Ink.RunIn(place.Path, "generate", "--model", "talker", "--messages", "m1.json", "--var", "told=3")
            .ShouldEndWith(2)
            .Error.ShouldContain("told 3");
        Ink.RunIn(place.Path, "generate", "--model", "talker", "--prompt", "two", "--var", "told=3")
            .ShouldEndWith(2)
            .Error.ShouldContain("--messages");

        static string[] Chat(params string[] messages) =>
            ["chat", "--model", "talker", "--max-tokens", "3", "--temperature", "0", .. messages.SelectMany(m => new[] { "--message", m })];
    }

    [Fact]
    public void Chat_CommandsChangeTheTalk()
    {
        string file = place["talk.json"];
        File.Delete(file);
        ChatTalk talk = new("Be brief.", new Inference.SamplingParams(), force: false);
        talk.Add("user", "/etc or 你好?");
        Should
            .Throw<ArgumentException>(() => new ChatTalk(null, new(), force: false).Execute("/regen"))
            .Message.ShouldContain("nothing was asked");
        talk.Execute("/regen").Answers.ShouldBeTrue();
        talk.Add("assistant", "one");
        talk.Execute("/save " + file).Told.ShouldContain("3 messages");
        Should.Throw<ArgumentException>(() => talk.Execute("/save " + file)).Message.ShouldContain("exists already");
        File.ReadAllText(file).ShouldContain("你好");
        ulong seed = talk.Sampling.Seed;
        talk.Execute("/regen").Answers.ShouldBeTrue();
        talk.Messages.Count.ShouldBe(2);
        talk.Sampling.Seed.ShouldNotBe(seed);
        talk.Execute("/clear");
        talk.Messages.ToJsonString().ShouldBe("""[{"role":"system","content":"Be brief."}]""");
        talk.Execute("/system -");
        talk.Messages.ShouldBeEmpty();
        talk.Execute("/load " + file);
        talk.Messages.Count.ShouldBe(3);
        talk.Execute("/system In verse.\nAlways.");
        ((string?)talk.Messages[0]!["content"]).ShouldBe("In verse.\nAlways.");
        talk.Execute("/set temperature 0.25");
        talk.Execute("/set top-k=3");
        (talk.Sampling.Temperature, talk.Sampling.TopK).ShouldBe((0.25f, 3));
        talk.Execute("/set").Told.ShouldContain("temperature 0.25, top_k 3");
        Should.Throw<ArgumentException>(() => talk.Execute("/set top_p 3")).Message.ShouldContain("above 0 and at most 1");
        Should.Throw<ArgumentException>(() => talk.Execute("/set temprature 1")).Message.ShouldContain("did you mean 'temperature'?");
        Should.Throw<ArgumentException>(() => talk.Execute("/claer")).Message.ShouldContain("did you mean '/clear'?");
        talk.Sampling.TopP.ShouldBe(1);
        talk.Execute("/quit");
        talk.Ended.ShouldBeTrue();
        ChatTalk.IsCommand("/usr/bin is a folder").ShouldBeFalse();
        ChatTalk.IsCommand("//help").ShouldBeFalse();
    }

    [Fact]
    public void Chat_ReadsPlainLinesFromAPipe()
    {
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "tok", "--out", "piped", "--seed", "3", "--quiet")
            .ShouldEndWith(0);
        using System.Diagnostics.Process process = Ink.Start(
            place.Path,
            "chat",
            "--model",
            "piped",
            "--max-tokens",
            "3",
            "--temperature",
            "0",
            "--ignore-eos",
            "--json"
        );
        process.StandardInput.Write("two?\n\n/regen\n//help\n/set max_tokens 2\nthree\n/quit\nnever read\n");
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0);
        using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(output);
        string?[] turns = [.. json.RootElement.GetProperty("turns").EnumerateArray().Select(t => t.GetProperty("message").GetString())];
        turns.ShouldBe(["two?", "/regen", "//help", "three"]);
        json.RootElement.GetProperty("turns")[3].GetProperty("new_tokens").GetInt32().ShouldBeLessThanOrEqualTo(2);
    }
}
