using System.Text.Json.Nodes;

namespace Inkstone.Chat.Tests;

public sealed class ToolsAsTextTests
{
    [Fact]
    public void A_template_without_tools_gets_them_as_text()
    {
        JsonArray tools = (JsonArray)
            JsonNode.Parse(
                """
                [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
                """
            )!;
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
    }
}
