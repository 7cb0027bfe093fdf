using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Text;

/// <summary>
/// A chat template in Go's language, as Ollama's Modelfile takes it, for templates that put the same text before and after each message of
/// a role.
/// </summary>
public static class OllamaTemplate
{
    private static readonly string[] Roles = ["system", "user", "assistant"];

    // Texts that no template writes by itself.
    private static readonly string[] Marks = ["⟦one⟧", "⟦two⟧", "⟦three⟧", "⟦four⟧"];

    /// <summary>The template, or null where what stands around a message depends on more than its role (dates, tools, positions).</summary>
    public static string? Convert(ChatTemplate template)
    {
        try
        {
            (string Before, string After)[] parts = Parts(template, out string prompt);
            StringBuilder go = new("{{ range .Messages }}");
            foreach ((int i, string role) in Roles.Index())
            {
                go.Append(i == 0 ? "{{ if" : "{{ else if")
                    .Append($" eq .Role \"{role}\" }}}}")
                    .Append(parts[i].Before)
                    .Append("{{ .Content }}")
                    .Append(parts[i].After);
            }
            return go.Append("{{ end }}{{ end }}").Append(prompt).ToString();
        }
        catch (InvalidDataException)
        {
            return null;
        }
        catch (Jinja.TemplateException)
        {
            return null; // it refuses a role
        }
    }

    /// <summary>What stands before and after a message of each role; a conversation with two rounds must be made of them and of nothing
    /// else.</summary>
    private static (string, string)[] Parts(ChatTemplate template, out string prompt)
    {
        string[] roles = ["system", "user", "assistant", "user"];
        JsonArray Turns(int count) =>
            [.. roles.Take(count).Select(JsonNode (r, i) => new JsonObject { ["role"] = r, ["content"] = Marks[i] })];
        string whole = template.Render(Turns(4)),
            asked = template.Render(Turns(4), addGenerationPrompt: true);
        prompt = asked.StartsWith(whole, StringComparison.Ordinal) ? asked[whole.Length..] : throw new InvalidDataException();
        string system = Ends(template.Render(Turns(1)), Marks[0]),
            user = template.Render(Turns(2))[template.Render(Turns(1)).Length..];
        (string before, string after) = (Head(user, Marks[1]), Ends(user, Marks[1]));
        int second = whole.IndexOf(Marks[2], StringComparison.Ordinal),
            third = whole.IndexOf(Marks[3], StringComparison.Ordinal),
            first = whole.IndexOf(Marks[1], StringComparison.Ordinal);
        string between = whole[(first + Marks[1].Length)..second],
            behind = whole[(second + Marks[2].Length)..third];
        if (!between.StartsWith(after, StringComparison.Ordinal) || !behind.EndsWith(before, StringComparison.Ordinal))
        {
            throw new InvalidDataException();
        }
        (string, string)[] parts = [(Head(whole, Marks[0]), system), (before, after), (between[after.Length..], behind[..^before.Length])];
        string built = string.Concat(
            roles.Select((role, i) => parts[Array.IndexOf(Roles, role)] is var (head, tail) ? head + Marks[i] + tail : "")
        );
        bool plain = parts.All(p => !p.Item1.Contains("{{", StringComparison.Ordinal) && !p.Item2.Contains("{{", StringComparison.Ordinal));
        return built == whole && plain ? parts : throw new InvalidDataException();
    }

    private static string Head(string text, string mark) =>
        text.IndexOf(mark, StringComparison.Ordinal) is >= 0 and int at ? text[..at] : throw new InvalidDataException();

    private static string Ends(string text, string mark) =>
        text.IndexOf(mark, StringComparison.Ordinal) is >= 0 and int at ? text[(at + mark.Length)..] : throw new InvalidDataException();
}
