using System.Globalization;
using System.Net;
using System.Text;

namespace Inkstone.Data;

/// <summary>The page about a preparation: one file that needs nothing else, in light and dark, from 360 pixels of width on.</summary>
internal static class PrepareReport
{
    private const string Style = """
        :root{--paper:#fbfaf7;--ink:#22211f;--soft:#6b6862;--line:#dedad2;--bar:#4a6da7;--drop:#c2673c;--card:#fff}
        @media(prefers-color-scheme:dark){:root{--paper:#191a1c;--ink:#e6e3dc;--soft:#9d9a93;--line:#383a3e;--bar:#7ea2dd;--drop:#e0905f;--card:#222427}}
        *{box-sizing:border-box}
        body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:70rem;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
        h1{font-size:1.5rem;margin:0 0 .3rem;overflow-wrap:anywhere} h2{font-size:1.15rem;margin:2.2rem 0 .7rem} h3{font-size:.9rem;margin:0 0 .5rem;overflow-wrap:anywhere}
        p{margin:.3rem 0;color:var(--soft)} .facts,.charts{display:grid;gap:.8rem} .facts{grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));margin-top:1rem}
        .charts{grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))} .card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;min-width:0}
        .facts b{display:block;font-size:1.35rem} .facts span,.note{color:var(--soft);font-size:.85rem}
        .scroll{overflow-x:auto} table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums} th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap} th:first-child,td:first-child{text-align:left;white-space:normal} th{font-weight:600;color:var(--soft)}
        .bars{display:flex;align-items:flex-end;gap:2px;height:6.5rem} .bars i{flex:1;display:flex;flex-direction:column;justify-content:flex-end;height:100%} .bars u{display:block;background:var(--bar);border-radius:2px 2px 0 0} .bars s{display:block;background:var(--drop)}
        .axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.75rem;border-top:1px solid var(--line)}
        .key::before{content:"";display:inline-block;width:.7em;height:.7em;margin:0 .35em 0 .8em;border-radius:2px;background:var(--bar)} .key.drop::before{background:var(--drop)}
        details{border-bottom:1px solid var(--line);padding:.4rem 0} summary{cursor:pointer;overflow-wrap:anywhere} summary b{float:right;font-variant-numeric:tabular-nums}
        @media(max-width:30rem){body{padding:1rem .6rem 3rem} th,td{padding:.25rem .3rem;font-size:.8rem}}
        blockquote{margin:.6rem 0;padding:.5rem .8rem;border-left:3px solid var(--drop);background:var(--card);white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9rem} blockquote small{display:block;color:var(--soft)}
        """;

    /// <summary>The page.</summary>
    /// <param name="result">what was made</param>
    /// <param name="lengths">documents by length: bin i from 2^i characters on</param>
    public static string Html(PrepareResult result, IReadOnlyList<long> lengths)
    {
        PrepareFindings found = result.Findings!;
        StringBuilder page = new();
        page.Append(
            $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>Prepared text: {Text(result.Output)}</title>\n<style>{Style}</style></head><body>\n"
        );
        page.Append($"<h1>{Text(result.Output)}</h1><p>Text prepared by ink from {Text(string.Join(", ", result.Options.Inputs))}</p>\n");
        Facts(page, result);
        Steps(page, result.FilterStats);
        Dropped(page, found);
        page.Append(
            "<h2>How the documents are spread</h2><p class=\"note\"><span class=\"key\">kept</span><span class=\"key drop\">dropped by this filter</span></p><div class=\"charts\">\n"
        );
        Chart(page, "length of what is kept, in characters", lengths, [.. lengths.Select(_ => 0L)], "1", Number(result.LengthStats.Max));
        foreach (StatisticHistogram h in found.Histograms.Where(IsSpread))
        {
            Chart(
                page,
                h.Name,
                h.Kept,
                h.Dropped,
                "0",
                h.IsShare ? "1" : $"{Number(Math.Pow(2, Last(h) - 1))} and more",
                h.IsShare ? h.Kept.Count : Last(h) + 1
            );
        }
        page.Append("</div>\n");
        if (found.Histograms.Any(h => !IsSpread(h)))
        {
            page.Append(
                $"<p class=\"note\">In one bin for all documents: {Text(string.Join(", ", found.Histograms.Where(h => !IsSpread(h)).Select(h => h.Name)))}.</p>\n"
            );
        }
        return page.Append("</body></html>\n").ToString();
    }

