using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Server.Tests;

/// <summary>completions, responses, embeddings, tokens, Anthropic's messages and Ollama's API.</summary>
public sealed class OtherApisTests : IAsyncLifetime
{
    private Served _served = null!;

    public async ValueTask InitializeAsync() => _served = await Served.StartAsync();

    public ValueTask DisposeAsync() => _served.DisposeAsync();

    [Fact]
    public async Task Completions_go_on_behind_texts_and_tokens()
    {
        int[] ids =
        [
            .. (await _served.OkAsync("/tokenize", new JsonObject { ["content"] = "<|hello|>" }))
                .GetProperty("tokens")
                .EnumerateArray()
                .Select(t => t.GetInt32()),
        ];
        JsonElement answer = await _served.OkAsync(
            "/v1/completions",
            new JsonObject
            {
                ["prompt"] = new JsonArray("<|hello|>", "<|sun|>"),
                ["temperature"] = 0,
                ["max_tokens"] = 20,
                ["logprobs"] = 2,
            }
        );
        answer
            .GetProperty("choices")
            .EnumerateArray()
            .Select(c => c.GetProperty("text").GetString())
            .ShouldBe(["Hello, world!", "The sun shines in Paris."]);
        answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("tokens").GetArrayLength().ShouldBe(4);
        (await _served.OkAsync("/v1/completions", new JsonObject { ["prompt"] = Wire.Numbers(ids), ["temperature"] = 0 }))
            .GetProperty("choices")[0]
            .GetProperty("text")
            .GetString()
            .ShouldBe("Hello, world!");
        (string raw, List<JsonElement> events) = await _served.StreamAsync(
            "/v1/completions",
            new JsonObject { ["prompt"] = "<|hello|>", ["temperature"] = 0 }
        );
        string.Concat(events.Select(e => e.GetProperty("choices")[0].GetProperty("text").GetString())).ShouldBe("Hello, world!");
        raw.ShouldEndWith("data: [DONE]\n\n");
        (
            await _served.OkAsync(
                "/v1/completions",
                new JsonObject
                {
                    ["prompt"] = "<|hello|>",
                    ["echo"] = true,
                    ["temperature"] = 0,
                }
            )
        ).GetProperty("choices")[0].GetProperty("text").GetString().ShouldBe("<|hello|>Hello, world!");
    }

    [Fact]
    public async Task The_native_completion_tells_how_it_ended()
    {
        JsonElement answer = await _served.OkAsync(
            "/completion",
            new JsonObject
            {
                ["prompt"] = "<|hello|>",
                ["temperature"] = 0,
                ["n_predict"] = 2,
                ["return_tokens"] = true,
                ["n_probs"] = 3,
            }
        );
        answer.GetProperty("content").GetString().ShouldBe("Hello, ");
        answer.GetProperty("stop_type").GetString().ShouldBe("limit");
        answer.GetProperty("tokens").GetArrayLength().ShouldBe(2);
        answer.GetProperty("timings").GetProperty("predicted_n").GetInt32().ShouldBe(2);
        answer.GetProperty("completion_probabilities")[0].GetProperty("top_logprobs").GetArrayLength().ShouldBe(3);
        (await _served.OkAsync("/completion", new JsonObject { ["prompt"] = new JsonArray("<|hello|>", "<|sun|>"), ["temperature"] = 0 }))
            .GetArrayLength()
            .ShouldBe(2);
        JsonElement some = await _served.OkAsync(
            "/completion",
            new JsonObject
            {
                ["prompt"] = "<|hello|>",
                ["n_predict"] = 3,
                ["response_fields"] = new JsonArray("content", "generation_settings/n_predict"),
            }
        );
        some.EnumerateObject().Select(m => m.Name).ShouldBe(["content", "generation_settings/n_predict"]);
    }

