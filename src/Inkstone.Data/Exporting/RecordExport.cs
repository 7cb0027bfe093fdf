using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>What an export has written.</summary>
/// <param name="Rows">rows</param>
/// <param name="Columns">names of the outermost columns, in order</param>
/// <param name="Bytes">size of the file</param>
public sealed record ExportReport(long Rows, IReadOnlyList<string> Columns, long Bytes);

/// <summary>Writes records of any format that is read here as one file of JSONL or Parquet; one record is in memory at a time (of Parquet
/// one row group).</summary>
public static class RecordExport
{
    /// <summary>The records of files: rows, JSON objects, and texts as <c>{"text"}</c>.</summary>
    /// <param name="files">the files</param>
    public static IEnumerable<JsonObject> Records(IEnumerable<string> files) =>
        files.SelectMany(file =>
            InputFiles.IsPlainText(file) && !InputFiles.IsParquet(file)
                ? new DocumentReader(new ReadOptions()).Read([file]).Select(d => new JsonObject { ["text"] = d.Text })
                : JsonRecords.Read(file, []).Select(r => r.Record)
        );

    /// <summary>Writes JSONL.</summary>
    /// <param name="path">the file</param>
    /// <param name="records">the rows</param>
    public static ExportReport ToJsonl(string path, IEnumerable<JsonObject> records)
    {
        long rows = 0;
        List<string> columns = [];
        AtomicFile.Write(
            path,
            stream =>
            {
                foreach (JsonObject record in records)
                {
                    using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Encoder = ParquetWriter.Readable.Encoder }))
                    {
                        record.WriteTo(json);
                    }
                    stream.WriteByte((byte)'\n');
                    foreach ((string key, _) in record)
                    {
                        if (!columns.Contains(key))
                        {
                            columns.Add(key);
                        }
                    }
                    rows++;
                }
            }
        );
        return new ExportReport(rows, columns, new FileInfo(path).Length);
    }

    /// <summary>Writes Parquet. The rows are gone through twice: once to find what their columns are.</summary>
    /// <param name="path">the file</param>
    /// <param name="records">gives the rows, the same each time</param>
    /// <exception cref="InvalidDataException">There are none, or they changed in between.</exception>
    public static ExportReport ToParquet(string path, Func<IEnumerable<JsonObject>> records)
    {
        JsonShape shape = new();
        long expected = 0,
            rows = 0;
        foreach (JsonObject record in records())
        {
            shape.Add(record);
            expected++;
        }
        AtomicFile.Write(
            path,
            stream =>
            {
                using ParquetWriter writer = new(stream, shape);
                foreach (JsonObject record in records())
                {
                    writer.Write(record);
                    rows++;
                }
                if (rows != expected)
                {
                    throw new InvalidDataException("the input changed while it was read; run it again");
                }
                writer.Complete();
            }
        );
        return new ExportReport(rows, [.. shape.Fields.Select(f => f.Name)], new FileInfo(path).Length);
    }
}
