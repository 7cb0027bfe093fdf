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
    private const int EventWallTime = 1, EventStep = 2, EventFileVersion = 3, EventSummary = 5, EventSessionLog = 7;
    private const int SummaryValue = 1, ValueTag = 1, ValueSimple = 2, ValueMetadata = 9, ValueTensor = 8;
    private const int SessionStart = 1;

    private readonly FileStream _file;
    private readonly TimeProvider _clock;

    /// <summary>Opens a new event file in <paramref name="directory"/>/tensorboard; TensorBoard joins the files of a directory.</summary>
    public TensorBoardFile(string directory, TimeProvider clock)
    {
        _clock = clock;
        string folder = Path.Combine(directory, "tensorboard");
        Directory.CreateDirectory(folder);
        string name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{clock.GetUtcNow().ToUnixTimeSeconds()}.ink.{Environment.ProcessId}");
        _file = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        WriteEvent(null, output =>
        {
            output.WriteTag(EventFileVersion, WireFormat.WireType.LengthDelimited);
            output.WriteString("brain.Event:2");
        });
    }

    /// <summary>A START record at the first step to come makes TensorBoard forget what an interrupted run wrote beyond it.</summary>
    public void Start(RunFacts facts, int step) => WriteEvent(step + 1, output =>
    {
        output.WriteTag(EventSessionLog, WireFormat.WireType.LengthDelimited);
        output.WriteLength(2);
        output.WriteTag(1, WireFormat.WireType.Varint);
        output.WriteInt32(SessionStart);
    });

    /// <inheritdoc/>
    public void Step(in StepMetrics step)
    {
        Scalar(step.Step, "train/loss", step.Loss);
        Scalar(step.Step, "train/bits_per_byte", step.BitsPerByte);
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
        WriteValue(step, output =>
        {
            Field(output, ValueTag, "sample"u8);
            Field(output, ValueTensor, tensor);
            Field(output, ValueMetadata, metadata);
        });
    }

    /// <inheritdoc/>
    public void Saved(int step, string path) { }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

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

    private void Scalar(int step, string tag, double value)
    {
        if (!double.IsNaN(value))
        {
            WriteValue(step, output =>
            {
                Field(output, ValueTag, Encoding.UTF8.GetBytes(tag));
                output.WriteTag(ValueSimple, WireFormat.WireType.Fixed32);
                output.WriteFloat((float)value);
            });
        }
    }

    private void WriteValue(int step, Action<CodedOutputStream> fields)
    {
        byte[] summary = Message(o => Field(o, SummaryValue, Message(fields)));
        WriteEvent(step, output => Field(output, EventSummary, summary));
    }

    private void WriteEvent(int? step, Action<CodedOutputStream> content)
    {
        byte[] record = Message(output =>
        {
            output.WriteTag(EventWallTime, WireFormat.WireType.Fixed64);
            output.WriteDouble(_clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
            if (step is { } at)
            {
                output.WriteTag(EventStep, WireFormat.WireType.Varint);
                output.WriteInt64(at);
            }
            content(output);
        });
        byte[] framed = new byte[12 + record.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(framed, (ulong)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(8), MaskedCrc(framed.AsSpan(0, 8)));
        record.CopyTo(framed, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(12 + record.Length), MaskedCrc(record));
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