    [Fact]
    public async Task Responses_come_whole_and_streamed()
    {
        JsonElement answer = await _served.OkAsync("/v1/responses", new JsonObject { ["input"] = "<|hello|>", ["temperature"] = 0 });
        answer.GetProperty("status").GetString().ShouldBe("completed");
        JsonElement message = answer.GetProperty("output").EnumerateArray().ShouldHaveSingleItem();
        message.GetProperty("id").GetString()!.ShouldStartWith("msg_");
        message.GetProperty("role").GetString().ShouldBe("assistant");
        message.GetProperty("content")[0].GetProperty("text").GetString().ShouldBe("Hello, world!");
        message.GetProperty("content")[0].GetProperty("annotations").GetArrayLength().ShouldBe(0);
        (string raw, List<JsonElement> events) = await _served.StreamAsync(
            "/v1/responses",
            new JsonObject
            {
                ["input"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "<|hello|>" }),
                ["temperature"] = 0,
            }
        );
        raw.ShouldStartWith("event: response.created\ndata: ");
        events.Select(e => e.GetProperty("sequence_number").GetInt32()).ShouldBe(Enumerable.Range(0, events.Count));
        events
            .Select(e => e.GetProperty("type").GetString())
            .Distinct()
            .ShouldBe([
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]);
        string.Concat(
                events
                    .Where(e => e.GetProperty("type").GetString() == "response.output_text.delta")
                    .Select(e => e.GetProperty("delta").GetString())
            )
            .ShouldBe("Hello, world!");
        events[^1].GetProperty("response").GetProperty("usage").GetProperty("output_tokens").GetInt32().ShouldBe(4);
    }

    [Fact]
    public async Task Responses_call_functions_and_take_their_results()
    {
        JsonArray tools =
        [
            new JsonObject
            {
                ["type"] = "function",
                ["name"] = "get_weather",
                ["strict"] = true,
                ["parameters"] = JsonNode.Parse(
                    """{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false}"""
                ),
            },
        ];
        JsonElement call = (
            await _served.OkAsync(
                "/v1/responses",
                new JsonObject
                {
                    ["input"] = "<|weather|>",
                    ["tools"] = tools.DeepClone(),
                    ["temperature"] = 0,
                }
            )
        ).GetProperty("output").EnumerateArray().ShouldHaveSingleItem();
        call.GetProperty("type").GetString().ShouldBe("function_call");
        call.GetProperty("arguments").GetString().ShouldBe("{\"city\": \"Paris\"}");
        JsonElement answer = await _served.OkAsync(
            "/v1/responses",
            new JsonObject
            {
                ["input"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "message",
                        ["role"] = "user",
                        ["content"] = new JsonArray(new JsonObject { ["type"] = "input_text", ["text"] = "weather?" }),
                    },
                    JsonNode.Parse(call.GetRawText()),
                    new JsonObject
                    {
                        ["type"] = "function_call_output",
                        ["call_id"] = call.GetProperty("call_id").GetString(),
                        ["output"] = "<|sun|>",
                    }
                ),
                ["tools"] = tools,
                ["temperature"] = 0,
                ["store"] = true,
            }
        );
        answer.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString().ShouldBe("The sun shines in Paris.");
    }

    [Fact]
    public async Task Embeddings_come_as_numbers_and_as_base64()
    {
        JsonElement numbers = await _served.OkAsync(
            "/v1/embeddings",
            new JsonObject { ["input"] = new JsonArray("abc", "abd"), ["encoding_format"] = "float" }
        );
        float[] first = [.. numbers.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(x => x.GetSingle())];
        Math.Sqrt(first.Sum(x => x * x)).ShouldBe(1, 1e-3);
        JsonElement base64 = await _served.OkAsync("/v1/embeddings", new JsonObject { ["input"] = "abc", ["encoding_format"] = "base64" });
        byte[] bytes = Convert.FromBase64String(base64.GetProperty("data")[0].GetProperty("embedding").GetString()!);
        Enumerable
            .Range(0, first.Length)
            .Select(i => BitConverter.ToSingle(bytes, 4 * i))
            .Zip(first)
            .ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-6);
        numbers.GetProperty("usage").GetProperty("prompt_tokens").GetInt32().ShouldBe(6);
        foreach (
            JsonNode input in (JsonNode[])
                [
                    "",
                    new JsonArray(12, 34, "string", 56),
                    new JsonArray("a", new JsonArray(1, 2)),
                    new JsonObject { ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = "s" }) },
                ]
        )
        {
            await _served.OkAsync("/v1/embeddings", new JsonObject { ["input"] = input });
        }
        foreach (
            JsonNode input in (JsonNode[])
                [
                    new JsonArray(),
                    new JsonObject { ["content"] = "string" },
                    7,
                    new JsonArray(true),
                    string.Concat(Enumerable.Repeat("long ", 3000)),
                ]
        )
        {
            (await _served.PostAsync("/v1/embeddings", new JsonObject { ["input"] = input })).Status.ShouldBe(400);
        }
    }

    [Fact]
    public async Task Tokens_go_there_and_back()
    {
        JsonElement tokens = await _served.OkAsync("/tokenize", new JsonObject { ["content"] = "What 媽 🤗 is", ["with_pieces"] = true });
        JsonArray ids = [.. tokens.GetProperty("tokens").EnumerateArray().Select(t => (JsonNode)t.GetProperty("id").GetInt32())];
        (await _served.OkAsync("/detokenize", new JsonObject { ["tokens"] = ids }))
            .GetProperty("content")
            .GetString()
            .ShouldBe("What 媽 🤗 is");
        JsonObject body = Served.Say("hi");
        (await _served.OkAsync("/apply-template", body))
            .GetProperty("prompt")
            .GetString()
            .ShouldBe("<|bos|><|user|>hi<|end|><|assistant|>hi");
        body["add_generation_prompt"] = false;
        (await _served.OkAsync("/apply-template", body)).GetProperty("prompt").GetString().ShouldBe("<|bos|><|user|>hi<|end|>");
    }

    [Fact]
    public async Task The_servers_state_can_be_asked_for()
    {
        (await _served.Client.GetFromJsonAsync<JsonElement>("/health")).GetProperty("status").GetString().ShouldBe("ok");
        (await _served.Client.GetFromJsonAsync<JsonElement>("/v1/models"))
            .GetProperty("data")[0]
            .GetProperty("id")
            .GetString()
            .ShouldBe("scripted");
        (await _served.Client.GetFromJsonAsync<JsonElement>("/v1/models/scripted")).GetProperty("object").GetString().ShouldBe("model");
        (await _served.Client.GetAsync("/v1/models/other")).StatusCode.ShouldBe(System.Net.HttpStatusCode.NotFound);
        (await _served.Client.GetFromJsonAsync<JsonElement>("/props")).GetProperty("n_ctx").GetInt32().ShouldBe(4096);
        await _served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>"));
        string metrics = "";
        for (int i = 0; i < 50 && !metrics.Contains("/v1/chat/completions\",status=\"200\"} 1\n", StringComparison.Ordinal); i++)
        {
            await Task.Delay(20); // figures follow the answer
            metrics = await _served.Client.GetStringAsync("/metrics");
        }
        metrics.ShouldContain("inkstone_answers_total{finish_reason=\"stop\"} 1\n");
        metrics.ShouldMatch(@"inkstone_generated_tokens_total [1-9]");
        metrics.ShouldContain("inkstone_http_requests_total{path=\"/v1/chat/completions\",status=\"200\"} 1\n");
        metrics
            .Split('\n')
            .Where(l => l.Length > 0 && !l.StartsWith('#'))
            .ShouldAllBe(l => System.Text.RegularExpressions.Regex.IsMatch(l, @"^[a-z_]+(\{.*\})? [0-9.eE+-]+$"));
    }

    [Fact]
    public async Task Anthropics_messages_come_whole_and_streamed()
    {
        JsonElement answer = await _served.OkAsync("/v1/messages", Message("<|hello|>"));
        answer.GetProperty("type").GetString().ShouldBe("message");
        answer.GetProperty("content")[0].GetProperty("text").GetString().ShouldBe("Hello, world!");
        answer.GetProperty("stop_reason").GetString().ShouldBe("end_turn");
        answer.GetProperty("usage").GetProperty("output_tokens").GetInt32().ShouldBe(4);
        JsonElement thought = await _served.OkAsync("/v1/messages", Message("<|think|>"));
        thought.GetProperty("content").EnumerateArray().Select(b => b.GetProperty("type").GetString()).ShouldBe(["thinking", "text"]);
        JsonObject stop = Message("<|hello|>");
        stop["stop_sequences"] = new JsonArray("ld!");
        (await _served.OkAsync("/v1/messages", stop)).GetProperty("stop_reason").GetString().ShouldBe("stop_sequence");
        (_, List<JsonElement> events) = await _served.StreamAsync("/v1/messages", Message("<|think|>"));
        events
            .Select(e => e.GetProperty("type").GetString())
            .Where(t => t is not ("ping" or "content_block_delta"))
            .ShouldBe([
                "message_start",
                "content_block_start",
                "content_block_stop",
                "content_block_start",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ]);
        events
            .Where(e => e.GetProperty("type").GetString() == "content_block_start")
            .Select(e => e.GetProperty("index").GetInt32())
            .ShouldBe([0, 1]);
    }

    [Fact]
    public async Task Anthropics_tools_are_called_and_answered()
    {
        JsonObject body = Message("<|weather|>");
        body["tools"] = new JsonArray(
            new JsonObject
            {
                ["name"] = "get_weather",
                ["input_schema"] = JsonNode.Parse(
                    """{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}"""
                ),
            }
        );
        JsonElement answer = await _served.OkAsync("/v1/messages", body);
        answer.GetProperty("stop_reason").GetString().ShouldBe("tool_use");
        JsonElement use = answer.GetProperty("content").EnumerateArray().ShouldHaveSingleItem();
        use.GetProperty("input").GetProperty("city").GetString().ShouldBe("Paris");
        (_, List<JsonElement> events) = await _served.StreamAsync("/v1/messages", body);
        string.Concat(
                events
                    .Where(e => e.GetProperty("type").GetString() == "content_block_delta")
                    .Select(e => e.GetProperty("delta").GetProperty("partial_json").GetString())
            )
            .ShouldBe("{\"city\": \"Paris\"}");
        body["messages"]!
            .AsArray()
            .Add(new JsonObject { ["role"] = "assistant", ["content"] = JsonNode.Parse(answer.GetProperty("content").GetRawText()) });
        body["messages"]!
            .AsArray()
            .Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["role"] = "user",
                        ["content"] = new JsonArray(
                            new JsonObject
                            {
                                ["type"] = "tool_result",
                                ["tool_use_id"] = use.GetProperty("id").GetString(),
                                ["content"] = "<|sun|>",
                            }
                        ),
                    }
            );
        (await _served.OkAsync("/v1/messages", body))
            .GetProperty("content")[0]
            .GetProperty("text")
            .GetString()
            .ShouldBe("The sun shines in Paris.");
        (await _served.OkAsync("/v1/messages/count_tokens", body)).GetProperty("input_tokens").GetInt32().ShouldBeGreaterThan(50);
    }

    [Fact]
    public async Task Ollamas_chat_is_a_document_a_line()
    {
        using HttpResponseMessage response = await _served.Client.PostAsync(
            "/api/chat",
            JsonContent.Create(
                new
                {
                    model = "scripted",
                    messages = new[] { new { role = "user", content = "<|hello|>" } },
                    options = new { temperature = 0, num_predict = -1 },
                }
            )
        );
        JsonElement[] lines =
        [
            .. (await response.Content.ReadAsStringAsync())
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => JsonDocument.Parse(l).RootElement),
        ];
        string.Concat(lines.Select(l => l.GetProperty("message").GetProperty("content").GetString())).ShouldBe("Hello, world!");
        lines[^1].GetProperty("done_reason").GetString().ShouldBe("stop");
        lines[^1].GetProperty("eval_count").GetInt32().ShouldBe(4);
        JsonObject tools = new()
        {
            ["model"] = "scripted",
            ["stream"] = false,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "<|weather|>" }),
            ["tools"] = Served.Tools("get_weather"),
        };
        (await _served.OkAsync("/api/chat", tools))
            .GetProperty("message")
            .GetProperty("tool_calls")[0]
            .GetProperty("function")
            .GetProperty("arguments")
            .GetProperty("city")
            .GetString()
            .ShouldBe("Paris");
        (
            await _served.OkAsync(
                "/api/generate",
                new JsonObject
                {
                    ["prompt"] = "<|hello|>",
                    ["stream"] = false,
                    ["options"] = new JsonObject { ["temperature"] = 0 },
                }
            )
        ).GetProperty("response").GetString().ShouldBe("Hello, world!");
        (await _served.OkAsync("/api/embed", new JsonObject { ["input"] = new JsonArray("a", "b") }))
            .GetProperty("embeddings")
            .GetArrayLength()
            .ShouldBe(2);
        (await _served.OkAsync("/api/show", new JsonObject { ["model"] = "scripted" }))
            .GetProperty("capabilities")
            .GetArrayLength()
            .ShouldBe(3);
        (await _served.Client.GetFromJsonAsync<JsonElement>("/api/tags"))
            .GetProperty("models")[0]
            .GetProperty("name")
            .GetString()
            .ShouldBe("scripted");
    }

    private static JsonObject Message(string content) =>
        new()
        {
            ["model"] = "claude",
            ["max_tokens"] = 100,
            ["system"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = "Be kind." }),
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = content }) }
            ),
            ["metadata"] = new JsonObject { ["user_id"] = "u" },
            ["temperature"] = 0,
            ["top_k"] = 40,
        };
}
