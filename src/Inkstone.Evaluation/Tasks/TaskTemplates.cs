using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>The Jinja environment of task files: nothing is trimmed, an undefined name is a fault, and there is regex_replace.</summary>
internal static class TaskTemplates
{
    public static TemplateOptions Options { get; } =
        new()
        {
            TrimBlocks = false,
            LeftStripBlocks = false,
            KeepTrailingNewline = true,
            StrictUndefined = true,
            Filters = new Dictionary<string, TemplateFilter>
            {
                ["regex_replace"] = new(
                    "pattern repl count=0",
                    (value, a) =>
                        new StringValue(PythonRegex.Parse(Text(a[0])).Replace(Text(value), Text(a[1]), PythonValues.Whole(a[2]) ?? 0))
                ),
            },
        };

    private static string Text(Value value) =>
        value is StringValue text
            ? text.Content
            : throw new FormatException($"expected string or bytes-like object, got '{value.TypeName}'");
}
