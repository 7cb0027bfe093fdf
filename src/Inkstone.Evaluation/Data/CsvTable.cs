using System.Globalization;
using System.Numerics;
using System.Text;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>
/// CSV as pandas reads it without being told types, which is how data sets of CSV files come: a column of numbers is int, or float where
/// one is missing; "NA" and
/// the like, and empty cells, are None; a column without a name is "Unnamed: 0".
/// </summary>
internal static class CsvTable
{
    private static readonly HashSet<string> Missing = new(StringComparer.Ordinal)
    {
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    };

    /// <param name="text">the file's text</param>
    /// <param name="delimiter">what stands between cells</param>
    public static Dataset Read(string text, char delimiter)
    {
        List<List<string>> lines = Cells(text.TrimStart('\uFEFF'), delimiter);
        if (lines.Count == 0)
        {
            return new Dataset([], []);
        }
        List<string> names = [];
        for (int c = 0; c < lines[0].Count; c++)
        {
            string name = lines[0][c].Length > 0 ? lines[0][c] : $"Unnamed: {c.ToString(CultureInfo.InvariantCulture)}",
                unique = name;
            for (int n = 1; names.Contains(unique); n++)
            {
                unique = $"{name}.{n.ToString(CultureInfo.InvariantCulture)}";
            }
            names.Add(unique);
        }
        List<List<string>> rows = [.. lines.Skip(1)];
        Value[][] columns = [.. names.Select((_, c) => Typed([.. rows.Select(r => c < r.Count ? r[c] : "")]))];
        return new Dataset(
            names,
            [.. rows.Select((_, r) => DictValue.FromPairs(names.Select((name, c) => KeyValuePair.Create(name, columns[c][r]))))]
        );
    }

    private static Value[] Typed(string[] cells)
    {
        string[] present = [.. cells.Where(c => !Missing.Contains(c))];
        bool complete = present.Length == cells.Length;
        if (present.Length == 0)
        {
            return [.. cells.Select(_ => NoneValue.None)];
        }
        if (
            complete
            && present.All(c =>
                BigInteger.TryParse(c, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger n)
                && n >= long.MinValue
                && n <= ulong.MaxValue
            )
        )
        {
            return [.. cells.Select(c => new IntValue(BigInteger.Parse(c, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)))];
        }
        if (present.All(c => Real(c) is not null))
        {
            return [.. cells.Select(Value (c) => Missing.Contains(c) ? NoneValue.None : new FloatValue(Real(c)!.Value))];
        }
        if (present.All(c => c is "True" or "False" or "TRUE" or "FALSE" or "true" or "false"))
        {
            return
            [
                .. cells.Select(Value (c) => Missing.Contains(c) ? NoneValue.None : BoolValue.FromBoolean(c is "True" or "TRUE" or "true")),
            ];
        }
        return [.. cells.Select(Value (c) => Missing.Contains(c) ? NoneValue.None : new StringValue(c))];
    }

    private static double? Real(string cell)
    {
        string number = cell.Trim();
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && !number.Contains('∞', StringComparison.Ordinal)
            && (number.Any(char.IsAsciiDigit) || number.EndsWith("inf", StringComparison.OrdinalIgnoreCase))
                ? value
            : number.TrimStart('-', '+').ToUpperInvariant() is "INF" or "INFINITY"
                ? (number[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity)
            : null;
    }

    /// <summary>RFC 4180, with line ends of any kind; lines with nothing in them are skipped.</summary>
    private static List<List<string>> Cells(string text, char delimiter)
    {
        List<List<string>> lines = [];
        List<string> line = [];
        StringBuilder cell = new();
        bool quoted = false,
            any = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quoted)
            {
                if (c != '"')
                {
                    cell.Append(c);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    cell.Append('"');
                    i++;
                }
                else
                {
                    quoted = false;
                }
            }
            else if (c == '"' && cell.Length == 0)
            {
                (quoted, any) = (true, true);
            }
            else if (c == delimiter)
            {
                line.Add(cell.ToString());
                cell.Clear();
                any = true;
            }
            else if (c is '\n' or '\r')
            {
                i += c == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 1 : 0;
                End();
            }
            else
            {
                cell.Append(c);
                any = true;
            }
        }
        End();
        return lines;

        void End()
        {
            if (any)
            {
                line.Add(cell.ToString());
                lines.Add(line);
            }
            (line, any) = ([], false);
            cell.Clear();
        }
    }
}
