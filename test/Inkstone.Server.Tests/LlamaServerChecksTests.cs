using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server.Tests;

/// <summary>What llama.cpp's own tests of its server ask of the protocol that both speak, beside what other tests here ask already.
/// test/clients/README.md lists all of it.</summary>
public sealed class LlamaServerChecksTests : IAsyncLifetime
{
    private Served _served = null!;

    public async ValueTask InitializeAsync() => _served = await Served.StartAsync(context: 256);

    public ValueTask DisposeAsync() => _served.DisposeAsync();

    [Theory]
    [InlineData("""{"type":"json_object","schema":{"const":"42"}}""", "\"42\"")]
    [InlineData("""{"type":"json_object","schema":{"items":[{"type":"integer"}],"type":"array","minItems":1,"maxItems":1}}""", "[")]
    [InlineData("""{"type":"json_schema","json_schema":{"schema":{"const":"foooooo"}}}""", "\"foooooo\"")]
    [InlineData("""{"type":"json_object"}""", "{")]
    [InlineData("""{"type":"sound"}""", null)]
    [InlineData("""{"type":"json_object","schema":123}""", null)]
    [InlineData("""{"type":"json_object","schema":{"type":123}}""", null)]
    [InlineData("""{"type":"json_object","schema":{"type":"hiccup"}}""", null)]
    public async Task A_response_format_is_held_or_refused(string format, string? begins)
    {
        JsonObject body = Served.Say("<|hello|>", ("response_format", JsonNode.Parse(format)), ("max_tokens", 40));
        (int status, JsonElement answer) = await _served.PostAsync("/chat/completions", body);
        status.ShouldBe(begins is null ? 400 : 200, answer.ToString());
        if (begins is null)
        {
            answer.TryGetProperty("error", out _).ShouldBeTrue();
            return;
        }
        Content(answer).TrimStart().ShouldStartWith(begins);
        if (format.Contains("\"schema\"", StringComparison.Ordinal))
        {
            body.Remove("response_format");
            body["json_schema"] = (JsonNode.Parse(format)!["schema"] ?? JsonNode.Parse(format)!["json_schema"]!["schema"]!).DeepClone();
            Content(await _served.OkAsync("/chat/completions", body)).TrimStart().ShouldStartWith(begins);
        }
    }

    [Fact]
    public async Task A_grammar_beside_the_messages_is_held() =>
        Content(await _served.OkAsync("/chat/completions", Served.Say("<|hello|>", ("grammar", "root ::= \"a\"{5,5}")))).ShouldBe("aaaaa");

