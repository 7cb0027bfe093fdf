using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Formats;

namespace Inkstone.Cli;

/// <summary><c>--var name=value</c>: further variables of a chat template, such as enable_thinking.</summary>
internal static partial class TemplateVariables
{
    private static readonly string[] Taken = ["messages", "tools", "add_generation_prompt"];

    public static Option<string[]> Option() =>
        new("--var")
        {
            Description =
                "a variable of the chat template, such as enable_thinking=false; VALUE is JSON (true, 3, [1,2], \"a\"), or else a text (repeatable)",
            HelpName = "NAME=VALUE",
        };

    /// <summary>The variables; null where none is given. The last of two with the same name counts.</summary>
    public static JsonObject? Read(CommandContext call, Option<string[]> option)
    {
        if (call.Get(option) is not { Length: > 0 } given)
        {
            return null;
        }
        JsonObject variables = [];
        foreach (string pair in given)
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals];
            if (equals < 0 || !Name().IsMatch(name))
            {
                throw new ArgumentException($"--var must be NAME=VALUE, such as enable_thinking=false, got '{pair}'");
            }
            variables[name] = !Taken.Contains(name)
                ? Value(pair[(equals + 1)..])
                : throw new ArgumentException($"--var {name} is a variable that every template gets from elsewhere; name another one");
        }
        return variables;
    }

    /// <summary>JSON, or Python's words for the same, or a text.</summary>
    private static JsonNode? Value(string text)
    {
        switch (text)
        {
            case "True":
                return true;
            case "False":
                return false;
            case "None":
                return null;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonUnicode.Check(document.RootElement, "--var");
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    [GeneratedRegex(@"^[\p{L}_][\p{L}\p{N}_]*$")]
    private static partial Regex Name();
}
