using System.Net;
using System.Text;
using Inkstone.Data;

namespace Inkstone.Cli;

/// <summary>What <c>data show</c> found, as one HTML file with its plots.</summary>
internal static class SurveyPage
{
    /// <summary>Tells a page of ours.</summary>
    public const string Mark = "<meta name=\"generator\" content=\"ink data show\">";

    public static string Write(string title, DataSurvey s)
    {
        StringBuilder html = new(
            $$$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">{{{Mark}}}<meta name="viewport" content="width=device-width"><title>{{{Escape(
                title
            )}}}</title>
            <style>body{font:15px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:right}
            td:first-child,th:first-child{text-align:left}.bar{height:1rem;background:#345}.wide{width:60%;text-align:left}article{border-top:1px solid #ccc;padding:.6rem 0;white-space:pre-wrap;overflow-wrap:anywhere}b{color:#567}
            @media(prefers-color-scheme:dark){body{background:#1b1d20;color:#ddd}.bar{background:#9bd}b{color:#9bd}}</style></head><body>
            <h1>{{{Escape(title)}}}</h1>

            """
        );
        html.Append(Format.Text($"<p>{s.Records:N0} records, {s.Characters:N0} characters, {100 * s.HanShare:0.0} % of them Han"));
        html.Append(
            s.Tokens is { } tokens
                ? Format.Text($", {tokens:N0} tokens ({(double)tokens / Math.Max(1, s.Characters):0.000} a character)</p>\n")
                : "</p>\n"
        );
        if (s.Lengths is { } l)
        {
            html.Append(
                Format.Text(
                    $"<p>Length in characters: {l.Min:N0} to {l.Max:N0}, mean {l.Mean:0.0}, quartiles {l.P25:0}, {l.Median:0} and {l.P75:0}; 5 % are longer than {l.P95:0}, 1 % than {l.P99:0}.</p>\n"
                )
            );
        }
        Bars(
            html,
            "Length in characters",
            s.Histogram.Select((n, i) => (Format.Text($"{(i == 0 ? 0 : 1L << i):N0} to {(1L << i + 1) - 1:N0}"), n)).Where(b => b.n > 0)
        );
        Bars(html, "Kinds", s.Kinds.Select(k => (k.Key, k.Value)));
        Bars(html, "Keys with a value", s.Keys.Select(k => (k.Key, k.Value)));
        Bars(html, "Nothing to learn from", s.Unusable.Select(k => (k.Key, k.Value)));
        foreach (ShownRecord record in s.Shown)
        {
            html.Append("<article>")
                .Append(
                    record.Turns.Count == 0
                        ? Escape(record.Text)
                        : string.Join('\n', record.Turns.Select(t => $"<b>{Escape(t.Role)}</b> {Escape(t.Content)}"))
                )
                .Append("</article>\n");
        }
        return html.Append("</body></html>\n").ToString();
    }

    private static void Bars(StringBuilder html, string title, IEnumerable<(string Name, long Count)> bars)
    {
        (string Name, long Count)[] all = [.. bars];
        if (all.Length == 0)
        {
            return;
        }
        double most = all.Max(b => b.Count);
        html.Append($"<h2>{Escape(title)}</h2>\n<table>");
        foreach ((string name, long count) in all)
        {
            html.Append(
                Format.Text(
                    $"<tr><td>{Escape(name)}</td><td>{count:N0}</td><td class=\"wide\"><div class=\"bar\" style=\"width:{100 * count / most:0.##}%\"></div></td></tr>\n"
                )
            );
        }
        html.Append("</table>\n");
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
