using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using Google.Protobuf;

namespace Inkstone.Training;

/// <summary>
/// A TensorBoard event file: TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) that hold Event messages of TensorFlow's event.proto,
/// of which the few fields we need are written by number.
/// </summary>
public sealed class TensorBoardFile : ITrainLog
{
    private const int EventWallTime = 1, EventStep = 2, EventFileVersion = 3, EventSummary = 5, EventSessionLog = 7, EventSource = 10;
    private const int SummaryValue = 1, ValueTag = 1, ValueSimple = 2, ValueMetadata = 9, ValueTensor = 8;
    private const int SessionStart = 1, HeaderBytes = 12;

    /// <summary>Names us as the writer in a file's first record.</summary>
    private const string Writer = "inkstone.TensorBoardFile";

    private readonly FileStream _file;
    private readonly TimeProvider _clock;
    private readonly MemoryStream _record = new(512);
    private readonly CodedOutputStream _output;

    /// <summary>Opens a new event file in <paramref name="directory"/>/tensorboard; TensorBoard joins the files of a directory.</summary>
    public TensorBoardFile(string directory, TimeProvider clock)
    {
        _clock = clock;
        string folder = Path.Combine(directory, "tensorboard");
        Directory.CreateDirectory(folder);
        string name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{clock.GetUtcNow().ToUnixTimeSeconds()}.ink.{Environment.ProcessId}");
        _file = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _output = new CodedOutputStream(_record, leaveOpen: true);
        Begin(null);
        _output.WriteTag(EventFileVersion, WireFormat.WireType.LengthDelimited);
        _output.WriteString("brain.Event:2");
        Field(_output, EventSource, Message(o => Field(o, 1, Encoding.UTF8.GetBytes(Writer))));   // SourceMetadata { writer }
        End();
    }

    /// <summary>Whether we wrote a file, by its first record.</summary>
    public static bool IsOurs(string path)
    {
        byte[] start = new byte[128];
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)).IndexOf(Encoding.UTF8.GetBytes(Writer)) >= 0;
    }

    /// <summary>A START record at the first step to come makes TensorBoard forget what an interrupted run wrote beyond it.</summary>
    public void Start(RunFacts facts, int step)
    {
        Begin(step + 1);
        _output.WriteTag(EventSessionLog, WireFormat.WireType.LengthDelimited);
        _output.WriteLength(2);
        _output.WriteTag(1, WireFormat.WireType.Varint);
        _output.WriteInt32(SessionStart);
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
    public void Validation(int step, double loss, double bitsPerByte, bool best)
    {
        Scalar(step, "valid/loss", loss);
        Scalar(step, "valid/bits_per_byte", bitsPerByte);
    }

    /// <inheritdoc/>
    public void Sample(int step, string prompt, string text)
    {
        // SummaryMetadata { plugin_data { plugin_name: "text" } } and TensorProto { dtype: DT_STRING, string_val }
        byte[] metadata = Message(o => Field(o, 1, Message(i => Field(i, 1, "text"u8))));
        byte[] tensor = Message(o =>
        {
            o.WriteTag(1, WireFormat.WireType.Varint);
            o.WriteInt32(7);
            Field(o, 8, Encoding.UTF8.GetBytes($"**{prompt}**{text}"));
        });
        byte[] value = Message(o =>
        {
            Field(o, ValueTag, "sample"u8);
            Field(o, ValueTensor, tensor);
            Field(o, ValueMetadata, metadata);
        });
        Begin(step);
        Field(_output, EventSummary, Message(o => Field(o, SummaryValue, value)));
        End();
    }

    /// <inheritdoc/>
    public void Saved(int step, string path) { }

    /// <inheritdoc/>
    public void Dispose()
    {
        _output.Dispose();
        _record.Dispose();
        _file.Dispose();
    }

    /// <summary>CRC-32C (Castagnoli), rotated and offset as TFRecord wants it.</summary>
    public static uint MaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }
        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    /// <summary>Event { wall_time, step, summary { value { tag, simple_value } } }, sized beforehand so that nothing is allocated per step.</summary>
    private void Scalar(int step, string tag, double number)
    {
        if (double.IsNaN(number))
        {
            return;
        }
        int value = 1 + CodedOutputStream.ComputeStringSize(tag) + 1 + sizeof(float);
        int summary = 1 + CodedOutputStream.ComputeLengthSize(value) + value;
        Begin(step);
        _output.WriteTag(EventSummary, WireFormat.WireType.LengthDelimited);
        _output.WriteLength(summary);
        _output.WriteTag(SummaryValue, WireFormat.WireType.LengthDelimited);
        _output.WriteLength(value);
        _output.WriteTag(ValueTag, WireFormat.WireType.LengthDelimited);
        _output.WriteString(tag);
        _output.WriteTag(ValueSimple, WireFormat.WireType.Fixed32);
        _output.WriteFloat((float)number);
        End();
    }

    private void Begin(int? step)
    {
        _record.SetLength(HeaderBytes);
        _record.Position = HeaderBytes;
        _output.WriteTag(EventWallTime, WireFormat.WireType.Fixed64);
        _output.WriteDouble(_clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        if (step is { } at)
        {
            _output.WriteTag(EventStep, WireFormat.WireType.Varint);
            _output.WriteInt64(at);
        }
    }

    /// <summary>Frames the record and writes it at once: a killed process leaves whole records.</summary>
    private void End()
    {
        _output.Flush();
        int length = (int)_record.Length - HeaderBytes;
        _record.SetLength(HeaderBytes + length + sizeof(uint));
        Span<byte> framed = _record.GetBuffer().AsSpan(0, (int)_record.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(framed, (ulong)length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed[sizeof(ulong)..], MaskedCrc(framed[..sizeof(ulong)]));
        BinaryPrimitives.WriteUInt32LittleEndian(framed[(HeaderBytes + length)..], MaskedCrc(framed.Slice(HeaderBytes, length)));
        _file.Write(framed);
    }

    private static byte[] Message(Action<CodedOutputStream> fields)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream output = new(bytes, leaveOpen: true))
        {
            fields(output);
        }
        return bytes.ToArray();
    }

    private static void Field(CodedOutputStream output, int number, ReadOnlySpan<byte> bytes)
    {
        output.WriteTag(number, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes));
    }
}
