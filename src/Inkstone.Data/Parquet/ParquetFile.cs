using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Inkstone.Data;

/// <summary>
/// Reads Parquet files (apache/parquet-format) row by row, with one page of each wanted column in memory: pages of versions 1 and 2,
/// every encoding and codec that data sets use (LZO is not among them), nested lists, maps and groups.
/// </summary>
public sealed class ParquetFile : IDisposable
{
    private const int LargestFooter = 1 << 30;
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly ParquetMetadata _metadata;
    private readonly SchemaNode _root;
    private readonly SchemaNode[] _columns;
    private readonly HashSet<string> _jsonColumns;

    /// <summary>Opens a file and reads its footer.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no Parquet file, or its footer is damaged.</exception>
    public ParquetFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"there is no file '{path}': check the path.", path);
        }
        _path = path;
        _file = File.OpenHandle(path);
        try
        {
            (_metadata, _root) = ReadFooter();
            _columns = [.. _root.Columns()];
            _jsonColumns = JsonColumns.FindLists(_metadata.Notes);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Names of the outermost fields.</summary>
    public IReadOnlyList<string> Fields => [.. _root.Children.Select(c => c.Name)];

    /// <summary>Number of rows: what the columns hold, whatever else the footer says.</summary>
    public long RowCount => _metadata.RowGroups.Sum(g => g.Rows);

    /// <summary>Whether a field, or a part of it, is bytes by declaration: BSON, bytes of fixed length.</summary>
    /// <exception cref="ArgumentException">The file has no such field.</exception>
    public bool HoldsBytes(string field) => Field(field).Columns().Any(c => LeafReader.IsBytes(c.Element));

    /// <summary>Texts read so far that were no valid UTF-8; they have U+FFFD where bytes made no character.</summary>
    public long InvalidTexts { get; private set; }

    /// <summary>Whether a file begins as Parquet files do.</summary>
    public static bool IsParquet(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        Span<byte> magic = stackalloc byte[4];
        return stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4
            && (magic.SequenceEqual("PAR1"u8) || magic.SequenceEqual("PARE"u8));
    }

    /// <summary>
    /// The rows in order, each as an object of its fields. Texts, numbers and booleans are themselves; dates and times are ISO 8601
    /// texts; byte arrays are texts unless the file says that they are not, which makes them base 64; texts that the file calls JSON are
    /// what they spell;
    /// what is absent is null.
    /// </summary>
    /// <param name="fields">names of the outermost fields to read, in this order; null for all. The others are not touched.</param>
    /// <exception cref="ArgumentException">The file has no such field.</exception>
    /// <exception cref="InvalidDataException">The file is damaged: the message names row group, column and reason.</exception>
    public IEnumerable<JsonObject> ReadRows(IReadOnlyList<string>? fields = null)
    {
        SchemaNode[] wanted = fields is null ? _root.Children : [.. fields.Select(Field)];
        return ReadRows(wanted);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private SchemaNode Field(string name) =>
        Array.Find(_root.Children, c => c.Name == name)
        ?? throw new ArgumentException($"the file '{_path}' has no field '{name}': name one of {string.Join(", ", Fields)}.");

    private IEnumerable<JsonObject> ReadRows(SchemaNode[] fields)
    {
        if (fields.Length == 0)
        {
            yield break;
        }
        for (int g = 0; g < _metadata.RowGroups.Length; g++)
        {
            RowGroup group = _metadata.RowGroups[g];
            ColumnCursor?[] cursors = new ColumnCursor?[_columns.Length];
            foreach (SchemaNode field in fields)
            {
                for (int i = field.FirstColumn; i < field.FirstColumn + field.ColumnCount; i++)
                {
                    cursors[i] ??= new ColumnCursor(_file, group.Columns[i], _columns[i], $"{_path}: row group {g}");
                }
            }
            RowReader rows = new(fields, cursors);
            long invalidBefore = InvalidTexts;
            while (!rows.IsAtEnd)
            {
                JsonObject row = rows.Read();
                if (_jsonColumns.Count > 0)
                {
                    JsonColumns.Decode(row, _jsonColumns);
                }
                InvalidTexts = invalidBefore;
                foreach (ColumnCursor? cursor in cursors)
                {
                    InvalidTexts += cursor?.InvalidTexts ?? 0;
                }
                yield return row;
            }
        }
    }

    private (ParquetMetadata Metadata, SchemaNode Root) ReadFooter()
    {
        long length = RandomAccess.GetLength(_file);
        Span<byte> ends = stackalloc byte[12];
        if (length < 12)
        {
            throw Fault("it is too short for a Parquet file");
        }
        Read(ends[..4], 0);
        Read(ends[4..], length - 8);
        if (ends[8..].SequenceEqual("PARE"u8))
        {
            throw new InvalidDataException($"the file '{_path}' is encrypted: write it without encryption.");
        }
        if (!ends[..4].SequenceEqual("PAR1"u8))
        {
            throw Fault("it does not begin as a Parquet file");
        }
        if (!ends[8..].SequenceEqual("PAR1"u8))
        {
            throw Fault("its end is missing");
        }
        uint footerLength = BinaryPrimitives.ReadUInt32LittleEndian(ends[4..]);
        if (footerLength > Math.Min(length - 12, LargestFooter))
        {
            throw Fault($"its footer of {footerLength} bytes does not fit into its {length} bytes");
        }
        byte[] footer = new byte[footerLength];
        Read(footer, length - 8 - footerLength);
        try
        {
            ParquetMetadata metadata = ParquetMetadata.Read(footer);
            SchemaNode root = SchemaNode.Build(metadata.Schema);
            SchemaNode[] columns = [.. root.Columns()];
            for (int g = 0; g < metadata.RowGroups.Length; g++)
            {
                metadata.RowGroups[g] = Checked(metadata.RowGroups[g], g, columns, length - 8 - footerLength);
            }
            return (metadata, root);
        }
        catch (FormatException exception)
        {
            throw Fault(exception.Message, exception);
        }
        catch (Exception exception)
            when (exception is EndOfStreamException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw Fault("its footer is damaged", exception);
        }
    }

    /// <summary>The row group with as many rows as its columns without lists hold, where there are any: its own count may be
    /// wrong.</summary>
    private RowGroup Checked(RowGroup group, int number, SchemaNode[] columns, long dataEnd)
    {
        if (group.Columns.Length != columns.Length)
        {
            throw Fault($"row group {number} has {group.Columns.Length} columns and the schema {columns.Length}");
        }
        int flat = Array.FindIndex(columns, c => c.MaxRepetition == 0);
        long rows = flat >= 0 ? group.Columns[flat].Values : Math.Max(0, group.Rows);
        for (int i = 0; i < columns.Length; i++)
        {
            ColumnChunk chunk = group.Columns[i];
            string place = $"row group {number}, column '{columns[i].Path}'";
            if (chunk.IsElsewhere)
            {
                throw Fault($"{place} lies in another file");
            }
            if (chunk.Type != columns[i].Element.Type)
            {
                throw Fault($"{place} is of type {chunk.Type} and in the schema {columns[i].Element.Type}");
            }
            if (chunk.Values == 0 && rows == 0)
            {
                continue; // Some writers give no place to what is not there.
            }
            if (chunk.Start < 4 || chunk.Length > dataEnd || chunk.Start > dataEnd - chunk.Length)
            {
                throw Fault($"{place} lies outside of the file (from {chunk.Start}, {chunk.Length} bytes)");
            }
            if (flat >= 0 && (columns[i].MaxRepetition == 0 ? chunk.Values != rows : chunk.Values < rows))
            {
                throw Fault($"{place} has {chunk.Values} values and column '{columns[flat].Path}' {rows}");
            }
        }
        return group with { Rows = rows };
    }

    private void Read(Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0)
            {
                throw Fault("it ends too early");
            }
            bytes = bytes[read..];
            offset += read;
        }
    }

    private InvalidDataException Fault(string reason, Exception? exception = null) =>
        new($"The Parquet file '{_path}' cannot be read ({reason}): fetch it again or write it anew.", exception);
}
