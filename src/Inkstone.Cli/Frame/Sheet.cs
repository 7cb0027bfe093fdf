using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>Facts about one thing: named values and tables, printed for people or as one JSON document.</summary>
internal sealed class Sheet(string kind, string path)
{
    private const int DrawingWidth = 100;

    private readonly List<(string Name, JsonNode? Value)> _values = [("kind", kind), ("path", path)];
    private Func<int, string>? _drawing;
    private readonly List<(string Name, string[] Columns, List<string[]> Rows)> _tables = [];

    /// <summary>A named value; null values are shown as none.</summary>
    public void Add(string name, JsonNode? value) => _values.Add((name, value));

    /// <summary>A table; in JSON a list of objects with the columns as keys, numbers as numbers.</summary>
    public void Table(string name, string[] columns, IEnumerable<string[]> rows) => _tables.Add((name, columns, [.. rows]));

    /// <summary>A drawing for people, in at most so many cells.</summary>
    public void Draw(Func<int, string> drawing) => _drawing = drawing;

    public int Print(Call call)
    {
        if (call.Json)
        {
            return call.Result(ToJson(), _ => { });
        }
        Table values = new Table().Border(TableBorder.None).HideHeaders().AddColumn("").AddColumn("");
        foreach ((string name, JsonNode? value) in _values)
        {
            values.AddRow(Markup.Escape(name), Markup.Escape(value is JsonValue v && v.TryGetValue(out string? text) ? text : value?.ToJsonString() ?? "none"));
        }
        call.Page.Write(values);
        if (_drawing?.Invoke(Math.Min(DrawingWidth, call.Page.Profile.Width - 1)) is { Length: > 0 } drawing)
        {
            call.Out.WriteLine();
            call.Out.WriteLine(drawing);
            call.Out.Flush();
        }
        foreach ((string name, string[] columns, List<string[]> rows) in _tables)
        {
            Table table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(name));
            foreach (string column in columns)
            {
                table.AddColumn(Markup.Escape(column));
            }
            foreach (string[] row in rows)
            {
                table.AddRow([.. row.Select(Markup.Escape)]);
            }
            call.Page.Write(table);
        }
        call.Out.Flush();
        return 0;
    }

    public JsonObject ToJson()
    {
        JsonObject json = [];
        foreach ((string name, JsonNode? value) in _values)
        {
            json[name] = value?.DeepClone();
        }
        foreach ((string name, string[] columns, List<string[]> rows) in _tables)
        {
            JsonArray list = [];
            foreach (string[] row in rows)
            {
                JsonObject item = [];
                for (int i = 0; i < columns.Length; i++)
                {
                    item[columns[i]] = double.TryParse(row[i], NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) && columns[i] != "token" ? number : row[i];
                }
                list.Add((JsonNode)item);
            }
            json[name] = list;
        }
        return json;
    }
}
