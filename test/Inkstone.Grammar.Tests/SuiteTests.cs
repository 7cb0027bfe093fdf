using System.Text;
using System.Text.Json;

namespace Inkstone.Grammar.Tests;

/// <summary>JSON-Schema-Test-Suite: what a schema calls valid can be written, and nothing else.</summary>
public sealed class SuiteTests(ITestOutputHelper output)
{
    /// <summary>The folder tests/draft2020-12 of the suite.</summary>
    private const string Folder = "INK_JSON_SCHEMA_SUITE";

    /// <summary>Keywords that are refused by name; all schemas of the suite that are refused have one of these.</summary>
    private static readonly string[] Refused = ["uniqueItems", "$dynamicRef", "$ref", "$schema"];

    public static TheoryData<string> Files => [.. FolderFiles().Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static string[] FolderFiles() =>
        Environment.GetEnvironmentVariable(Folder) is { Length: > 0 } folder ? Directory.GetFiles(folder, "*.json") : [];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Files))]
    [Trait("Category", "Slow")]
    public void Valid_instances_can_be_written_and_invalid_ones_cannot(string file) =>
        Check(File.ReadAllText(FolderFiles().Single(f => Path.GetFileName(f) == file)), output).ShouldBeEmpty();

    /// <summary>A few groups of the suite, copied.</summary>
    [Fact]
    public void Selected_instances() =>
        Check(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "suite.json")), output).ShouldBeEmpty();

    internal static List<string> Check(string groups, ITestOutputHelper output)
    {
        List<string> wrong = [];
        int held = 0,
            refused = 0,
            instances = 0;
        using JsonDocument document = JsonDocument.Parse(groups);
        foreach (JsonElement group in document.RootElement.EnumerateArray())
        {
            string name = group.GetProperty("description").GetString()!;
            CompiledGrammar? grammar = null;
            try
            {
                grammar = ByteTokens.Compile(TextGrammar.JsonSchema(group.GetProperty("schema")));
            }
            catch (GrammarException fault) when (fault.Keyword is null && fault.Message.StartsWith("no value", StringComparison.Ordinal))
            { }
            catch (GrammarException fault)
            {
                output.WriteLine($"refused: {name}: {fault.Message}");
                refused++;
                // multipleOf 0.123456789 would be an automaton of 123 456 789 states.
                if (!Refused.Contains(fault.Keyword) && name != "float division = inf")
                {
                    wrong.Add($"{name}: {fault.Message}");
                }
                continue;
            }
            held++;
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                instances++;
                bool valid = test.GetProperty("valid").GetBoolean();
                JsonElement data = test.GetProperty("data");
                foreach (string text in new[] { Write(data, ""), Write(data, " "), valid ? Write(data, "\n  ") : data.GetRawText() })
                {
                    if ((grammar is not null && ByteTokens.Allows(grammar, text)) != valid)
                    {
                        wrong.Add(
                            $"{name}: {test.GetProperty("description").GetString()}: {text} should be {(valid ? "valid" : "invalid")}"
                        );
                        break;
                    }
                }
            }
        }
        output.WriteLine($"{held} schemas held with {instances} instances, {refused} refused");
        return wrong;
    }

    /// <summary>A value as JSON, numbers in plain decimals.</summary>
    private static string Write(JsonElement value, string space) =>
        value.ValueKind switch
        {
            JsonValueKind.Number => Plain(ExactNumber.Parse(value.GetRawText())),
            JsonValueKind.String => Name(value.GetString()!),
            JsonValueKind.Array when value.GetArrayLength() == 0 => $"[{space}]",
            JsonValueKind.Object when !value.EnumerateObject().Any() => $"{{{space}}}",
            JsonValueKind.Array => $"[{space}{string.Join($",{space}", value.EnumerateArray().Select(v => Write(v, space)))}{space}]",
            JsonValueKind.Object =>
                $"{{{space}{string.Join($",{space}", value.EnumerateObject().Select(p => $"{Name(p.Name)}{space}:{space}{Write(p.Value, space)}"))}{space}}}",
            _ => value.GetRawText(),
        };

    private static string Plain(ExactNumber n) => (n.IsNegative ? "-" : "") + n.Whole + (n.Scale > 0 ? "." + n.Fraction : "");

    /// <summary>A text in the one spelling that names and listed strings have, and that other strings may have.</summary>
    private static string Name(string name)
    {
        StringBuilder text = new("\"");
        foreach (char c in name)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' => text.Append($"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        return text.Append('"').ToString();
    }
}
