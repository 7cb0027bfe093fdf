using System.Text;
using Inkstone.Formats;

namespace Inkstone.Formats.Tests;

/// <summary>Each rule of the format, broken once, in files written byte by byte.</summary>
public sealed class SafetensorsRulesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8)]
    [InlineData("""{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4)]
    [InlineData("""{"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}}""", 0)]
    [InlineData("""{"z":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", 4)]
    [InlineData("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}   """, 2)]
    [InlineData("""{}""", 0)]
    [InlineData("\t\n{}\r ", 0)]
    [InlineData(""" {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4)]
    public void Valid_files_are_read(string header, int data) => Should.NotThrow(() => Open(header, data));

    [Theory]
    [InlineData(
        "InvalidOffset(b)",
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""",
        12
    )]
    [InlineData(
        "InvalidOffset(b)",
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""",
        12
    )]
    [InlineData("InvalidOffset(a)", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8)]
    [InlineData(
        "InvalidOffset(b)",
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""",
        4
    )]
    [InlineData("TensorInvalidInfo(a)", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4)]
    [InlineData("TensorInvalidInfo(a)", """{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}""", 8)]
    [InlineData("MisalignedSlice(a)", """{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2)]
    [InlineData("ValidationOverflow(a)", """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0)]
    [InlineData("ValidationOverflow(a)", """{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0)]
    [InlineData("ValidationOverflow(a)", """{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}}""", 0)]
    [InlineData("MetadataIncompleteBuffer", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3)]
    [InlineData("MetadataIncompleteBuffer", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5)]
    [InlineData(
        "DuplicateKey",
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
        8
    )]
    [InlineData(
        "DuplicateKey",
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
        8
    )]
    [InlineData("DuplicateKey", """{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("DuplicateKey", """{"__metadata__":{"k":"1","k":"2"}}""", 0)]
    [InlineData("DuplicateKey", """{"__metadata__":{},"__metadata__":{}}""", 0)]
    [InlineData("InvalidHeaderDeserialization", """{"__metadata__":{"k":1}}""", 0)]
    [InlineData("InvalidHeaderDeserialization", """{"__metadata__":[]}""", 0)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[1]}}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""", 4)]
    [InlineData("InvalidHeaderDeserialization", """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("InvalidHeaderStart", "\u00A0{}", 0)]
    [InlineData("InvalidHeaderStart", " [] ", 0)]
    [InlineData("InvalidHeaderStart", "  ", 0)]
    [InlineData("InvalidHeaderStart", "", 0)]
    public void A_broken_rule_is_named(string rule, string header, int data) => Rule(header, data).ShouldContain(rule);

    [Theory]
    [InlineData("HeaderTooSmall", new byte[0])]
    [InlineData("HeaderTooSmall", new byte[] { 2, 0, 0, 0, 0, 0, 0 })]
    [InlineData("InvalidHeaderLength", new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' })]
    [InlineData("HeaderTooLarge", new byte[] { 1, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, (byte)'{', (byte)'}' })]
    [InlineData("HeaderTooLarge", new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, (byte)'{', (byte)'}' })]
    [InlineData("InvalidHeader", new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xC3, (byte)'}' })]
    public void A_broken_frame_is_named(string rule, byte[] bytes)
    {
        File.WriteAllBytes(_directory["x.safetensors"], bytes);
        InvalidDataException e = Should.Throw<InvalidDataException>(() => SafetensorsFile.Open(_directory["x.safetensors"]));
        e.Message.ShouldContain(rule);
        e.Message.ShouldContain("x.safetensors");
    }

    /// <summary>Random edits of a valid file either read within bounds or are refused; nothing else may happen.</summary>
    [Fact]
    public void Mutations_never_escape()
    {
        const string Header =
            """{"__metadata__":{"format":"pt"},"ab":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}""";
        byte[] valid = Frame(Header, 32);
        Random random = new(7);
        int accepted = 0;
        string[] tokens = ["0", "9", "18446744073709551615", "-", "\"", "[", "]", "{", "}", "\\", ",", ":", "null", "F4", "1e9", "\0", " "];
        for (int round = 0; round < 20_000; round++)
        {
            List<byte> bytes = [.. valid];
            for (int edits = random.Next(1, 4); edits > 0; edits--)
            {
                int at = random.Next(Math.Max(1, bytes.Count - 8));
                switch (random.Next(5))
                {
                    case 0:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        bytes[at] ^= (byte)(1 << random.Next(8));
                        break;
                    case 2:
                        bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at - 1));
                        break;
                    case 3:
                        bytes.InsertRange(at, Encoding.UTF8.GetBytes(tokens[random.Next(tokens.Length)]));
                        break;
                    default:
                        bytes.RemoveRange(at, bytes.Count - at);
                        bytes.Add(0);
                        break;
                }
            }
            byte[] file = [.. bytes];
            try
            {
                int length = SafetensorsHeader.ReadLength(file, file.Length, "fuzz");
                long data = file.Length - 8 - length;
                SafetensorsHeader header = SafetensorsHeader.Parse(file.AsSpan(8, length), data, "fuzz");
                header.Tensors.ShouldAllBe(t => t.Begin >= 0 && t.End >= t.Begin && t.End <= data);
                header.Tensors.Sum(t => t.ByteCount).ShouldBe(data);
                accepted++;
                if (accepted % 50 == 0)
                {
                    ReadAll(file);
                }
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldContain("fuzz");
            }
        }
        accepted.ShouldBeInRange(100, 19_900);
    }

    private void ReadAll(byte[] file)
    {
        string path = _directory["fuzz.safetensors"];
        File.WriteAllBytes(path, file);
        using SafetensorsFile opened = SafetensorsFile.Open(path);
        foreach (TensorEntry entry in opened.Tensors)
        {
            opened.Bytes(entry.Name).Length.ShouldBe((int)entry.ByteCount);
            _ = opened.Bytes(entry.Name).ToArray();
        }
    }

    private static byte[] Frame(string header, int data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[data]];
    }

    private string Rule(string header, int data) => Should.Throw<InvalidDataException>(() => Open(header, data)).Message;

    private void Open(string header, int data)
    {
        string path = _directory["t.safetensors"];
        File.WriteAllBytes(path, Frame(header, data));
        SafetensorsFile.Open(path).Dispose();
    }
}
