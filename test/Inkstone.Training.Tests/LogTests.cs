using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;

namespace Inkstone.Training.Tests;

public sealed class LogTests
{
    [Fact]
    public void MaskedCrc_IsThatOfTheStandardCheckValue()
    {
        // CRC-32C of "123456789" is 0xE3069283 (RFC 3720); TFRecord rotates by 15 and adds a constant.
        uint crc = 0xE3069283;
        TensorBoardFile.MaskedCrc("123456789"u8).ShouldBe(unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u));
    }

    [Fact]
    public void TensorBoardFile_IsReadBackByItsFormat()
    {
        using TemporaryDirectory directory = new();
        using (TensorBoardFile file = new(directory.Path, TimeProvider.System))
        {
            file.Start(new RunFacts(1, 1, 1, null), 6);
            file.Step(Metrics(7, 2.5));
            file.Validation(7, 2.25, double.NaN, true);
            file.Sample(7, "春", "眠");
            file.Sample(8, new string('长', 60), new string('文', 6000)); // lengths of two and three bytes
        }
        List<(long Step, string? Tag, float Value, string? Text)> read = Read(
            Directory.GetFiles(directory["tensorboard"]).ShouldHaveSingleItem()
        );
        read.ShouldContain((7L, "train/loss", 2.5f, null));
        read.ShouldContain((7L, "valid/loss", 2.25f, null));
        read.Where(r => r.Tag == "sample").Select(r => r.Step).ShouldBe([7L, 8L]);
        read.Single(r => r.Step == 7 && r.Tag == "sample").Text.ShouldBe("**春**眠");
        read.Single(r => r.Step == 8).Text.ShouldBe($"**{new string('长', 60)}**{new string('文', 6000)}");
        read.ShouldNotContain(r => r.Tag == "valid/bits_per_byte");
    }

    [Fact]
    public void Metrics_AreCutBackToTheStepThatIsResumed()
    {
        using TemporaryDirectory directory = new();
        Write(directory, 0, 1, 6);
        File.AppendAllText(directory["metrics.jsonl"], "{\"step\":6,\"lo"); // the line that a killed process did not finish
        string[] whole = File.ReadAllLines(directory["metrics.jsonl"]);
        Write(directory, 3, 4, 6);
        string[] resumed = File.ReadAllLines(directory["metrics.jsonl"]);
        resumed.ShouldBe(whole[..6]);
        File.ReadAllLines(directory["samples.jsonl"]).Length.ShouldBe(6);
    }

    [Fact]
    public void Metrics_RefuseAFileOfSomethingElse()
    {
        using TemporaryDirectory directory = new();
        directory.Write("metrics.jsonl", "hello\n");
        Should.Throw<InvalidDataException>(() => new MetricsFile(directory.Path, 3)).Message.ShouldContain("no metrics record");
    }

    [Fact]
    public void LoggingAStep_AllocatesNextToNothing()
    {
        using TemporaryDirectory directory = new();
        using MetricsFile metrics = new(directory.Path, 0);
        using TensorBoardFile board = new(directory.Path, TimeProvider.System);
        long before = 0;
        for (int step = 1; step <= 120; step++)
        {
            before = step == 21 ? GC.GetAllocatedBytesForCurrentThread() : before;
            metrics.Step(Metrics(step, 1));
            board.Step(Metrics(step, 1));
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(100 * 64);
    }

    private static void Write(TemporaryDirectory directory, int done, int from, int to)
    {
        using MetricsFile file = new(directory.Path, done);
        for (int step = from; step <= to; step++)
        {
            file.Step(Metrics(step, 1.0 / step));
            file.Sample(step, "a", "b");
        }
    }

    private static StepMetrics Metrics(int step, double loss) =>
        new(step, 10, loss, double.NaN, 1e-3, 1, 10 * step, 0.5, 20, double.NaN, 1 << 20);

    private static List<(long Step, string? Tag, float Value, string? Text)> Read(string path)
    {
        List<(long, string?, float, string?)> found = [];
        byte[] bytes = File.ReadAllBytes(path);
        for (int at = 0; at < bytes.Length; )
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)).ShouldBe(SlowMaskedCrc(bytes.AsSpan(at, 8)));
            ReadOnlySpan<byte> record = bytes.AsSpan(at + 12, length);
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)).ShouldBe(SlowMaskedCrc(record));
            found.AddRange(Event(record.ToArray()));
            at += 16 + length;
        }
        return found;
    }

    private static List<(long, string?, float, string?)> Event(byte[] record)
    {
        List<(long, string?, float, string?)> values = [];
        long step = 0;
        foreach ((int field, byte[] bytes, ulong number) in Fields(record))
        {
            step = field == 2 ? (long)number : step;
            if (field == 5)
            {
                foreach ((_, byte[] value, _) in Fields(bytes))
                {
                    string? tag = null,
                        text = null;
                    float simple = 0;
                    foreach ((int inner, byte[] content, ulong fixed32) in Fields(value))
                    {
                        tag = inner == 1 ? Encoding.UTF8.GetString(content) : tag;
                        simple = inner == 2 ? BitConverter.UInt32BitsToSingle((uint)fixed32) : simple;
                        text = inner == 8 ? Encoding.UTF8.GetString(Fields(content).Single(f => f.Field == 8).Bytes) : text;
                    }
                    values.Add((step, tag, simple, text));
                }
            }
        }
        return values;
    }

    private static List<(int Field, byte[] Bytes, ulong Number)> Fields(byte[] message)
    {
        List<(int, byte[], ulong)> fields = [];
        CodedInputStream input = new(message);
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            fields.Add(
                WireFormat.GetTagWireType(tag) switch
                {
                    WireFormat.WireType.LengthDelimited => (WireFormat.GetTagFieldNumber(tag), input.ReadBytes().ToByteArray(), 0),
                    WireFormat.WireType.Fixed32 => (WireFormat.GetTagFieldNumber(tag), [], input.ReadFixed32()),
                    WireFormat.WireType.Fixed64 => (WireFormat.GetTagFieldNumber(tag), [], input.ReadFixed64()),
                    _ => (WireFormat.GetTagFieldNumber(tag), [], input.ReadUInt64()),
                }
            );
        }
        return fields;
    }

    private static uint SlowMaskedCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
            }
        }
        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }
}
