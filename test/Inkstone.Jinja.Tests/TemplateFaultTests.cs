using System.Text.Json.Nodes;

namespace Inkstone.Jinja.Tests;

public sealed class TemplateFaultTests
{
    private static readonly KeyValuePair<string, Value>[] Values =
    [
        new(
            "messages",
            JsonValues.FromJson(JsonNode.Parse("""[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]"""))
        ),
        new("tools", NoneValue.None),
    ];

    [Theory]
    [InlineData("a\n{{ raise_exception('Roles must alternate...') }}", 2, "Roles must alternate...")]
    [InlineData("\n\n{{ messages[0].no.more }}", 3, "'dict object' has no attribute 'no'")]
    [InlineData("{% for m in messages %}\n{{ m.content + 1 }}\n{% endfor %}", 2, "can only concatenate str (not \"int\") to str")]
    [InlineData("{% macro f(x) %}\n\n{{ x.y }}{% endmacro %}\n{{ f() }}", 3, "parameter 'x' was not provided")]
    [InlineData("x\n{% if true %}\n", 2, "{% elif %} or {% else %} or {% endif %}")]
    [InlineData("{{ 1\n + }}", 2, "unexpected '}}'")]
    [InlineData("\n{% frobnicate %}", 2, "the tag 'frobnicate' is unknown")]
    [InlineData("\n{{ messages | frobnicate }}", 2, "no filter named 'frobnicate'")]
    [InlineData("{{ messages is frobnicated }}", 1, "no test named 'frobnicated'")]
    [InlineData("{{ 'open }}", 1, "has no end")]
    [InlineData("\n{# open", 2, "'#}'")]
    [InlineData("{% set messages.x = 1 %}", 1, "messages is no namespace")]
    [InlineData("{{ messages.append(1) }}", 1, "access to attribute 'append' of 'list' object is unsafe")]
    [InlineData("{% include 'other' %}", 1, "stands alone")]
    [InlineData("{% break %}", 1, "stands in no loop")]
    public void Faults_say_what_and_where(string source, int line, string reason)
    {
        TemplateException fault = Should.Throw<TemplateException>(() => Template.Parse(source, "t.jinja").Render(Values));
        fault.Line.ShouldBe(line);
        fault.Reason.ShouldContain(reason);
        fault.Message.ShouldStartWith($"t.jinja, line {line}: ");
    }

    [Theory]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests too deeply")]
    [InlineData(
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "longer than a template may make"
    )]
    [InlineData(
        "{% set n = namespace(x=[1, 2]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "longer than a template may make"
    )]
    [InlineData(
        "{% set n = namespace(x=[1]) %}{% for i in range(900) %}{% for j in range(900) %}{% set n.x = [n.x] %}{% endfor %}{% endfor %}{{ n.x }}",
        "nests too deeply"
    )]
    [InlineData(
        "{% set n = namespace(x=[1]) %}{% for i in range(900) %}{% for j in range(900) %}{% set n.x = n.x | map('string') %}{% endfor %}{% endfor %}{{ n.x | list }}",
        "nests too deeply"
    )]
    [InlineData("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "nests too deeply")]
    [InlineData("{{ 'x' * 1000000000 }}", "longer than a template may make")]
    [InlineData("{{ '%1000000000d' % 1 }}", "longer than a template may make")]
    [InlineData("{{ 'x'.center(2000000000) }}", "longer than a template may make")]
    [InlineData("{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}", "bits")]
    [InlineData("{{ range(1000000000) }}", "range too big")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "too many steps")]
    public void Runaway_templates_end_in_a_fault(string source, string reason) =>
        Should.Throw<TemplateException>(() => Template.Parse(source).Render([])).Reason.ShouldContain(reason);

    [Theory]
    [InlineData("(")]
    [InlineData("[")]
    [InlineData("{1:")]
    [InlineData("not ")]
    [InlineData("-")]
    [InlineData("a if ")]
    public void Deep_nesting_ends_in_a_fault(string piece) =>
        Should.Throw<TemplateException>(() => Template.Parse("{{ " + string.Concat(Enumerable.Repeat(piece, 200_000)) + " }}"));

    [Fact]
    public void Random_templates_end_in_a_text_or_a_fault()
    {
        string[] pieces =
        [
            "{{ ",
            " }}",
            "{% ",
            " %}",
            "{%- ",
            " -%}",
            "{# ",
            " #}",
            "if ",
            "else",
            "endif",
            "for ",
            "in ",
            "endfor",
            "set ",
            "endset",
            "macro f(x)",
            "endmacro",
            "call ",
            "endcall",
            "filter ",
            "endfilter",
            "raw",
            "endraw",
            "x",
            "messages",
            "loop",
            "f",
            "ns",
            "namespace()",
            ".content",
            ".upper()",
            "[0]",
            "[::-1]",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            " | ",
            "upper",
            "join",
            "map",
            "list",
            "tojson",
            "int",
            "sort",
            "select",
            "'a'",
            "\"%s\"",
            "1",
            "2.5",
            "-3",
            " + ",
            " * ",
            " ~ ",
            " % ",
            " == ",
            " < ",
            " and ",
            " not ",
            " is ",
            "defined",
            "none",
            "true",
            "= ",
            "**",
            "\n",
            "text",
            "'{}'.format(",
            "range(5)",
            "床😀",
        ];
        Random random = new(7);
        int texts = 0;
        for (int i = 0; i < 20_000; i++)
        {
            string source = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => pieces[random.Next(pieces.Length)]));
            source = random.Next(2) == 0 ? "{{ " + source + " }}" : source;
            try
            {
                _ = Template.Parse(source).Render([.. Values, new("x", new IntValue(i))]);
                texts++;
            }
            catch (TemplateException)
            {
                // The one way in which a template may fail.
            }
        }
        texts.ShouldBeInRange(500, 19_500);
    }
}