    private static void Facts(StringBuilder page, PrepareResult r)
    {
        page.Append("<div class=\"facts\">");
        Fact(Number(r.FilterStats[0].Seen), "documents read");
        Fact(Number(r.TrainDocuments), "to learn from");
        Fact(Number(r.ValidDocuments), "held out");
        Fact(string.Create(CultureInfo.InvariantCulture, $"{r.Bytes / 1e6:N1} MB"), "of text");
        Fact(Number(r.LengthStats.Median), "characters in the median document");
        foreach ((string code, long count) in r.Findings!.Languages.OrderByDescending(l => l.Value).Take(4))
        {
            Fact(Number(count), $"documents in {code}");
        }
        page.Append("</div>\n");

        void Fact(string number, string what) => page.Append($"<div class=\"card\"><b>{number}</b><span>{Text(what)}</span></div>");
    }

    private static void Steps(StringBuilder page, IReadOnlyList<FilterCount> steps)
    {
        page.Append(
            "<h2>What each step did</h2><div class=\"scroll\"><table><tr><th>step</th><th>seen</th><th>changed</th><th>dropped</th><th>share</th></tr>"
        );
        foreach (FilterCount step in steps)
        {
            string share = string.Create(CultureInfo.InvariantCulture, $"{(step.Seen > 0 ? 100.0 * step.Dropped / step.Seen : 0):0.0} %");
            page.Append(
                $"<tr><td>{Text(step.Name)}</td><td>{Number(step.Seen)}</td><td>{Number(step.Changed)}</td><td>{Number(step.Dropped)}</td><td>{share}</td></tr>"
            );
        }
        page.Append("</table></div>\n");
    }

    private static void Dropped(StringBuilder page, PrepareFindings found)
    {
        page.Append("<h2>What was dropped, and why</h2>\n");
        if (found.Reasons.Count == 0)
        {
            page.Append("<p>Nothing.</p>");
        }
        foreach ((string reason, long count) in found.Reasons.OrderByDescending(r => r.Value))
        {
            page.Append($"<details><summary>{Text(reason)} <b>{Number(count)}</b></summary>");
            foreach (DropSample sample in found.Samples.Where(s => (s.Reason is null ? s.Filter : $"{s.Filter}: {s.Reason}") == reason))
            {
                string value = sample.Value is { } v ? string.Create(CultureInfo.InvariantCulture, $"value {v:0.####}") : "",
                    place = sample.Source.Length > 0 ? $"{sample.Source}:{sample.Line}" : "";
                page.Append(
                    $"<blockquote><small>{Text(string.Join(" · ", new[] { value, place }.Where(t => t.Length > 0)))}</small>{Text(sample.Text)}</blockquote>"
                );
            }
            page.Append("</details>\n");
        }
    }

    private static void Chart(
        StringBuilder page,
        string title,
        IReadOnlyList<long> kept,
        IReadOnlyList<long> dropped,
        string from,
        string to,
        int? bins = null
    )
    {
        int count = bins ?? kept.Count;
        long most = Math.Max(1, Enumerable.Range(0, count).Max(i => kept[i] + dropped[i]));
        page.Append(
            $"<div class=\"card\"><h3>{Text(title)}</h3><div class=\"bars\" role=\"img\" aria-label=\"histogram of {Text(title)}\">"
        );
        for (int i = 0; i < count; i++)
        {
            page.Append(
                CultureInfo.InvariantCulture,
                $"<i title=\"{kept[i]:N0} kept, {dropped[i]:N0} dropped\"><s style=\"height:{100.0 * dropped[i] / most:0.#}%\"></s><u style=\"height:{100.0 * kept[i] / most:0.#}%\"></u></i>"
            );
        }
        page.Append($"</div><div class=\"axis\"><span>{from}</span><span>{to}</span></div></div>\n");
    }

    private static bool IsSpread(StatisticHistogram h) => Enumerable.Range(0, h.Kept.Count).Count(i => h.Kept[i] + h.Dropped[i] > 0) > 1;

    private static int Last(StatisticHistogram h)
    {
        int last = h.Kept.Count - 1;
        while (last > 1 && h.Kept[last] + h.Dropped[last] == 0)
        {
            last--;
        }
        return last;
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
