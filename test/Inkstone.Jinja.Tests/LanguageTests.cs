using System.Text.Json.Nodes;

namespace Inkstone.Jinja.Tests;

public sealed class LanguageTests
{
    private static readonly TimeProvider SaturdayAfternoon = new StoppedClock(new DateTime(2024, 7, 6, 15, 5, 3, 123, 456));

    private static readonly TemplateOptions Strict = new()
    {
        TrimBlocks = false,
        LeftStripBlocks = false,
        KeepTrailingNewline = true,
        StrictUndefined = true,
    };

    /// <summary>jinja-cases.py wrote the files: about four hundred small templates and what jinja2 makes of them in two
    /// environments.</summary>
    [Theory]
    [InlineData("jinja-cases.json", false)]
    [InlineData("jinja-strict.json", true)]
    public void The_language_is_that_of_jinja2(string name, bool strict)
    {
        JsonNode file = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, name)))!;
        List<KeyValuePair<string, Value>> variables =
        [
            .. file["variables"]!.AsObject().Select(v => KeyValuePair.Create(v.Key, JsonValues.FromJson(v.Value))),
            new("tools", NoneValue.None),
            new("documents", NoneValue.None),
            new("add_generation_prompt", BoolValue.False),
        ];
        List<string> different = [];
        foreach (JsonNode? golden in file["cases"]!.AsArray())
        {
            string source = (string)golden!["template"]!;
            string? expected = (string?)golden["text"],
                actual,
                fault = null;
            try
            {
                actual = Template.Parse(source, options: strict ? Strict : TemplateOptions.Chat).Render(variables, SaturdayAfternoon);
            }
            catch (TemplateException e)
            {
                (actual, fault) = (null, e.Message);
            }
            if (actual != expected)
            {
                different.Add($"{source}\n  expected {expected ?? (string?)golden["error"]}\n  found    {actual ?? fault}");
            }
        }
        different.ShouldBeEmpty();
        file["cases"]!.AsArray().Count.ShouldBeGreaterThan(350);
    }

    [Fact]
    public void A_program_adds_filters()
    {
        TemplateOptions options = new()
        {
            Filters = new Dictionary<string, TemplateFilter>
            {
                ["thrice"] = new(
                    "by=3",
                    (value, a) => a[0] is IntValue ? new StringValue(value.Text + a[0].Text) : throw new FormatException("no number")
                ),
            },
        };
        Template
            .Parse("{{ 'a' | thrice }}{{ ['b'] | map('thrice', by=4) | first }}{{ 'thrice' is filter }}", options: options)
            .Render([])
            .ShouldBe("a3b4True");
        Should
            .Throw<TemplateException>(() => Template.Parse("\n{{ 'a' | thrice('x') }}", "t", options).Render([]))
            .Message.ShouldBe("t, line 2: no number.");
        Should.Throw<TemplateException>(() => Template.Parse("{{ 'a' | thrice }}")).Reason.ShouldContain("no filter named 'thrice'");
    }

    [Theory]
    [InlineData(null, "{\"a\": [1, 2.0, \"\\u00e9\"], \"b\": {}}")]
    [InlineData(2, "{\n  \"a\": [\n    1,\n    2.0,\n    \"\\u00e9\"\n  ],\n  \"b\": {}\n}")]
    public void Values_are_written_as_Python_writes_JSON(int? indent, string expected) =>
        JsonValues.Write(JsonValues.FromJson(JsonNode.Parse("""{"a": [1, 2.0, "é"], "b": {}}""")), indent).ShouldBe(expected);

    private sealed class StoppedClock(DateTime now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(now, TimeSpan.Zero);
    }
}
