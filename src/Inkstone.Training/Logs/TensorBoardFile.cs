using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Inkstone.Models;

namespace Inkstone.Training;

/// <summary>
/// A TensorBoard event file: TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) that hold Event messages of TensorFlow's
/// event.proto,
/// of which the few fields we need are written by number.
/// </summary>
public sealed class TensorBoardFile : ITrainLog
{
    private const int EventWallTime = 1,
        EventStep = 2,
        EventFileVersion = 3,
        EventSummary = 5,
        EventSessionLog = 7,
        EventSource = 10;
    private const int SummaryValue = 1,
        ValueTag = 1,
        ValueSimple = 2,
        ValueMetadata = 9,
        ValueTensor = 8;
    private const int SessionStart = 1,
        HeaderBytes = 12;

    /// <summary>Names us as the writer in a file's first record.</summary>
    private const string Writer = "inkstone.TensorBoardFile";

    private readonly FileStream _file;
    private readonly TimeProvider _clock;
    private readonly ProtobufWriter _record = new();

    /// <summary>Opens a new event file in <paramref name="directory"/>/tensorboard; TensorBoard joins the files of a directory.</summary>
    public TensorBoardFile(string directory, TimeProvider clock)
    {
        _clock = clock;
        string folder = Path.Combine(directory, "tensorboard");
        Directory.CreateDirectory(folder);
        string name = string.Create(
            CultureInfo.InvariantCulture,
            $"events.out.tfevents.{clock.GetUtcNow().ToUnixTimeSeconds()}.ink.{Environment.ProcessId}"
        );
        _file = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Begin(null);
        _record.Text(EventFileVersion, "brain.Event:2");
        int source = _record.Begin(EventSource);
        _record.Text(1, Writer); // SourceMetadata { writer }
        _record.End(source);
        End();
    }

    /// <summary>Whether we wrote a file, by its first record.</summary>
    public static bool IsOurs(string path)
    {
        byte[] start = new byte[128];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)).IndexOf(Encoding.UTF8.GetBytes(Writer))
            >= 0;
    }

    /// <summary>A START record at the first step to come makes TensorBoard forget what an interrupted run wrote beyond it.</summary>
    public void Start(RunFacts facts, int step)
    {
        Begin(step + 1);
        int session = _record.Begin(EventSessionLog);
        _record.Integer(1, SessionStart);
        _record.End(session);
        End();
    }

    /// <inheritdoc/>
    public void Step(in StepMetrics step)
    {
        Scalar(step.Step, "train/loss", step.Loss);
        Scalar(step.Step, "train/bits_per_byte", step.BitsPerByte);
        for (int i = 0; i < step.Metrics?.Count; i++)
        {
            Scalar(step.Step, step.Metrics[i].Tag, step.Metrics[i].Value);
        }
        Scalar(step.Step, "train/learning_rate", step.LearningRate);
        Scalar(step.Step, "train/gradient_norm", step.GradientNorm);
        Scalar(step.Step, "speed/tokens_per_second", step.TokensPerSecond);
        Scalar(step.Step, "speed/fraction_of_roof", step.FractionOfRoof);
    }

    /// <inheritdoc/>
    public void Validated(int step, IReadOnlyList<Metric> metrics)
    {
        foreach (Metric metric in metrics)
        {
            Scalar(step, "valid/" + metric.Name, metric.Value);
        }
    }

    /// <inheritdoc/>
    public void Validation(int step, double loss, double bitsPerByte, bool best)
    {
        Scalar(step, "valid/loss", loss);
        Scalar(step, "valid/bits_per_byte", bitsPerByte);
    }

    /// <inheritdoc/>
    public void Sample(int step, string prompt, string text)
    {
        Begin(step);
        int summary = _record.Begin(EventSummary),
            value = _record.Begin(SummaryValue);
        _record.Text(ValueTag, "sample");
        int tensor = _record.Begin(ValueTensor); // TensorProto { dtype: DT_STRING, string_val }
        _record.Integer(1, 7);
        _record.Text(8, $"**{prompt}**{text}");
        _record.End(tensor);
        int metadata = _record.Begin(ValueMetadata),
            plugin = _record.Begin(1); // SummaryMetadata { plugin_data { plugin_name } }
        _record.Text(1, "text");
        _record.End(plugin);
        _record.End(metadata);
        _record.End(value);
        _record.End(summary);
        End();
    }

    /// <inheritdoc/>
    public void Saved(int step, string path) { }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>CRC-32C (Castagnoli), rotated and offset as TFRecord wants it.</summary>
    public static uint MaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc32.HashToUInt32(Crc32ParameterSet.Crc32C, bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    /// <summary>Event { wall_time, step, summary { value { tag, simple_value } } }.</summary>
    private void Scalar(int step, string tag, double number)
    {
        if (double.IsNaN(number))
        {
            return;
        }
        Begin(step);
        int summary = _record.Begin(EventSummary),
            value = _record.Begin(SummaryValue);
        _record.Text(ValueTag, tag);
        _record.Single(ValueSimple, (float)number);
        _record.End(value);
        _record.End(summary);
        End();
    }

    private void Begin(int? step)
    {
        _record.Clear();
        _record.Reserve(HeaderBytes);
        _record.Double(EventWallTime, _clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        if (step is { } at)
        {
            _record.Integer(EventStep, at);
        }
    }

    /// <summary>Frames the record and writes it at once: a killed process leaves whole records.</summary>
    private void End()
    {
        int length = _record.Length - HeaderBytes;
        _record.Reserve(sizeof(uint));
        Span<byte> framed = _record.Span;
        BinaryPrimitives.WriteUInt64LittleEndian(framed, (ulong)length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed[sizeof(ulong)..], MaskedCrc(framed[..sizeof(ulong)]));
        BinaryPrimitives.WriteUInt32LittleEndian(framed[(HeaderBytes + length)..], MaskedCrc(framed.Slice(HeaderBytes, length)));
        _file.Write(framed);
    }
}
