using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Evaluation;

/// <summary>Answers as lines of JSON, added as they come: whoever is interrupted goes on where he was. An answer counts again while model,
/// question and settings are the same.</summary>
public sealed class AnswerLog : IDisposable
{
    /// <summary>The file's name.</summary>
    public const string FileName = "answers.jsonl";

    private static readonly JsonWriterOptions Line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<(string Model, string Key), StructuredAnswer> _known = [];
    private readonly FileStream _file;
    private readonly Lock _lock = new();

    /// <summary>Opens the log of a directory, which is made when absent.</summary>
    /// <exception cref="InvalidDataException">A line is no answer.</exception>
    public AnswerLog(string directory)
    {
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, FileName);
        long whole = 0;
        int number = 0;
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        for (int start = 0, end; (end = Array.IndexOf(bytes, (byte)'\n', start)) >= 0; start = end + 1)
        {
            number++;
            try
            {
                JsonNode line = JsonNode.Parse(bytes.AsSpan(start, end - start))!;
                _known[((string)line["model"]!, (string)line["key"]!)] = new StructuredAnswer(
                    (string)line["output"]!,
                    (double?)line["seconds"],
                    (int?)line["tokens"],
                    (string?)line["end"]
                );
            }
            catch (Exception fault)
                when (fault is JsonException or ArgumentNullException or NullReferenceException or InvalidOperationException)
            {
                throw new InvalidDataException(
                    $"{path}:{number}: this is no answer of an evaluation; move the file away to begin anew",
                    fault
                );
            }
            whole = end + 1;
        }
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _file.SetLength(whole); // the last line may have been cut
        _file.Position = whole;
    }

    /// <summary>The answer to a question that this model was asked before, or null.</summary>
    public StructuredAnswer? Find(string model, StructuredRequest request)
    {
        lock (_lock)
        {
            return _known.GetValueOrDefault((model, Key(request)));
        }
    }

    /// <summary>Adds an answer.</summary>
    public void Add(string model, StructuredRequest request, StructuredAnswer answer)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes, Line))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, request.Id);
            json.WriteString("model"u8, model);
            json.WriteBoolean("guided"u8, request.Schema is not null);
            json.WriteString("output"u8, answer.Text);
            Number("seconds", answer.Seconds);
            Number("tokens", answer.Tokens);
            json.WriteString("end"u8, answer.End);
            json.WriteString("key"u8, Key(request));
            json.WriteEndObject();

            void Number(string name, double? value)
            {
                if (value is { } number)
                {
                    json.WriteNumber(name, Math.Round(number, 4));
                }
            }
        }
        bytes.Write("\n"u8);
        lock (_lock)
        {
            _file.Write(bytes.WrittenSpan);
            _known[(model, Key(request))] = answer;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string Key(StructuredRequest request) =>
        Sha256.Hex(
            string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{request.Id}\0{request.Messages.ToJsonString()}\0{request.Schema}\0{request.Temperature}\0{request.TopP}\0{request.MaxTokens}\0{request.Seed}"
            )
        )[..16];
}
