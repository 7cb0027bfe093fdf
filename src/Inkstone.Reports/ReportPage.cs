using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Reports;

/// <summary>One HTML file that opens offline: everything it needs is inside.</summary>
public static class ReportPage
{
    private const string Prefix = "Inkstone.Reports.Page.";

    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The page.</summary>
    /// <param name="sources">what it shows</param>
    /// <param name="machine">the machine that it was made on</param>
    /// <param name="made">when</param>
    public static string Write(ReportSources sources, string machine, DateTimeOffset made)
    {
        JsonObject data = new()
        {
            ["made"] = made.ToString("yyyy-MM-dd HH:mm zzz", System.Globalization.CultureInfo.InvariantCulture),
            ["machine"] = machine,
            ["runs"] = new JsonArray([.. sources.Runs.Select(r => (JsonNode)r.Json())]),
            ["tables"] = new JsonArray([.. sources.Tables.Select(t => (JsonNode)t.Json())]),
        };
        return Compose("report", data);
    }

    /// <summary>A page of these parts with data in it: report, or compare.</summary>
    /// <param name="name">of the parts NAME.html and NAME.js</param>
    /// <param name="data">what the script reads</param>
    public static string Compose(string name, JsonObject data)
    {
        // Inside a script element only "</" and "<!--" would end it.
        string json = data.ToJsonString(Compact)
            .Replace("<", "\\u003c", StringComparison.Ordinal)
            .Replace("\u2028", "\\u2028", StringComparison.Ordinal)
            .Replace("\u2029", "\\u2029", StringComparison.Ordinal);
        StringBuilder page = new(Part($"{name}.html"));
        return page.Replace("/*style*/", Part("report.css"))
            .Replace("/*curves*/", Part("curves.js"))
            .Replace("/*common*/", Part("common.js"))
            .Replace("/*script*/", Part($"{name}.js"))
            .Replace("/*data*/", json)
            .ToString();
    }

    /// <summary>A part of the page by its file name: report.html, report.css, curves.js (draws one diagram, knows nothing of runs),
    /// common.js (names of curves, tables, configurations, language and theme), report.js, and compare.html and compare.js for families side by
    /// side.</summary>
    public static string Part(string name)
    {
        using Stream stream =
            typeof(ReportPage).Assembly.GetManifestResourceStream(Prefix + name)
            ?? throw new ArgumentException($"the page has no part '{name}'");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
