using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Inkstone.Reports;

/// <summary>
/// Scalars of TensorBoard's event files, whoever wrote them: TFRecords of Event messages (wall_time 1, step 2, summary 5), whose values
/// hold simple_value or a tensor of one number.
/// </summary>
public static class TensorBoardReader
{
    private const int Header = 12,
        Footer = 4;

    /// <summary>Event files of a directory, in the order of their names.</summary>
    public static string[] Files(string directory) => [.. Directory.EnumerateFiles(directory, "*tfevents*").Order(StringComparer.Ordinal)];

    /// <summary>Reads event files of one run. A START record makes what was told of its step and later ones void, as TensorBoard does; a
    /// record that is cut ends its file.</summary>
    /// <param name="files">the files</param>
    /// <exception cref="InvalidDataException">A record's checksum is wrong.</exception>
    public static RunCurves Read(IEnumerable<string> files)
    {
        List<(string Tag, long Step, double Value)> points = [];
        foreach (string file in files)
        {
            byte[] bytes = File.ReadAllBytes(file);
            for (int at = 0; at + Header <= bytes.Length; )
            {
                ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
                if (Masked(bytes.AsSpan(at, sizeof(ulong))) != BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + sizeof(ulong))))
                {
                    throw new InvalidDataException(
                        $"{file}: the record at byte {at} is damaged; it is no event file of TensorBoard, or was cut in its middle"
                    );
                }
                if (length > (ulong)(bytes.Length - at - Header))
                {
                    break;
                }
                Event(bytes.AsSpan(at + Header, (int)length), points);
                at += Header + (int)length + Footer;
            }
        }
        RunCurves curves = new();
        foreach ((string tag, long step, double value) in points)
        {
            curves.Add(tag, step, value);
        }
        return curves;
    }

    /// <summary>CRC-32C, rotated and offset as TFRecord wants it.</summary>
    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc32.HashToUInt32(Crc32ParameterSet.Crc32C, bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    private static void Event(ReadOnlySpan<byte> message, List<(string Tag, long Step, double Value)> points)
    {
        long step = 0;
        foreach ((int field, Range part, ulong number) in Fields(message))
        {
            if (field == 2)
            {
                step = (long)number;
            }
            else if (field == 5)
            {
                ReadOnlySpan<byte> summary = message[part];
                foreach ((int kind, Range value, _) in Fields(summary))
                {
                    if (kind == 1)
                    {
                        Value(summary[value], step, points);
                    }
                }
            }
            else if (field == 7 && Fields(message[part]).Any(f => f.Field == 1 && f.Number == 1))
            {
                long from = step;
                points.RemoveAll(p => p.Step >= from);
            }
        }
    }

    /// <summary>Summary.Value { tag 1, simple_value 2, tensor 8 { dtype 1, tensor_content 4, float_val 5, double_val 6 } }.</summary>
    private static void Value(ReadOnlySpan<byte> message, long step, List<(string, long, double)> points)
    {
        string tag = "";
        double value = double.NaN;
        foreach ((int field, Range part, ulong number) in Fields(message))
        {
            if (field == 1)
            {
                tag = Encoding.UTF8.GetString(message[part]);
            }
            else if (field == 2)
            {
                value = BitConverter.UInt32BitsToSingle((uint)number);
            }
            else if (field == 8)
            {
                value = Tensor(message[part]);
            }
        }
        if (!double.IsNaN(value))
        {
            points.Add((tag, step, value));
        }
    }

    private static double Tensor(ReadOnlySpan<byte> tensor)
    {
        foreach ((int field, Range part, ulong number) in Fields(tensor))
        {
            ReadOnlySpan<byte> bytes = tensor[part];
            if (field is 4 or 5 && bytes.Length == sizeof(float))
            {
                return BinaryPrimitives.ReadSingleLittleEndian(bytes);
            }
            if (field is 4 or 6 && bytes.Length == sizeof(double))
            {
                return BinaryPrimitives.ReadDoubleLittleEndian(bytes);
            }
            if (field == 5 && bytes.IsEmpty)
            {
                return BitConverter.UInt32BitsToSingle((uint)number);
            }
        }
        return double.NaN;
    }

    /// <summary>The fields of a message: a number, or where its bytes lie.</summary>
    private static List<(int Field, Range Part, ulong Number)> Fields(ReadOnlySpan<byte> message)
    {
        List<(int, Range, ulong)> fields = [];
        for (int at = 0; at < message.Length; )
        {
            ulong key = Varint(message, ref at),
                number = 0;
            Range part = 0..0;
            switch (key & 7)
            {
                case 0:
                    number = Varint(message, ref at);
                    break;
                case 1 when at + 8 <= message.Length:
                    number = BinaryPrimitives.ReadUInt64LittleEndian(message[at..]);
                    at += 8;
                    break;
                case 5 when at + 4 <= message.Length:
                    number = BinaryPrimitives.ReadUInt32LittleEndian(message[at..]);
                    at += 4;
                    break;
                case 2 when Varint(message, ref at) is var length && length <= (ulong)(message.Length - at):
                    part = at..(at + (int)length);
                    at += (int)length;
                    break;
                default:
                    return fields;
            }
            fields.Add(((int)(key >> 3), part, number));
        }
        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong number = 0;
        for (int shift = 0; at < message.Length && shift < 64; shift += 7)
        {
            byte next = message[at++];
            number |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                break;
            }
        }
        return number;
    }
}
