using System.Text.Json.Nodes;
using nietras.SeparatedValues;

namespace Inkstone.Data;

/// <summary>
/// Rows of CSV and TSV files (RFC 4180: quotes may hold separators and line ends) as objects of texts. A column without a name, as pandas
/// writes its index,
/// gets the name <c>index</c>.
/// </summary>
internal static class CsvRows
{
    public static bool IsCsv(string path) => InputFiles.Extension(path).ToUpperInvariant() is ".CSV" or ".TSV";

    /// <exception cref="InvalidDataException">A row has more or fewer cells than the first line names columns.</exception>
    public static IEnumerable<(string Place, JsonObject Row)> Read(string path)
    {
        char separator = InputFiles.Extension(path).Equals(".TSV", StringComparison.OrdinalIgnoreCase) ? '\t' : ',';
        using FileStream raw = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        using Stream stream = InputFile.Unpacked(raw);
        using SepReader reader = Sep.New(separator)
            .Reader(o => o with { Unescape = true, DisableColCountCheck = true, HasHeader = false })
            .From(stream);
        string[] names = [];
        while (TryRead(reader, path, ref names, out int line, out JsonObject? row))
        {
            if (row is not null)
            {
                yield return ($"{path}:{line}", row);
            }
        }
    }

    private static bool TryRead(SepReader reader, string path, ref string[] names, out int line, out JsonObject? row)
    {
        (line, row) = (0, null);
        if (!reader.MoveNext())
        {
            return false;
        }
        SepReader.Row cells = reader.Current;
        line = cells.LineNumberFrom;
        if (names.Length == 0)
        {
            names = new string[cells.ColCount];
            for (int i = 0; i < names.Length; i++)
            {
                names[i] = cells[i].ToString() is { Length: > 0 } name ? name : "index";
            }
            return true;
        }
        if (cells.ColCount == 1 && cells[0].Span.IsEmpty)
        {
            return true;
        }
        if (cells.ColCount != names.Length)
        {
            throw new InvalidDataException(
                $"{path}:{line}: the row has {cells.ColCount} cells and the first line names {names.Length} columns: mend or remove it."
            );
        }
        row = [];
        for (int i = 0; i < names.Length; i++)
        {
            row[names[i]] = JsonValue.Create(cells[i].ToString());
        }
        return true;
    }
}
