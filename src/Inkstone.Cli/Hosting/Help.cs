using System.CommandLine;
using System.Text;

namespace Inkstone.Cli;

/// <summary>The page that <c>--help</c> prints: what, usage, flags, examples. Plain text, the same on every terminal.</summary>
internal static class Help
{
    private const int Width = 79;

    public static string Page(CliCommand verb, string path, SharedFlags shared)
    {
        StringBuilder page = new();
        page.Append(Cells.Wrap($"{path}: {verb.Description}", Width)).Append("\n\nUsage:\n  ").Append(Usage(verb, path)).Append('\n');
        Section(page, "Verbs", verb.Subcommands.Select(c => (c.Name, c.Description ?? "")));
        Section(page, "Arguments", verb.Arguments.Select(a => (ArgumentLabel(a), a.Description ?? "")));
        Section(page, "Flags", verb.Options.Where(o => !o.Recursive).Select(o => (OptionLabel(o), Describe(o))));
        Section(
            page,
            "Flags of every verb",
            shared.All.Where(o => verb.Options.All(own => own.Recursive || own.Name != o.Name)).Select(o => (OptionLabel(o), Describe(o)))
        );
        if (verb.Subcommands.Count > 0)
        {
            page.Append("\nMore about a verb: ").Append(path).Append(" VERB --help\n");
        }
        page.Append("\nExamples:\n");
        foreach (string example in verb.Examples)
        {
            page.Append("  ").Append(example).Append('\n');
        }
        return page.ToString();
    }

    private static string Usage(CliCommand verb, string path)
    {
        StringBuilder usage = new(path);
        if (verb.Subcommands.Count > 0)
        {
            usage.Append(" VERB [flags]");
            if (verb.Run is null)
            {
                return usage.ToString();
            }
            usage.Append("\n  ").Append(path);
        }
        foreach (Argument argument in verb.Arguments)
        {
            usage.Append(argument.Arity.MinimumNumberOfValues == 0 ? $" [{ArgumentLabel(argument)}]" : " " + ArgumentLabel(argument));
        }
        foreach (Option option in verb.Options.Where(o => o.Required))
        {
            usage.Append(' ').Append(OptionLabel(option));
        }
        if (verb.TakesRecipeKeys)
        {
            usage.Append(" [--section.key value]...");
        }
        return usage.Append(" [flags]").ToString();
    }

    private static string ArgumentLabel(Argument argument) =>
        (argument.HelpName ?? argument.Name) + (argument.Arity.MaximumNumberOfValues > 1 ? "..." : "");

    private static string OptionLabel(Option option)
    {
        string names = string.Join(", ", [option.Name, .. option.Aliases.Order(StringComparer.Ordinal)]);
        return option.HelpName is { } value ? $"{names} {value}{(option.Arity.MaximumNumberOfValues > 1 ? "..." : "")}" : names;
    }

    private static string Describe(Option option)
    {
        string text = option.Description ?? "";
        if (option.Required)
        {
            return text + " (required)";
        }
        return option.HasDefaultValue && option.ValueType != typeof(bool) && option.GetDefaultValue() is { } value and not Array
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{text} (default {value})")
            : text;
    }

    private static void Section(StringBuilder page, string title, IEnumerable<(string Label, string Text)> rows)
    {
        (string Label, string Text)[] list = [.. rows];
        if (list.Length == 0)
        {
            return;
        }
        int left = Math.Min(26, list.Max(r => r.Label.Length) + 4);
        page.Append('\n').Append(title).Append(":\n");
        foreach ((string label, string text) in list)
        {
            page.Append("  ").Append(label);
            int column = label.Length + 2;
            if (column > left)
            {
                page.Append('\n');
                column = 0;
            }
            foreach (string word in text.Split(' '))
            {
                bool first = column <= left;
                if (!first && column + 1 + word.Length > Width)
                {
                    page.Append('\n');
                    (column, first) = (0, true);
                }
                page.Append(' ', first ? left - column : 1).Append(word);
                column = (first ? left : column + 1) + word.Length;
            }
            page.Append('\n');
        }
    }
}
