using System.Text;

namespace Inkstone.Cli;

/// <summary>Losses over steps as a drawing of text: Braille dots for the training loss (two by four in each character), o for
/// validations.</summary>
internal static class LossCurve
{
    private const int Rows = 12,
        Margin = 9;
    private const char Blank = '\u2800';

    /// <summary>Bits of a Braille character by column and row of the dot.</summary>
    private static readonly int[,] Dots =
    {
        { 0x01, 0x02, 0x04, 0x40 },
        { 0x08, 0x10, 0x20, 0x80 },
    };

    /// <summary>The drawing, <paramref name="width"/> cells wide, or nothing where there are fewer than two steps.</summary>
    public static string Draw(RunMetrics metrics, int width)
    {
        if (metrics.Steps.Count < 2)
        {
            return "";
        }
        int columns = Math.Max(10, width - Margin);
        double from = metrics.Steps[0].Step,
            to = metrics.Steps[^1].Step;
        double?[] means = Means(metrics.Steps, 2 * columns, from, to);
        (int Step, double Loss)[] valid = [.. metrics.Validations.Select(v => (v.Step, v.Loss)).Where(v => v.Step >= from && v.Step <= to)];
        double low = means.Min()!.Value,
            high = means.Max()!.Value;
        (low, high) = (valid.Select(v => v.Loss).Append(low).Min(), valid.Select(v => v.Loss).Append(high).Max());
        if (high - low < 1e-9)
        {
            high = low + 1;
        }
        int Row(double loss) => (int)Math.Round((high - loss) / (high - low) * (4 * Rows - 1)); // 0 is the highest

        char[,] cells = new char[Rows, columns];
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                cells[row, column] = Blank;
            }
        }
        int? before = null;
        for (int x = 0; x < means.Length; x++)
        {
            if (means[x] is { } mean)
            {
                int y = Row(mean),
                    last = before ?? y;
                for (int dot = Math.Min(y, last); dot <= Math.Max(y, last); dot++)
                {
                    cells[dot / 4, x / 2] |= (char)Dots[x % 2, dot % 4];
                }
                before = y;
            }
        }
        foreach ((int step, double loss) in valid)
        {
            cells[Row(loss) / 4, (int)((step - from) / (to - from) * (columns - 1))] = 'o';
        }
        StringBuilder drawing = new();
        for (int row = 0; row < Rows; row++)
        {
            double label = high - (high - low) * row / (Rows - 1);
            drawing.Append(row % 4 == 0 || row == Rows - 1 ? Format.Text($"{label, 7:0.000} ") : new string(' ', Margin - 1)).Append('|');
            for (int column = 0; column < columns; column++)
            {
                drawing.Append(cells[row, column]);
            }
            drawing.Append('\n');
        }
        string first = Format.Text($"step {from:0}"),
            end = Format.Text($"{to:0}");
        return drawing
            .Append(' ', Margin)
            .Append(first)
            .Append(' ', Math.Max(1, columns - first.Length - end.Length))
            .Append(end)
            .Append("\nloss of training as dots, of held-out text as o\n")
            .ToString();
    }

    /// <summary>The mean loss of each of <paramref name="count"/> equal stretches; null where no step falls.</summary>
    private static double?[] Means(IReadOnlyList<(int Step, double Loss)> steps, int count, double from, double to)
    {
        (double[] sums, int[] counts) = (new double[count], new int[count]);
        foreach ((int step, double loss) in steps)
        {
            int x = Math.Min(count - 1, (int)((step - from) / (to - from) * count));
            sums[x] += loss;
            counts[x]++;
        }
        return [.. sums.Select((sum, x) => counts[x] == 0 ? (double?)null : sum / counts[x])];
    }
}
