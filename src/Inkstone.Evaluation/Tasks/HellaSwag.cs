using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>HellaSwag's rows (Zellers et al. 2019): the context behind its activity, cleaned of WikiHow's marks.</summary>
internal static class HellaSwag
{
    private static readonly PythonRegex Bracketed = PythonRegex.Parse(@"\[.*?\]");

    /// <summary>The row with query, choices and gold.</summary>
    public static DictValue Row(DictValue row)
    {
        string context = $"{row.Text("ctx_a")} {PythonCase.Capitalize(row.Text("ctx_b") ?? "")}";
        OrderedDictionary<Value, Value> entries = new(row.Entries);
        entries.SetValue("query", new StringValue(Clean($"{row.Text("activity_label")}: {context}")));
        entries.SetValue(
            "choices",
            new ListValue([.. (row.Get("endings") as SequenceValue)?.Elements.Select(e => new StringValue(Clean(e.Text))) ?? []])
        );
        entries.SetValue(
            "gold",
            PythonLiteral.TryRead(row.Get("label")?.Text.Trim() ?? "") as IntValue
                ?? throw new InvalidDataException("a row of HellaSwag has no label; take the split validation, the test split has none.")
        );
        return new DictValue(entries);
    }

    /// <summary>Two blanks become one, once: where more stand, some stay.</summary>
    private static string Clean(string text) =>
        Bracketed
            .Replace(PythonText.Strip(text, null).Replace(" [title]", ". ", StringComparison.Ordinal), "")
            .Replace("  ", " ", StringComparison.Ordinal);
}
