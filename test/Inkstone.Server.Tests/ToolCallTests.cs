using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;

namespace Inkstone.Server.Tests;

/// <summary>Calls of tools: what clients get of them, whole and streamed.</summary>
public sealed class ToolCallTests
{
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
}
