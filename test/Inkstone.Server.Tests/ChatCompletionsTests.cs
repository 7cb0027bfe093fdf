using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server.Tests;

/// <summary>What clients of OpenAI's chat API need, each thing by itself.</summary>
public sealed class ChatCompletionsTests : IAsyncLifetime
{
    private Served _served = null!;

    public async ValueTask InitializeAsync() => _served = await Served.StartAsync();

    public ValueTask DisposeAsync() => _served.DisposeAsync();

    [Fact]
    public async Task An_answer_has_all_that_clients_read()
    {
        JsonElement answer = await _served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>"));
        answer.GetProperty("object").GetString().ShouldBe("chat.completion");
        answer
            .GetProperty("created")
            .GetInt64()
            .ShouldBeInRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        answer.GetProperty("system_fingerprint").GetString()!.ShouldStartWith("b");
        JsonElement choice = answer.GetProperty("choices").EnumerateArray().ShouldHaveSingleItem();
        choice.GetProperty("index").GetInt32().ShouldBe(0);
        choice.GetProperty("finish_reason").GetString().ShouldBe("stop");
        choice.GetProperty("message").GetProperty("role").GetString().ShouldBe("assistant");
        choice.GetProperty("message").GetProperty("content").GetString().ShouldBe("Hello, world!");
        JsonElement usage = answer.GetProperty("usage");
        usage.GetProperty("completion_tokens").GetInt32().ShouldBe(4);
        usage.GetProperty("total_tokens").GetInt32().ShouldBe(usage.GetProperty("prompt_tokens").GetInt32() + 4);
    }

