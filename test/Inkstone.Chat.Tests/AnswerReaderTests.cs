using System.Text;

namespace Inkstone.Chat.Tests;

/// <summary>Calls of tools in every form that models write, whole and in pieces of any size.</summary>
public sealed class AnswerReaderTests
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
                ToolForm.Detect(template),
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
