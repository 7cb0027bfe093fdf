using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Inkstone.Models;

namespace Inkstone.Training;

/// <summary>
/// metrics.jsonl, one object per step or validation, and samples.jsonl. After resuming they are cut back to the checkpoint's step, so that
/// in the end they equal those of a run that was never interrupted, but for the times and rates.
/// </summary>
internal sealed class MetricsFile : ITrainLog
{
    /// <summary>Names of both files.</summary>
    public const string MetricsName = "metrics.jsonl",
        SamplesName = "samples.jsonl";

    /// <summary>Keys of a line that stand for one thing, so that no metric can have their names.</summary>
    internal static readonly string[] Keys =
    [
        "step",
        "loss",
        "bits_per_byte",
        "lr",
        "grad_norm",
        "tokens",
        "seconds",
        "tokens_per_second",
        "fraction_of_roof",
        "memory_bytes",
        "valid_loss",
        "valid_bits_per_byte",
        "best",
    ];

    private readonly FileStream _metrics;
    private readonly FileStream _samples;
    private readonly ArrayBufferWriter<byte> _line = new(512);
    private readonly Utf8JsonWriter _json;
    private IReadOnlyList<Metric> _validated = [];

    /// <summary>Opens both files in <paramref name="directory"/> and drops what lies beyond <paramref name="step"/>.</summary>
    public MetricsFile(string directory, int step)
    {
        _metrics = Open(Path.Combine(directory, MetricsName), step);
        _samples = Open(Path.Combine(directory, SamplesName), step);
        _json = new Utf8JsonWriter(_line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <summary>Whether every line of a file is one of a run's; the last may be cut.</summary>
    public static bool IsLog(string path) =>
        File.ReadLines(path)
            .All(line =>
                line.StartsWith("{\"step\":", StringComparison.Ordinal) || "{\"step\":".StartsWith(line, StringComparison.Ordinal)
            );

    /// <inheritdoc/>
    public void Start(RunFacts facts, int step) { }

    /// <inheritdoc/>
    public void Step(in StepMetrics step)
    {
        Begin(step.Step);
        _json.WriteNumber("loss"u8, step.Loss);
        Number("bits_per_byte"u8, step.BitsPerByte);
        for (int i = 0; i < step.Metrics?.Count; i++)
        {
            Metric figure = step.Metrics[i];
            if (!double.IsNaN(figure.Value))
            {
                _json.WriteNumber(figure.Name, figure.Value);
            }
        }
        _json.WriteNumber("lr"u8, step.LearningRate);
        _json.WriteNumber("grad_norm"u8, step.GradientNorm);
        _json.WriteNumber("tokens"u8, step.Tokens);
        _json.WriteNumber("seconds"u8, Math.Round(step.Seconds, 4));
        _json.WriteNumber("tokens_per_second"u8, Math.Round(step.TokensPerSecond, 1));
        Number("fraction_of_roof"u8, Math.Round(step.FractionOfRoof, 4));
        _json.WriteNumber("memory_bytes"u8, step.MemoryBytes);
        End(_metrics);
    }

    /// <inheritdoc/>
    public void Validated(int step, IReadOnlyList<Metric> metrics) => _validated = metrics;

    /// <inheritdoc/>
    public void Validation(int step, double loss, double bitsPerByte, bool best)
    {
        Begin(step);
        foreach (Metric metric in _validated)
        {
            Number(Encoding.UTF8.GetBytes("valid_" + metric.Name), metric.Value);
        }
        _validated = [];
        _json.WriteNumber("valid_loss"u8, loss);
        Number("valid_bits_per_byte"u8, bitsPerByte);
        _json.WriteBoolean("best"u8, best);
        End(_metrics);
    }

    /// <inheritdoc/>
    public void Sample(int step, string prompt, string text)
    {
        Begin(step);
        _json.WriteString("prompt"u8, prompt);
        _json.WriteString("text"u8, text);
        End(_samples);
    }

    /// <inheritdoc/>
    public void Saved(int step, string path) { }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _metrics.Dispose();
        _samples.Dispose();
    }

    private void Begin(int step)
    {
        _json.WriteStartObject();
        _json.WriteNumber("step"u8, step);
    }

    private void End(FileStream file)
    {
        _json.WriteEndObject();
        _json.Flush();
        _line.GetSpan(1)[0] = (byte)'\n';
        _line.Advance(1);
        file.Write(_line.WrittenSpan); // one write per line and no buffer of our own: a killed process leaves whole lines
        _line.ResetWrittenCount();
        _json.Reset();
    }

    private void Number(ReadOnlySpan<byte> name, double value)
    {
        if (!double.IsNaN(value))
        {
            _json.WriteNumber(name, value);
        }
    }

    private static FileStream Open(string path, int step)
    {
        long keep = 0;
        if (File.Exists(path))
        {
            byte[] bytes = File.ReadAllBytes(path);
            for (
                int start = 0, end;
                (end = Array.IndexOf(bytes, (byte)'\n', start)) >= 0 && StepOf(bytes.AsSpan(start, end - start), path) <= step;
                start = end + 1
            )
            {
                keep = end + 1;
            }
        }
        FileStream file = new(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.SetLength(keep);
        file.Position = keep;
        return file;
    }

    private static int StepOf(ReadOnlySpan<byte> line, string path)
    {
        try
        {
            Utf8JsonReader reader = new(line);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.GetProperty("step"u8).GetInt32();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: a line is no metrics record; move the file away to go on");
        }
    }
}
