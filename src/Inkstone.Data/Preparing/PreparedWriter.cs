using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Inkstone.Data;

/// <summary>Writes prepared documents as train, valid and tokenizer corpus files of one folder.</summary>
internal sealed class PreparedWriter : IDisposable
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly PrepareOptions _options;
    private readonly FileStream _train;
    private readonly FileStream _valid;
    private readonly FileStream _corpus;
    private readonly Utf8JsonWriter _json;

    public PreparedWriter(string folder, PrepareOptions options)
    {
        _options = options;
        string extension = options.Format == PrepareFormat.Jsonl ? "jsonl" : "txt";
        _train = Create(Path.Combine(folder, $"train.{extension}"));
        _valid = Create(Path.Combine(folder, $"valid.{extension}"));
        _corpus = Create(Path.Combine(folder, "tokenizer_corpus.txt"));
        _json = new Utf8JsonWriter(_train, Relaxed);
    }

    /// <summary>Writes one document; only those to train on are seen by the tokenizer's training.</summary>
    public void Write(ReadOnlySpan<byte> text, bool isValid)
    {
        FileStream stream = isValid ? _valid : _train;
        if (_options.Format == PrepareFormat.Jsonl)
        {
            WriteJson(stream, text);
        }
        else
        {
            WriteText(stream, text);
        }
        if (isValid)
        {
            return;
        }

        _corpus.Write(text);
        _corpus.WriteByte((byte)'\n');
    }

    /// <summary>Makes everything durable.</summary>
    public void Complete()
    {
        foreach (FileStream stream in new[] { _train, _valid, _corpus })
        {
            stream.Flush(flushToDisk: true);
        }
    }

    public void Dispose()
    {
        foreach (FileStream stream in new[] { _train, _valid, _corpus })
        {
            // A full disk refuses the last buffered bytes; the folder goes away all the same.
            try
            {
                stream.Dispose();
            }
            catch (IOException) { }
        }
    }

    private void WriteJson(FileStream stream, ReadOnlySpan<byte> text)
    {
        _json.Reset(stream);
        _json.WriteStartObject();
        _json.WriteString("text"u8, text);
        _json.WriteEndObject();
        _json.Flush();
        stream.WriteByte((byte)'\n');
    }

    private void WriteText(FileStream stream, ReadOnlySpan<byte> text)
    {
        byte[] separator = Encoding.UTF8.GetBytes(_options.OutputSeparator);
        foreach (Range line in text.Split((byte)'\n'))
        {
            if (text[line].Trim(" \t\r"u8).SequenceEqual(separator))
            {
                throw new InvalidDataException(
                    $"A document holds the separator '{_options.OutputSeparator}' as a line of its own: choose another separator, or the JSONL format."
                );
            }
        }
        stream.Write(text);
        stream.WriteByte((byte)'\n');
        stream.Write(separator);
        stream.WriteByte((byte)'\n');
    }

    private static FileStream Create(string path) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16);
}