    [Fact]
    public async Task Timings_come_where_they_are_asked_for_and_not_with_the_first_event()
    {
        (_, List<JsonElement> events) = await _served.StreamAsync(
            "/chat/completions",
            Served.Say(
                "<|hello|>",
                ("stream_options", new JsonObject { ["include_usage"] = true }),
                ("timings_per_token", true),
                ("logprobs", true),
                ("top_logprobs", 10)
            )
        );
        JsonElement first = events[0].GetProperty("choices")[0].GetProperty("delta");
        first.GetProperty("content").ValueKind.ShouldBe(JsonValueKind.Null);
        first.GetProperty("role").GetString().ShouldBe("assistant");
        events[0].TryGetProperty("timings", out _).ShouldBeFalse();
        events.Select(e => e.GetProperty("id").GetString()).Distinct().Count().ShouldBe(1);
        events.ShouldAllBe(e => e.GetProperty("system_fingerprint").GetString()!.StartsWith('b'));
        string told = "",
            said = "";
        foreach (JsonElement choice in events.Skip(1).SelectMany(e => e.GetProperty("choices").EnumerateArray()))
        {
            choice.GetProperty("delta").TryGetProperty("role", out _).ShouldBeFalse();
            if (choice.GetProperty("finish_reason").ValueKind == JsonValueKind.String)
            {
                choice.GetProperty("delta").TryGetProperty("content", out _).ShouldBeFalse();
                continue;
            }
            said += choice.GetProperty("delta").GetProperty("content").GetString();
            foreach (JsonElement token in choice.GetProperty("logprobs").GetProperty("content").EnumerateArray())
            {
                told += token.GetProperty("token").GetString();
                token.GetProperty("logprob").GetDouble().ShouldBeLessThanOrEqualTo(0);
                token.GetProperty("top_logprobs").GetArrayLength().ShouldBe(10);
                token.GetProperty("bytes").ValueKind.ShouldBe(JsonValueKind.Array);
            }
        }
        told.ShouldBe(said);
        JsonElement timings = events[^1].GetProperty("timings");
        foreach (string name in (string[])["prompt_per_second", "predicted_per_second", "predicted_n", "cache_n"])
        {
            timings.GetProperty(name).ValueKind.ShouldBe(JsonValueKind.Number);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Too_long_a_prompt_tells_its_size_and_the_rooms(bool stream)
    {
        JsonObject body = Served.Say(new string('x', 900), ("stream", stream));
        (int status, JsonElement answer) = await _served.PostAsync("/chat/completions", body);
        status.ShouldBe(400);
        JsonElement error = answer.GetProperty("error");
        error.GetProperty("type").GetString().ShouldBe("exceed_context_size_error");
        error.GetProperty("n_prompt_tokens").GetInt32().ShouldBeGreaterThan(900);
        error.GetProperty("n_ctx").GetInt32().ShouldBe(256);
    }

    [Fact]
    public async Task Prompts_of_the_native_completion_are_texts_and_tokens_in_any_mixture()
    {
        JsonElement tokens = (
            await _served.OkAsync("/tokenize", new JsonObject { ["content"] = "<|hello|>", ["add_special"] = true })
        ).GetProperty("tokens");
        JsonNode Tokens() => JsonNode.Parse(tokens.GetRawText())!;
        JsonElement one = await Complete(Tokens()),
            two = await Complete(new JsonArray(Tokens(), "<|hello|>")),
            mixed = await Complete(new JsonArray(1, 2, 3, "abc", 7, 8, "<|hello|>"));
        one.GetProperty("content").GetString().ShouldBe("Hello, world!");
        two.EnumerateArray().Select(c => c.GetProperty("content").GetString()).ShouldBe(["Hello, world!", "Hello, world!"]);
        mixed.GetProperty("content").GetString().ShouldBe("Hello, world!");

        Task<JsonElement> Complete(JsonNode prompt) =>
            _served.OkAsync("/completion", new JsonObject { ["prompt"] = prompt, ["temperature"] = 0 });
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_bias_of_the_native_completion_names_tokens_or_texts(bool tokens, bool map)
    {
        JsonElement ids = (await _served.OkAsync("/tokenize", new JsonObject { ["content"] = "wor" })).GetProperty("tokens");
        JsonNode key = tokens ? ids[0].GetInt32() : "wor";
        JsonNode bias = map ? new JsonObject { [key.ToString()] = -100 } : new JsonArray((JsonNode)new JsonArray(key, -100));
        JsonElement answer = await _served.OkAsync(
            "/completion",
            new JsonObject
            {
                ["prompt"] = "<|hello|>",
                ["temperature"] = 0,
                ["n_predict"] = 8,
                ["logit_bias"] = bias,
            }
        );
        answer.GetProperty("content").GetString()!.ShouldNotContain("wor");
    }

    [Fact]
    public async Task A_native_stream_says_of_each_part_whether_it_is_the_last()
    {
        (_, List<JsonElement> events) = await _served.StreamAsync(
            "/completion",
            new JsonObject
            {
                ["prompt"] = "<|hello|>",
                ["temperature"] = 0,
                ["n_predict"] = 3,
                ["n_probs"] = 10,
                ["seed"] = 42,
            }
        );
        foreach (JsonElement part in events[..^1])
        {
            part.GetProperty("stop").GetBoolean().ShouldBeFalse();
            part.GetProperty("tokens").GetArrayLength().ShouldBe(1);
            JsonElement token = part.GetProperty("completion_probabilities").EnumerateArray().ShouldHaveSingleItem();
            token.GetProperty("id").GetInt32().ShouldBeGreaterThan(0);
            token.GetProperty("top_logprobs").GetArrayLength().ShouldBe(10);
        }
        JsonElement end = events[^1];
        end.GetProperty("stop").GetBoolean().ShouldBeTrue();
        end.GetProperty("stop_type").GetString().ShouldBe("limit");
        end.GetProperty("truncated").GetBoolean().ShouldBeFalse();
        end.GetProperty("has_new_line").GetBoolean().ShouldBeFalse();
        end.GetProperty("timings").GetProperty("predicted_n").GetInt32().ShouldBe(3);
        end.GetProperty("generation_settings").GetProperty("n_predict").GetInt32().ShouldBe(3);
        end.GetProperty("generation_settings").GetProperty("seed").GetInt32().ShouldBe(42);
        string.Concat(events.Select(e => e.GetProperty("content").GetString())).ShouldBe("Hello, wor");
    }

    [Fact]
    public async Task A_prompt_that_comes_again_is_found()
    {
        JsonObject body = new() { ["prompt"] = new string('x', 100), ["n_predict"] = 2 };
        await _served.OkAsync("/completion", body);
        (await _served.OkAsync("/completion", body)).GetProperty("timings").GetProperty("cache_n").GetInt32().ShouldBeGreaterThan(0);
        (await _served.Client.GetStringAsync("/metrics")).ShouldMatch("inkstone_prompt_tokens_cached_total [1-9]");
    }

    [Fact]
    public async Task Embeddings_take_every_form_of_a_prompt()
    {
        JsonElement data = (
            await _served.OkAsync(
                "/v1/embeddings",
                new JsonObject
                {
                    ["input"] = new JsonArray(
                        "hello world",
                        new JsonObject
                        {
                            ["content"] = JsonNode.Parse("""[{"type":"text","text":"hello "},{"type":"text","text":"world"}]"""),
                        },
                        new JsonObject { ["prompt_string"] = "hello world" },
                        new JsonArray(12, "string", 34)
                    ),
                    ["pooling"] = "last",
                }
            )
        ).GetProperty("data");
        data.GetArrayLength().ShouldBe(4);
        data[1].GetProperty("embedding").GetRawText().ShouldBe(data[0].GetProperty("embedding").GetRawText());
        data[2].GetProperty("embedding").GetRawText().ShouldBe(data[0].GetProperty("embedding").GetRawText());
        foreach (string input in (string[])["[]", """{"content":"s"}""", """{"content":[{"type":"image_url","image_url":{"url":"x"}}]}"""])
        {
            (await _served.PostAsync("/v1/embeddings", new JsonObject { ["input"] = JsonNode.Parse(input) })).Status.ShouldBe(400);
        }
    }

    [Fact]
    public async Task Templates_are_applied_with_a_begun_answer_and_without_a_prompt_to_answer()
    {
        JsonObject body = new()
        {
            ["messages"] = JsonNode.Parse(
                """[{"role":"system","content":"Book"},{"role":"user","content":"best?"},{"role":"assistant","content":[{"type":"text","text":"Wh"},{"type":"text","text":"ill"}]}]"""
            ),
            ["tools"] = null,
        };
        (await _served.OkAsync("/apply-template", body)).GetProperty("prompt").GetString()!.ShouldEndWith("Whill");
        body["tools"] = new JsonArray();
        body["messages"]!.AsArray().RemoveAt(2);
        body["add_generation_prompt"] = false;
        (await _served.OkAsync("/apply-template", body)).GetProperty("prompt").GetString()!.ShouldNotContain("<|assistant|>");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_required_call_is_one_call_without_words_beside(bool stream)
    {
        JsonObject body = Served.Say(
            "<|hello|>",
            (
                "tools",
                JsonNode.Parse(
                    """[{"type":"function","function":{"name":"test","description":"","parameters":{"type":"object","properties":{"success":{"type":"boolean","const":true}},"required":["success"]}}}]"""
                )
            ),
            ("tool_choice", "required"),
            ("parallel_tool_calls", false),
            ("max_tokens", 120)
        );
        string name,
            arguments;
        if (stream)
        {
            (_, List<JsonElement> events) = await _served.StreamAsync("/v1/chat/completions", body);
            JsonElement[] calls =
            [
                .. events
                    .SelectMany(e => e.GetProperty("choices").EnumerateArray())
                    .Select(c => c.GetProperty("delta"))
                    .Where(d => d.TryGetProperty("tool_calls", out _))
                    .SelectMany(d => d.GetProperty("tool_calls").EnumerateArray()),
            ];
            name = calls[0].GetProperty("function").GetProperty("name").GetString()!;
            arguments = string.Concat(calls.Select(c => c.GetProperty("function").GetProperty("arguments").GetString()));
        }
        else
        {
            JsonElement message = (await _served.OkAsync("/v1/chat/completions", body)).GetProperty("choices")[0].GetProperty("message");
            message.GetProperty("content").GetString().ShouldBe("");
            JsonElement call = message.GetProperty("tool_calls").EnumerateArray().ShouldHaveSingleItem().GetProperty("function");
            (name, arguments) = (call.GetProperty("name").GetString()!, call.GetProperty("arguments").GetString()!);
        }
        name.ShouldBe("test");
        JsonNode.Parse(arguments)!["success"]!.GetValue<bool>().ShouldBeTrue();
    }

    [Theory]
    [InlineData("""[]""", null)]
    [InlineData("""[{"type":"function","function":{"name":"get_weather"}}]""", "none")]
    public async Task Without_tools_nothing_is_called(string tools, string? choice)
    {
        JsonElement message = (
            await _served.OkAsync(
                "/v1/chat/completions",
                Served.Say("<|hello|>", ("tools", JsonNode.Parse(tools)), ("tool_choice", choice), ("max_tokens", 20))
            )
        )
            .GetProperty("choices")[0]
            .GetProperty("message");
        message.TryGetProperty("tool_calls", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Responses_hold_their_format()
    {
        JsonObject body = new()
        {
            ["input"] = "Write an example",
            ["max_output_tokens"] = 20,
            ["text"] = JsonNode.Parse("""{"format":{"type":"json_schema","name":"test","schema":{"const":"foooooo"}}}"""),
        };
        JsonElement answer = await _served.OkAsync("/responses", body);
        answer.GetProperty("id").GetString()!.ShouldStartWith("resp_");
        answer.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString()!.Trim().ShouldBe("\"foooooo\"");
        body["text"] = JsonNode.Parse("""{"format":{"type":"json_schema","name":"test"}}""");
        (await _served.PostAsync("/responses", body)).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Anthropics_images_and_missing_messages_are_refused_in_words()
    {
        (int status, JsonElement answer) = await _served.PostAsync(
            "/v1/messages",
            JsonNode.Parse(
                """{"max_tokens":10,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"text","text":"?"}]}]}"""
            )!
        );
        status.ShouldBe(400);
        answer.GetProperty("error").GetProperty("message").GetString()!.ShouldContain("image input is not supported");
        (await _served.PostAsync("/v1/messages", new JsonObject { ["max_tokens"] = 5 })).Status.ShouldBe(400);
    }

    private static string Content(JsonElement answer) =>
        answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
}
