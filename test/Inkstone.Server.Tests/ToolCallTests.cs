using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;

namespace Inkstone.Server.Tests;

/// <summary>Calls of tools: every form that models write, whole and in pieces of any size, and what clients get of them.</summary>
public sealed class ToolCallTests
{
    private const string Weather = """{"city": "Paris", "note": "a \"quoted\" {brace}"}""";

    public static TheoryData<string, string, string> Forms =>
        new()
        {
            { "<tool_call>", $"<tool_call>\n{{\"name\": \"get_weather\", \"arguments\": {Weather}}}\n</tool_call>", Weather },
            { "<tool_call>", $"<tool_call>{{\"arguments\": {Weather}, \"name\": \"get_weather\"}}</tool_call>", Weather },
            {
                "<tool_call>",
                "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
                """{"city":"Paris","days":3}"""
            },
            { "<|python_tag|> parameters", $"{{\"name\": \"get_weather\", \"parameters\": {Weather}}}", Weather },
            {
                "<|python_tag|> parameters",
                $"<|python_tag|>{{\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": {Weather}}}",
                Weather
            },
            { "[TOOL_CALLS]", $"[TOOL_CALLS] [{{\"name\": \"get_weather\", \"arguments\": {Weather}, \"id\": \"abcdefghi\"}}]", Weather },
            { "[TOOL_CALLS]", $"[TOOL_CALLS]get_weather[CALL_ID]123456789[ARGS]{Weather}", Weather },
            { "[TOOL_CALLS]", $"[TOOL_CALLS]get_weather{Weather}", Weather },
            {
                "<｜tool▁call▁begin｜>",
                $"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{Weather}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                Weather
            },
            {
                "<｜tool▁call▁begin｜>",
                $"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{Weather}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                Weather
            },
            { "<tool_call>", "<tool_call>{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": 1}\"}</tool_call>", "{\"city\": 1}" },
            { "<tool_call>", "<tool_call>{\"name\": \"get_weather\"}</tool_call>", "{}" },
        };

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_call_is_read_in_every_form_however_it_is_cut(string template, string text, string arguments)
    {
        foreach (int size in (int[])[1, 2, 3, 7, text.Length])
        {
            Read read = Read.Of("tools " + template, text, size);
            read.Calls.ShouldBe([("get_weather", arguments)], $"in pieces of {size}");
            read.Text.Trim().ShouldBe("");
        }
    }

    [Theory]
    [InlineData("<tool_call> is a tag of mine.")]
    [InlineData("Use <tool_ca or <tool_call>{\"nothing\": 1}</tool_call>")]
    [InlineData("a < b and <|x|> { [")]
    [InlineData("ends with <tool_cal")]
    public void What_only_looks_like_a_call_stays_text(string text)
    {
        foreach (int size in (int[])[1, 4, text.Length])
        {
            Read read = Read.Of("tools <tool_call>", text, size);
            read.Calls.ShouldBeEmpty();
            read.Text.Replace("<tool_call>", "", StringComparison.Ordinal)
                .Replace(" ", "", StringComparison.Ordinal)
                .ShouldBe(
                    text.Replace("<tool_call>", "", StringComparison.Ordinal)
                        .Replace("</tool_call>", "</tool_call>", StringComparison.Ordinal)
                        .Replace(" ", "", StringComparison.Ordinal)
                );
        }
    }

    [Fact]
    public void A_json_answer_of_a_model_that_calls_in_json_is_an_answer() =>
        Read.Of("tools <|python_tag|>", "{\"temperature\": 20}", 1).Text.ShouldBe("{\"temperature\": 20}");

    [Fact]
    public async Task A_call_comes_whole_and_streamed()
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = Served.Say("<|weather|>", ("tools", Served.Tools("get_weather")));
        JsonElement choice = (await served.OkAsync("/v1/chat/completions", body)).GetProperty("choices")[0];
        choice.GetProperty("finish_reason").GetString().ShouldBe("tool_calls");
        choice.GetProperty("message").GetProperty("content").GetString().ShouldBe("");
        JsonElement call = choice.GetProperty("message").GetProperty("tool_calls").EnumerateArray().ShouldHaveSingleItem();
        call.GetProperty("type").GetString().ShouldBe("function");
        call.GetProperty("id").GetString().ShouldNotBeNullOrEmpty();
        call.GetProperty("function").GetProperty("name").GetString().ShouldBe("get_weather");
        call.GetProperty("function").GetProperty("arguments").GetString().ShouldBe("{\"city\": \"Paris\"}");

        (_, List<JsonElement> events) = await served.StreamAsync("/v1/chat/completions", body);
        JsonElement[] deltas =
        [
            .. events
                .Select(e => e.GetProperty("choices")[0].GetProperty("delta"))
                .Where(d => d.TryGetProperty("tool_calls", out _))
                .Select(d => d.GetProperty("tool_calls")[0]),
        ];
        deltas.ShouldAllBe(d => d.GetProperty("index").GetInt32() == 0);
        deltas[0].GetProperty("type").GetString().ShouldBe("function");
        deltas[0].GetProperty("id").GetString().ShouldNotBeNullOrEmpty();
        deltas.Length.ShouldBeGreaterThan(3);
        string.Concat(deltas.Select(d => d.GetProperty("function").GetProperty("arguments").GetString())).ShouldBe("{\"city\": \"Paris\"}");
        events[^1].GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("tool_calls");
    }

    [Fact]
    public async Task Two_calls_have_their_numbers_and_one_can_be_asked_for()
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = Served.Say("<|two|>", ("tools", Served.Tools("get_weather", "get_time")));
        JsonElement message = (await served.OkAsync("/v1/chat/completions", body)).GetProperty("choices")[0].GetProperty("message");
        message.GetProperty("content").GetString().ShouldBe("I look.");
        message
            .GetProperty("tool_calls")
            .EnumerateArray()
            .Select(c => c.GetProperty("function").GetProperty("name").GetString())
            .ShouldBe(["get_time", "get_weather"]);
        (_, List<JsonElement> events) = await served.StreamAsync("/v1/chat/completions", body);
        events
            .Select(e => e.GetProperty("choices")[0].GetProperty("delta"))
            .Where(d => d.TryGetProperty("tool_calls", out _))
            .Select(d => d.GetProperty("tool_calls")[0])
            .Where(c => c.TryGetProperty("id", out _))
            .Select(c => c.GetProperty("index").GetInt32())
            .ShouldBe([0, 1]);
        body["parallel_tool_calls"] = false;
        JsonElement one = (await served.OkAsync("/v1/chat/completions", body.DeepClone())).GetProperty("choices")[0];
        one.GetProperty("message").GetProperty("tool_calls").GetArrayLength().ShouldBe(1);
        one.GetProperty("finish_reason").GetString().ShouldBe("tool_calls");
    }

    [Fact]
    public async Task Without_tools_nothing_is_a_call()
    {
        await using Served served = await Served.StartAsync();
        foreach (
            JsonObject body in (JsonObject[])
                [Served.Say("<|weather|>"), Served.Say("<|weather|>", ("tools", Served.Tools("get_weather")), ("tool_choice", "none"))]
        )
        {
            JsonElement message = (await served.OkAsync("/v1/chat/completions", body)).GetProperty("choices")[0].GetProperty("message");
            message.TryGetProperty("tool_calls", out _).ShouldBeFalse();
            message.GetProperty("content").GetString()!.ShouldContain("get_weather");
        }
    }

    [Theory]
    [InlineData("[TOOL_CALLS]", "[TOOL_CALLS]")]
    [InlineData("<|python_tag|> parameters", "<|python_tag|>")]
    public async Task Markers_that_are_special_tokens_are_seen(string form, string marker)
    {
        Dictionary<string, string[]> scripts = new()
        {
            ["call"] = [marker, marker == "[TOOL_CALLS]" ? "[" : " ", "{\"name\": \"f\", ", "\"arguments\": {\"a\"", ": 1}}", "]"],
        };
        await using Served served = await Served.StartAsync(scripts: scripts, form: form);
        JsonElement message = (await served.OkAsync("/v1/chat/completions", Served.Say("<|call|>", ("tools", Served.Tools("f")))))
            .GetProperty("choices")[0]
            .GetProperty("message");
        message.GetProperty("tool_calls")[0].GetProperty("function").GetProperty("arguments").GetString().ShouldBe("{\"a\": 1}");
    }

    [Fact]
    public async Task A_template_without_tools_gets_them_as_text()
    {
        JsonArray tools = Served.Tools("get_weather");
        JsonArray messages = (JsonArray)
            JsonNode.Parse(
                """
                [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Rome"}}}]},
                 {"role": "tool", "tool_call_id": "c", "content": "sun"}, {"role": "tool", "tool_call_id": "d", "content": "moon"}]
                """
            )!;
        JsonArray written = ToolsAsText.Write(messages, tools);
        written.Select(m => (string?)m!["role"]).ShouldBe(["system", "user", "assistant", "user"]);
        ((string?)written[0]!["content"])!.ShouldContain("get_weather");
        ((string?)written[0]!["content"])!.ShouldContain("<tool_call>");
        // A forced call has begun already.
        ((string?)ToolsAsText.Write(messages, tools, forced: true)[0]!["content"])!.ShouldNotContain("<tool_call>");
        ((string?)written[2]!["content"])!.ShouldContain(
            "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Rome\"}}\n</tool_call>"
        );
        ((string?)written[3]!["content"])!.ShouldContain("moon");
        await Task.CompletedTask;
    }

    private sealed class Read
    {
        private readonly StringBuilder _text = new();
        private readonly List<(string Name, StringBuilder Arguments)> _calls = [];

        public string Text => _text.ToString();

        public IEnumerable<(string, string)> Calls => _calls.Select(c => (c.Name, c.Arguments.ToString()));

        public static Read Of(string template, string text, int size)
        {
            Read read = new();
            AnswerReader reader = new(
                ToolForm.Of(template),
                thoughts: true,
                inThought: false,
                (kind, part, call) =>
                {
                    switch (kind)
                    {
                        case PieceKind.Call:
                            read._calls.Add((part, new StringBuilder()));
                            break;
                        case PieceKind.Arguments:
                            read._calls[call].Arguments.Append(part);
                            break;
                        default:
                            read._text.Append(part);
                            break;
                    }
                }
            );
            for (int i = 0; i < text.Length; i += size)
            {
                reader.Add(text.Substring(i, Math.Min(size, text.Length - i)));
            }
            reader.End();
            return read;
        }
    }
}
