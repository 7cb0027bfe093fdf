using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>Facts about one thing: named values and tables, printed for people or as one JSON document.</summary>
internal sealed class FactSheet(string kind, string path)
{
    private const int DrawingWidth = 100;

    private readonly List<(string Name, JsonNode? Value)> _values = [("kind", kind), ("path", path)];
    private Func<int, string>? _drawing;
    private readonly List<(string Name, string[] Columns, List<string[]> Rows, int Most)> _tables = [];

    /// <summary>A named value; null values are shown as none.</summary>
    public void Add(string name, JsonNode? value) => _values.Add((name, value));

    /// <summary>A table; in JSON a list of objects with the columns as keys, numbers as numbers.</summary>
    /// <param name="name">its title</param>
    /// <param name="columns">their names</param>
    /// <param name="rows">its rows</param>
    /// <param name="most">rows that people see: the first one and the last ones; JSON has them all</param>
    public void Table(string name, string[] columns, IEnumerable<string[]> rows, int most = int.MaxValue) =>
        _tables.Add((name, columns, [.. rows], most));

    /// <summary>A drawing for people, in at most so many cells.</summary>
    public void Draw(Func<int, string> drawing) => _drawing = drawing;

    public int Print(CommandContext call)
    {
        if (call.Json)
        {
            return call.Result(ToJson(), _ => { });
        }
        Table values = new Table().Border(TableBorder.None).HideHeaders().AddColumn("").AddColumn("");
        foreach ((string name, JsonNode? value) in _values)
        {
            values.AddRow(Markup.Escape(name), Markup.Escape(Text(value)));
        }
        call.Page.Write(values);
        if (_drawing?.Invoke(Math.Min(DrawingWidth, call.Page.Profile.Width - 1)) is { Length: > 0 } drawing)
        {
            call.Out.WriteLine();
            call.Out.WriteLine(drawing);
            call.Out.Flush();
        }
        foreach ((string name, string[] columns, List<string[]> rows, int most) in _tables.Where(t => t.Rows.Count > 0))
        {
            int hidden = Math.Max(0, rows.Count - most);
            Table table = new Table()
                .Border(TableBorder.Rounded)
                .Title(Markup.Escape(hidden > 0 ? Format.Text($"{name} ({most} of {rows.Count:N0})") : name));
            foreach (string column in columns)
            {
                table.AddColumn(Markup.Escape(column));
            }
            for (int i = 0; i < rows.Count; i = i == 0 ? 1 + hidden : i + 1)
            {
                table.AddRow([.. rows[i].Select(Markup.Escape)]);
                if (i == 0 && hidden > 0)
                {
                    table.AddRow([.. columns.Select(_ => "…")]);
                }
            }
            call.Page.Write(table);
        }
        call.Out.Flush();
        return 0;
    }

    /// <summary>A value as people read it: a fraction with six digits, which is more than they need.</summary>
    private static string Text(JsonNode? value) =>
        value is not JsonValue v ? value?.ToJsonString() ?? "none"
        : v.TryGetValue(out string? text) ? text
        : v.TryGetValue(out double number) && number != Math.Floor(number) ? Format.Text($"{number:G6}")
        : v.ToJsonString();

    public JsonObject ToJson()
    {
        JsonObject json = [];
        foreach ((string name, JsonNode? value) in _values)
        {
            json[name] = value?.DeepClone();
        }
        foreach ((string name, string[] columns, List<string[]> rows, _) in _tables)
        {
            JsonArray list = [];
            foreach (string[] row in rows)
            {
                JsonObject item = [];
                for (int i = 0; i < columns.Length; i++)
                {
                    item[columns[i]] =
                        double.TryParse(row[i], NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                        && double.IsFinite(number)
                        && columns[i] != "token"
                            ? number
                            : row[i];
                }
                list.Add((JsonNode)item);
            }
            json[name] = list;
        }
        return json;
    }
}
