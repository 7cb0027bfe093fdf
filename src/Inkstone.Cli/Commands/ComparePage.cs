using System.Net;
using System.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>A comparison as one HTML file that opens offline: the table, bits per byte with their spread, and the curves of held-out
/// loss.</summary>
internal static class ComparePage
{
    private const int Width = 720,
        RowHeight = 26,
        Left = 130,
        Right = 70,
        CurveHeight = 320;

    private static readonly string[] Colours =
    [
        "#2b6cb0",
        "#c05621",
        "#2f855a",
        "#805ad5",
        "#b83280",
        "#718096",
        "#b7791f",
        "#2c7a7b",
        "#c53030",
        "#4c51bf",
        "#68d391",
        "#975a16",
    ];

    public static string Write(string title, Shootout shootout, IReadOnlyList<Contestant> all, string machine)
    {
        Contestant[] sorted = [.. all.OrderBy(c => double.IsNaN(c.BitsPerByte.Mean) ? double.MaxValue : c.BitsPerByte.Mean)];
        StringBuilder html = new(
            $$$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="generator" content="ink compare"><meta name="viewport" content="width=device-width"><title>{{{Escape(
                title
            )}}}</title>
            <style>:root{color-scheme:light dark}body{font:15px/1.6 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
            table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .8rem .2rem 0;text-align:right;border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}
            .wide{overflow-x:auto}svg{max-width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:currentColor}.axis{stroke:#8886}
            [lang=zh]{display:none}body.zh [lang=zh]{display:revert}body.zh [lang=en]{display:none}button{font:inherit;padding:.1rem .6rem}
            @media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}}</style></head><body>
            <button onclick="document.body.classList.toggle('zh')" aria-label="language"><span lang="en">中文</span><span lang="zh">English</span></button>
            <h1>{{{Escape(title)}}}</h1>

            """
        );
        html.Append(
            Format.Text(
                $"<p><span lang=\"en\">{Format.Count(shootout.ActiveParameters)} parameters that work for a token, within 2 %; {shootout.Seeds.Count} seed{(shootout.Seeds.Count == 1 ? "" : "s")}; {Escape(machine)}. Lower bits per byte are better; in brackets the lowest and highest of all seeds.</span>"
            )
        );
        html.Append(
            Format.Text(
                $"<span lang=\"zh\">每个词元用到 {Format.Count(shootout.ActiveParameters)} 个参数（误差 2 % 以内）；{shootout.Seeds.Count} 个种子；{Escape(machine)}。每字节比特数越低越好，括号内是各种子的最低与最高。</span></p>\n"
            )
        );
        html.Append("<div class=\"wide\"><table><tr>");
        foreach (
            (string en, string zh) in (ReadOnlySpan<(string, string)>)
                [
                    ("family", "架构"),
                    ("active", "激活参数"),
                    ("total", "总参数"),
                    ("bits per byte", "每字节比特"),
                    ("training tok/s", "训练 词元/秒"),
                    ("% of roof", "占峰值 %"),
                    ("decoding tok/s", "解码 词元/秒"),
                    ("cache bytes a token at 1k", "1k 处每词元缓存字节"),
                    ("at 32k", "32k 处"),
                ]
        )
        {
            html.Append($"<th><span lang=\"en\">{en}</span><span lang=\"zh\">{zh}</span></th>");
        }
        html.Append("</tr>\n");
        foreach (Contestant c in sorted)
        {
            html.Append(
                Format.Text(
                    $"<tr><td>{Escape(c.Name)}</td><td>{c.Active:N0}</td><td>{c.Parameters:N0}</td><td>{c.BitsPerByte}</td><td>{c.TrainRate:#,0}</td><td>{100 * c.FractionOfRoof:0}</td><td>{c.DecodeRate:#,0}</td><td>{c.ShortCacheBytesPerToken:#,0}</td><td>{c.LongCacheBytesPerToken:#,0}</td></tr>\n"
                )
            );
        }
        html.Append(
            "</table></div>\n<h2><span lang=\"en\">Bits per byte of held-out text</span><span lang=\"zh\">留出文本的每字节比特</span></h2>\n"
        );
        Bars(html, [.. sorted.Where(c => double.IsFinite(c.BitsPerByte.Mean))]);
        html.Append(
            "<h2><span lang=\"en\">Held-out loss over steps, mean of the seeds</span><span lang=\"zh\">留出损失随步数（各种子平均）</span></h2>\n"
        );
        Curves(html, sorted);
        return html.Append("</body></html>\n").ToString();
    }

    private static void Bars(StringBuilder html, Contestant[] all)
    {
        if (all.Length == 0)
        {
            return;
        }
        double most = all.Max(c => c.BitsPerByte.High),
            scale = (Width - Left - Right) / most;
        html.Append(Format.Text($"<svg viewBox=\"0 0 {Width} {all.Length * RowHeight}\" role=\"img\" aria-label=\"bits per byte\">"));
        for (int i = 0; i < all.Length; i++)
        {
            Spread s = all[i].BitsPerByte;
            int y = i * RowHeight;
            html.Append(
                Format.Text(
                    $"<text x=\"{Left - 8}\" y=\"{y + 17}\" text-anchor=\"end\">{Escape(all[i].Name)}</text><rect x=\"{Left}\" y=\"{y + 4}\" width=\"{s.Mean * scale:0.#}\" height=\"{RowHeight - 10}\" fill=\"{Colours[i % Colours.Length]}\"/>"
                )
            );
            html.Append(
                Format.Text(
                    $"<line class=\"axis\" x1=\"{Left + s.Low * scale:0.#}\" x2=\"{Left + s.High * scale:0.#}\" y1=\"{y + 12}\" y2=\"{y + 12}\" stroke-width=\"4\"/><text x=\"{Left + s.High * scale + 6:0.#}\" y=\"{y + 17}\">{s.Mean:0.000}</text>"
                )
            );
        }
        html.Append("</svg>\n");
    }

    private static void Curves(StringBuilder html, Contestant[] all)
    {
        (Contestant Who, (int Step, double Loss)[] Points)[] curves = [.. all.Select(c => (c, Points(c))).Where(c => c.Item2.Length > 1)];
        if (curves.Length == 0)
        {
            html.Append("<p>–</p>\n");
            return;
        }
        // The first validation, before any step, would press all curves flat.
        double low = curves.Min(c => c.Points.Min(p => p.Loss)),
            high = curves.Max(c => c.Points.Skip(c.Points.Length > 2 ? 1 : 0).Max(p => p.Loss)),
            last = curves.Max(c => c.Points[^1].Step);
        html.Append(
            Format.Text(
                $"<svg viewBox=\"0 0 {Width} {CurveHeight + 30}\" role=\"img\" aria-label=\"loss\"><line class=\"axis\" x1=\"40\" y1=\"{CurveHeight}\" x2=\"{Width - Right - 40}\" y2=\"{CurveHeight}\"/><line class=\"axis\" x1=\"40\" y1=\"10\" x2=\"40\" y2=\"{CurveHeight}\"/>"
            )
        );
        html.Append(
            Format.Text(
                $"<text x=\"0\" y=\"20\">{high:0.00}</text><text x=\"0\" y=\"{CurveHeight}\">{low:0.00}</text><text x=\"{Width - Right - 40}\" y=\"{CurveHeight + 20}\" text-anchor=\"end\">{last:N0}</text>"
            )
        );
        for (int i = 0; i < curves.Length; i++)
        {
            string colour = Colours[Array.IndexOf(all, curves[i].Who) % Colours.Length];
            IEnumerable<string> points = curves[i]
                .Points.Where(p => p.Loss <= high)
                .Select(p =>
                    Format.Text(
                        $"{40 + (Width - Right - 80) * p.Step / last:0.#},{10 + (CurveHeight - 10) * (high - p.Loss) / Math.Max(1e-9, high - low):0.#}"
                    )
                );
            html.Append(
                Format.Text(
                    $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{string.Join(' ', points)}\"/><text x=\"{Width - Right - 34}\" y=\"{20 + 15 * i}\" style=\"fill:{colour}\">{Escape(curves[i].Who.Name)}</text>"
                )
            );
        }
        html.Append("</svg>\n");
    }

    private static (int Step, double Loss)[] Points(Contestant c) =>
        [
            .. c
                .Metrics.SelectMany(m => m.Validations)
                .GroupBy(v => v.Step)
                .OrderBy(g => g.Key)
                .Select(g => (g.Key, g.Average(v => v.Loss)))
                .Where(p => double.IsFinite(p.Item2)),
        ];

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