    [Fact]
    public async Task Each_answer_has_an_id_of_its_own()
    {
        string?[] ids =
        [
            .. await Task.WhenAll(
                Enumerable
                    .Range(0, 4)
                    .Select(async _ =>
                        (await _served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>"))).GetProperty("id").GetString()
                    )
            ),
        ];
        ids.Distinct().Count().ShouldBe(4);
        ids.ShouldAllBe(id => id!.StartsWith("chatcmpl-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Silence_is_an_empty_text_and_not_null() =>
        Message(await _served.OkAsync("/v1/chat/completions", Served.Say("<|nothing|>"))).GetProperty("content").GetString().ShouldBe("");

    [Fact]
    public async Task A_stream_begins_with_the_role_ends_with_a_reason_and_closes()
    {
        (string raw, List<JsonElement> events) = await _served.StreamAsync("/v1/chat/completions", Served.Say("<|hello|>"));
        raw.ShouldNotContain('\r');
        raw.Split('\n').ShouldNotContain(line => line.StartsWith("event:", StringComparison.Ordinal));
        raw.ShouldEndWith("data: [DONE]\n\n");
        events.Select(e => e.GetProperty("id").GetString()).Distinct().Count().ShouldBe(1);
        JsonElement[] deltas = [.. events.Select(e => e.GetProperty("choices")[0].GetProperty("delta"))];
        deltas[0].GetProperty("role").GetString().ShouldBe("assistant");
        deltas[0].GetProperty("content").ValueKind.ShouldBe(JsonValueKind.Null);
        deltas.Skip(1).Count(d => d.TryGetProperty("role", out _)).ShouldBe(0);
        string.Concat(deltas.Skip(1).Select(d => d.TryGetProperty("content", out JsonElement c) ? c.GetString() : ""))
            .ShouldBe("Hello, world!");
        events
            .Select(e => e.GetProperty("choices")[0].GetProperty("finish_reason").GetString())
            .Where(r => r is not null)
            .ShouldBe(["stop"]);
        events.Count(e => e.TryGetProperty("usage", out _)).ShouldBe(0);
    }

    [Fact]
    public async Task Usage_comes_once_and_last_when_it_is_asked_for()
    {
        (_, List<JsonElement> events) = await _served.StreamAsync(
            "/v1/chat/completions",
            Served.Say("<|hello|>", ("stream_options", new JsonObject { ["include_usage"] = true }))
        );
        events.Count(e => e.TryGetProperty("usage", out _)).ShouldBe(1);
        events[^1].GetProperty("choices").GetArrayLength().ShouldBe(0);
        events[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32().ShouldBe(4);
        (_, List<JsonElement> without) = await _served.StreamAsync(
            "/v1/chat/completions",
            Served.Say("<|hello|>", ("stream_options", new JsonObject { ["include_usage"] = false }))
        );
        without.Count(e => e.TryGetProperty("usage", out _)).ShouldBe(0);
    }

    [Fact]
    public async Task Length_ends_an_answer_by_either_name()
    {
        foreach (string name in (string[])["max_tokens", "max_completion_tokens"])
        {
            JsonElement answer = await _served.OkAsync("/v1/chat/completions", Served.Say("<|long|>", (name, 3)));
            answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("length");
            answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32().ShouldBe(3);
        }
    }

    [Fact]
    public async Task A_stop_text_ends_an_answer_and_is_not_part_of_it()
    {
        JsonElement answer = await _served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>", ("stop", "wor")));
        Message(answer).GetProperty("content").GetString().ShouldBe("Hello, ");
        answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("stop");
    }

    [Fact]
    public async Task Several_answers_have_their_numbers()
    {
        JsonElement answer = await _served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>", ("n", 3)));
        answer.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("index").GetInt32()).ShouldBe([0, 1, 2]);
        (_, List<JsonElement> events) = await _served.StreamAsync("/v1/chat/completions", Served.Say("<|hello|>", ("n", 3)));
        foreach (int index in (int[])[0, 1, 2])
        {
            string.Concat(
                    events
                        .Select(e => e.GetProperty("choices")[0])
                        .Where(c => c.GetProperty("index").GetInt32() == index)
                        .Select(c => c.GetProperty("delta").TryGetProperty("content", out JsonElement text) ? text.GetString() : "")
                )
                .ShouldBe("Hello, world!");
        }
    }

    [Fact]
    public async Task Log_probabilities_tell_every_token()
    {
        JsonObject body = Served.Say("<|hello|>", ("logprobs", true), ("top_logprobs", 3));
        JsonElement answer = await _served.OkAsync("/v1/chat/completions", body);
        JsonElement[] tokens = [.. answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content").EnumerateArray()];
        string.Concat(tokens.Select(t => t.GetProperty("token").GetString())).ShouldBe("Hello, world!");
        tokens.ShouldAllBe(t =>
            t.GetProperty("logprob").GetDouble() <= 0
            && t.GetProperty("bytes").GetArrayLength() > 0
            && t.GetProperty("top_logprobs").GetArrayLength() == 3
        );
        (_, List<JsonElement> events) = await _served.StreamAsync("/v1/chat/completions", body);
        string.Concat(
                events
                    .Select(e => e.GetProperty("choices")[0])
                    .Where(c => c.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
                    .SelectMany(c => c.GetProperty("logprobs").GetProperty("content").EnumerateArray())
                    .Select(t => t.GetProperty("token").GetString())
            )
            .ShouldBe("Hello, world!");
    }

    [Fact]
    public async Task A_bias_can_forbid_a_token()
    {
        JsonElement tokens = await _served.OkAsync("/tokenize", new JsonObject { ["content"] = "ld!" });
        int id = tokens.GetProperty("tokens")[0].GetInt32();
        string? said = Message(
                await _served.OkAsync(
                    "/v1/chat/completions",
                    Served.Say("<|hello|>", ("logit_bias", new JsonObject { [$"{id}"] = -100 }), ("max_tokens", 8))
                )
            )
            .GetProperty("content")
            .GetString();
        said.ShouldNotBeNull().ShouldNotContain("ld!");
    }

    [Fact]
    public async Task What_clients_send_beside_is_taken()
    {
        JsonObject body = (JsonObject)
            JsonNode.Parse(
                """
                {"model": "gpt-9", "store": false, "user": "u", "metadata": {"a": "b"}, "reasoning_effort": "low", "parallel_tool_calls": true, "seed": 7, "temperature": 0, "max_completion_tokens": null, "stop": null,
                 "service_tier": "auto", "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "response_format": {"type": "text"}, "logit_bias": null, "stream_options": null, "tools": null, "unheard_of": {"x": [1]},
                 "messages": [
                  {"role": "developer", "content": [{"type": "text", "text": "Be kind."}], "name": "boss"},
                  {"role": "user", "content": "hi", "name": "ann"},
                  {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "Plugin-get_weather", "arguments": "{\n  \"city\": \"Rome\"\n}"}}]},
                  {"role": "tool", "tool_call_id": "c1", "content": "\"sunny\""},
                  {"role": "assistant", "content": null, "tool_calls": [{"id": "c2", "type": "function", "function": {"name": "t", "arguments": ""}}], "reasoning_content": "hm"},
                  {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "ok"}]},
                  {"role": "assistant", "content": ""},
                  {"role": "user", "content": [{"type": "text", "text": "<|hello|>"}]}]}
                """
            )!;
        Message(await _served.OkAsync("/chat/completions", body)).GetProperty("content").GetString().ShouldBe("Hello, world!");
    }

    [Fact]
    public async Task Indented_arguments_give_the_same_prompt()
    {
        static JsonObject Body(string arguments) =>
            (JsonObject)
                JsonNode.Parse(
                    $$"""
                    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {{JsonSerializer.Serialize(
                        arguments
                    )}} } }]},
                     {"role": "tool", "tool_call_id": "c", "content": "1"}]}
                    """
                )!;
        string? one = (await _served.OkAsync("/apply-template", Body("{\"a\":1,\"b\":[2]}"))).GetProperty("prompt").GetString();
        one.ShouldBe(
            (await _served.OkAsync("/apply-template", Body("{\n  \"a\": 1,\n  \"b\": [ 2 ]\n}"))).GetProperty("prompt").GetString()
        );
        one.ShouldNotBeNull().ShouldContain("[f {\"a\": 1, \"b\": [2]}]");
    }

    [Fact]
    public async Task Thoughts_are_told_apart()
    {
        JsonElement message = Message(await _served.OkAsync("/v1/chat/completions", Served.Say("<|think|>")));
        message.GetProperty("reasoning_content").GetString().ShouldBe("She greets me.");
        message.GetProperty("content").GetString().ShouldBe("Good day.");
        (_, List<JsonElement> events) = await _served.StreamAsync("/v1/chat/completions", Served.Say("<|think|>"));
        string All(string key) =>
            string.Concat(
                events
                    .Select(e => e.GetProperty("choices")[0].GetProperty("delta"))
                    .Select(d => d.TryGetProperty(key, out JsonElement t) ? t.GetString() : "")
            );
        All("reasoning_content").ShouldBe("She greets me.");
        All("content").ShouldBe("Good day.");
        Message(await _served.OkAsync("/v1/chat/completions", Served.Say("<|think|>", ("reasoning_format", "none"))))
            .GetProperty("content")
            .GetString()!
            .ShouldContain("<think>");
    }

    [Fact]
    public async Task A_begun_answer_is_continued()
    {
        JsonObject body = Served.Say("hi");
        body["messages"]!
            .AsArray()
            .Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["role"] = "assistant",
                        ["content"] = new JsonArray(
                            new JsonObject { ["type"] = "text", ["text"] = "Hello" },
                            new JsonObject { ["type"] = "text", ["text"] = ", " }
                        ),
                    }
            );
        Message(await _served.OkAsync("/v1/chat/completions", body)).GetProperty("content").GetString().ShouldBe("world!");
        (await _served.OkAsync("/apply-template", body.DeepClone())).GetProperty("prompt").GetString()!.ShouldEndWith("Hello, ");
    }

    private static JsonElement Message(JsonElement answer) => answer.GetProperty("choices")[0].GetProperty("message");
}
