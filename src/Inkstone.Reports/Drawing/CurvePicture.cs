using System.Globalization;

namespace Inkstone.Reports;

/// <summary>The curves of runs as a picture for a README: loss, and beside it bits per byte, reward or speed, whichever comes
/// first.</summary>
public static class CurvePicture
{
    private const int PanelWidth = 760,
        PanelHeight = 440,
        Left = 96,
        Right = 24,
        Top = 56,
        Bottom = 52,
        Legend = 30;

    private static readonly Colour Paper = new(255, 255, 255),
        Ink = new(60, 58, 54),
        Grid = new(232, 229, 222);
    private static readonly Colour[] Colours =
    [
        new(31, 95, 168),
        new(194, 86, 26),
        new(44, 138, 87),
        new(138, 63, 160),
        new(163, 130, 0),
        new(15, 139, 148),
        new(184, 50, 106),
        new(93, 100, 112),
    ];

    private static readonly double[] Round = [1, 2, 5, 10];

    /// <summary>Curves of a panel, and those of held-out data that are dashed.</summary>
    private static readonly (string Title, string[] Names, string[] Held)[] Panels =
    [
        ("loss", ["loss", "train/loss"], ["valid_loss", "valid/loss"]),
        ("bits per byte", [], ["valid_bits_per_byte", "valid/bits_per_byte"]),
        ("reward", ["reward", "model/reward"], []),
        ("tokens per second", ["tokens_per_second", "speed/tokens_per_second"], []),
    ];

    /// <summary>Whether a file is a picture that this has drawn.</summary>
    public static bool IsOurs(string path) => PngFile.IsOurs(path);

    /// <summary>The picture as a PNG file.</summary>
    /// <param name="runs">at least one with a curve</param>
    /// <exception cref="InvalidDataException">No run has a curve.</exception>
    public static byte[] Png(IReadOnlyList<ReportRun> runs)
    {
        (string Title, string[] Names, string[] Held)[] panels =
        [
            .. Panels.Where(p => runs.Any(r => Points(r, p.Names).Count + Points(r, p.Held).Count > 1)).Take(2),
        ];
        if (panels.Length == 0)
        {
            throw new InvalidDataException(
                "no run has a loss, a reward or a speed of two steps or more, so there is nothing to draw; leave --png out"
            );
        }
        Canvas canvas = new(panels.Length * PanelWidth, PanelHeight + (runs.Count * Legend), Paper);
        for (int i = 0; i < panels.Length; i++)
        {
            Panel(canvas, i * PanelWidth, panels[i], runs);
        }
        for (int i = 0; i < runs.Count; i++)
        {
            int y = PanelHeight + (i * Legend) + 6;
            canvas.Line(Left, y + 7, Left + 40, y + 7, Colours[i % Colours.Length], 4);
            canvas.Text(Left + 56, y, runs[i].Name, Ink);
        }
        return canvas.Png();
    }

    private static IReadOnlyList<(double Step, double Value)> Points(ReportRun run, string[] names) =>
        names.Select(n => run.Curves[n]).FirstOrDefault(p => p.Count > 0) ?? [];

    private static void Panel(Canvas canvas, int x, (string Title, string[] Names, string[] Held) panel, IReadOnlyList<ReportRun> runs)
    {
        (double Step, double Value)[] all = [.. runs.SelectMany(r => Points(r, panel.Names).Concat(Points(r, panel.Held)))];
        (double x0, double x1, double y0, double y1) = (
            all.Min(p => p.Step),
            all.Max(p => p.Step),
            all.Min(p => p.Value),
            all.Max(p => p.Value)
        );
        (x1, y1) = (x1 > x0 ? x1 : x0 + 1, y1 > y0 ? y1 : y0 + 1);
        (y0, y1) = (y0 - (0.04 * (y1 - y0)), y1 + (0.04 * (y1 - y0)));
        double At(double step) => x + Left + ((step - x0) / (x1 - x0) * (PanelWidth - Left - Right));
        double Height(double value) => Top + ((y1 - value) / (y1 - y0) * (PanelHeight - Top - Bottom));

        canvas.Text(
            x + Left,
            20,
            panel.Title
                + (
                    panel.Held.Length > 0 && panel.Names.Length > 0 ? " (dashed: held out)"
                    : panel.Held.Length > 0 ? " (held out)"
                    : ""
                ),
            Ink
        );
        foreach (double tick in Ticks(y0, y1, 6))
        {
            canvas.Box(x + Left, (int)Height(tick), PanelWidth - Left - Right, 1, Grid);
            string label = Short(tick);
            canvas.Text(x + Left - 12 - (label.Length * Glyphs.Advance * 2), (int)Height(tick) - 7, label, Ink);
        }
        foreach (double tick in Ticks(x0, x1, 6))
        {
            string label = Short(tick);
            canvas.Text((int)At(tick) - (label.Length * Glyphs.Advance), PanelHeight - Bottom + 14, label, Ink);
        }
        canvas.Box(x + Left, PanelHeight - Bottom, PanelWidth - Left - Right, 2, Ink);
        for (int i = 0; i < runs.Count; i++)
        {
            Draw(Points(runs[i], panel.Names), 0);
            Draw(Points(runs[i], panel.Held), panel.Names.Length > 0 ? 9 : 0);

            void Draw(IReadOnlyList<(double Step, double Value)> points, double dash) =>
                canvas.Path(
                    [.. RunCurves.Thinned(points, PanelWidth / 2).Select(p => (At(p.Step), Height(p.Value)))],
                    Colours[i % Colours.Length],
                    2.6,
                    dash
                );
        }
    }

    /// <summary>Round numbers within a range.</summary>
    private static IEnumerable<double> Ticks(double low, double high, int count)
    {
        double rough = (high - low) / count,
            power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = Round.Select(m => m * power).First(s => s >= rough * 0.999);
        for (double tick = Math.Ceiling(low / step); tick * step <= high; tick++)
        {
            yield return tick * step;
        }
    }

    private static string Short(double value) =>
        Math.Abs(value) switch
        {
            0 => "0",
            >= 1e9 => (value / 1e9).ToString("0.##", CultureInfo.InvariantCulture) + "G",
            >= 1e6 => (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
            >= 1e4 => (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k",
            >= 1e-3 => value.ToString("0.####", CultureInfo.InvariantCulture),
            _ => value.ToString("0.#e-0", CultureInfo.InvariantCulture),
        };
}
