using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Formats.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = new(threads: 1);

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Written_tensors_are_read_back_bit_for_bit()
    {
        float[] values = [0, -0f, 1.5f, float.NaN, float.NegativeInfinity, 1e-42f, 65504, -7];
        using Tensor f32 = Tensor.From(_device, new Shape(2, 4), values);
        using Tensor ids = Tensor.From(_device, new Shape(3), [1, -2, 3]);
        string path = _directory["a.safetensors"];
        SafetensorsWriter.Write(
            path,
            [new("w", f32), new("half", f32, "F16"), new("brain", f32, "BF16"), new("ids", ids)],
            new Dictionary<string, string> { ["format"] = "pt", ["note"] = "砚" }
        );

        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.Tensors.Select(t => t.Name).ShouldBe(["w", "ids", "brain", "half"]);
        file.Metadata["note"].ShouldBe("砚");
        file.ReadFloats("w").Select(BitConverter.SingleToInt32Bits).ShouldBe(values.Select(BitConverter.SingleToInt32Bits));
        file.ReadInts("ids").ShouldBe([1, -2, 3]);
        file.ReadFloats("half").ShouldBe([.. values.Select(v => (float)(Half)v)]);
        file.Entry("w").Shape.ShouldBe([2, 4]);
        (BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(path)) % 8).ShouldBe(0);
        Directory.GetFiles(_directory.Path).Length.ShouldBe(1);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void A_bfloat16_tensor_above_two_gibibytes_is_read()
    {
        const int rows = 66_000,
            width = 16_384;
        string path = _directory["large.safetensors"];
        using (FileStream stream = File.Create(path))
        {
            byte[] header = Encoding.UTF8.GetBytes(
                $$$"""{"x":{"dtype":"BF16","shape":[{{{rows}}},{{{width}}}],"data_offsets":[0,{{{2L * rows * width}}}]}}"""
            );
            stream.Write(BitConverter.GetBytes((ulong)header.Length));
            stream.Write(header);
            stream.SetLength(8 + header.Length + 2L * rows * width);
            stream.Position = stream.Length - 2;
            stream.Write([0x80, 0x3F]);
        }
        using Tensor x = Tensor.Allocate(_device, new Shape(rows, width), DType.BFloat16);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.ReadInto("x", x);
        x.BFloat16s[^1].ShouldBe((ushort)0x3F80);
    }

    [Theory]
    [InlineData("F16", 65520f)]
    [InlineData("F16", -70000f)]
    [InlineData("BF16", 3.4e38f)]
    public void A_number_beyond_the_type_is_refused_by_name_and_nothing_is_left(string type, float value)
    {
        float[] values = new float[100];
        (values[40], values[77]) = (float.NaN, value);
        using Tensor x = Tensor.From(_device, new Shape(10, 10), values);
        string path = _directory["x.safetensors"];
        string message = Should
            .Throw<InvalidDataException>(() => SafetensorsWriter.Write(path, [new("model.layers.0.w", x, type)]))
            .Message;
        message.ShouldContain("model.layers.0.w");
        message.ShouldContain(value.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        Directory.GetFiles(_directory.Path).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(0x3F80_8000u, 0x3F80)] // a tie goes to the even neighbour
    [InlineData(0x3F81_8000u, 0x3F82)]
    [InlineData(0x3F80_8001u, 0x3F81)]
    [InlineData(0x7F7F_7FFFu, 0x7F7F)] // the largest that fits
    [InlineData(0x7F80_0001u, 0x7FC0)] // NaN stays NaN
    [InlineData(0x8000_0000u, 0x8000)]
    public void Bfloat16_rounds_to_nearest_even(uint bits, int expected)
    {
        using Tensor x = Tensor.From(_device, new Shape(1), [BitConverter.UInt32BitsToSingle(bits)]);
        SafetensorsWriter.Write(_directory["b.safetensors"], [new("x", x, "BF16")]);
        using SafetensorsFile file = SafetensorsFile.Open(_directory["b.safetensors"]);
        BinaryPrimitives.ReadUInt16LittleEndian(file.Bytes("x")).ShouldBe((ushort)expected);

        using Tensor back = Tensor.Allocate(_device, new Shape(1), DType.BFloat16);
        file.ReadInto("x", back);
        back.BFloat16s[0].ShouldBe((ushort)expected);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(100)]
    public void Bfloat16_widens_at_every_length_and_alignment(int count)
    {
        // An odd-sized U8 tensor first leaves what follows unaligned.
        string header =
            $$"""{"odd":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"x":{"dtype":"BF16","shape":[{{count}}],"data_offsets":[3,{{3 + 2 * count}}] } }""";
        byte[] json = Encoding.UTF8.GetBytes(header),
            data = new byte[3 + 2 * count];
        Random random = new(count);
        random.NextBytes(data);
        string path = _directory["c.safetensors"];
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. data]);

        using SafetensorsFile file = SafetensorsFile.Open(path);
        int[] bits = [.. file.ReadFloats("x").Select(BitConverter.SingleToInt32Bits)];
        bits.ShouldBe([.. Enumerable.Range(0, count).Select(i => (data[3 + 2 * i] << 16) | (data[4 + 2 * i] << 24))]);
        file.ReadInts("odd").ShouldBe([data[0], data[1], data[2]]);
    }

    [Fact]
    public void Reading_the_wrong_shape_name_or_type_says_so()
    {
        using Tensor x = Tensor.From(_device, new Shape(2, 2), [1f, 2, 3, 4]),
            wrong = Tensor.Allocate(_device, new Shape(4));
        using Tensor ids = Tensor.From(_device, new Shape(4), [1, 2, 3, 4]);
        SafetensorsWriter.Write(_directory["d.safetensors"], [new("x", x), new("ids", ids)]);
        using SafetensorsFile file = SafetensorsFile.Open(_directory["d.safetensors"]);
        Should.Throw<InvalidDataException>(() => file.ReadInto("x", wrong)).Message.ShouldContain("F32 [2, 2]");
        Should.Throw<InvalidDataException>(() => file.ReadFloats("y")).Message.ShouldContain("\"y\"");
        Should.Throw<InvalidDataException>(() => file.ReadFloats("ids")).Message.ShouldContain("I32");
        Should.Throw<ArgumentException>(() => SafetensorsWriter.Write(_directory["e.safetensors"], [new("x", x), new("x", x)]));
        File.Exists(_directory["e.safetensors"]).ShouldBeFalse();
    }

    [Fact]
    public void Shards_and_index_hold_the_whole_state()
    {
        using Tensor a = Tensor.From(_device, new Shape(4), [1f, 2, 3, 4]),
            b = Tensor.From(_device, new Shape(4), [5f, 6, 7, 8]);
        using Tensor c = Tensor.From(_device, new Shape(1), [9f]);
        SafetensorsWriter.WriteModel(_directory.Path, [new("b", b), new("a", a), new("c", c)], maxShardBytes: 20);

        Directory
            .GetFiles(_directory.Path)
            .Select(Path.GetFileName)
            .Order()
            .ShouldBe(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]);
        using (JsonDocument index = JsonDocument.Parse(File.ReadAllText(_directory["model.safetensors.index.json"])))
        {
            index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt32().ShouldBe(36);
        }
        using HfWeights weights = HfWeights.Open(_directory.Path);
        weights.Names.Order().ShouldBe(["a", "b", "c"]);
        using Tensor back = Tensor.Allocate(_device, new Shape(4));
        weights.ReadInto("a", back);
        back.Span.ToArray().ShouldBe([1, 2, 3, 4]);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../secret.safetensors"}}""", "plain file name")]
    [InlineData("""{"weight_map":{"a":"model-00001-of-00001.safetensors"}}""", "no file")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""{""", "not valid JSON")]
    public void A_bad_index_is_refused(string index, string because)
    {
        File.WriteAllText(_directory["model.safetensors.index.json"], index);
        Should.Throw<Exception>(() => HfWeights.Open(_directory.Path)).Message.ShouldContain(because);
    }

    [Theory]
    [InlineData("""{"eos_token_id":2}""", new[] { 2 })]
    [InlineData("""{"eos_token_id":[2,7]}""", new[] { 2, 7 })]
    [InlineData("""{"eos_token_id":null}""", new int[0])]
    [InlineData("""{}""", new int[0])]
    public void Token_ids_come_in_three_forms(string json, int[] expected) => HfConfig.Parse(json).Ints("eos_token_id").ShouldBe(expected);

    [Fact]
    public void Config_errors_name_file_and_key()
    {
        HfConfig config = HfConfig.Parse("""{"hidden_size":"64","rope":{"x":1.5}}""", "m/config.json");
        Should
            .Throw<InvalidDataException>(() => config.Int("hidden_size"))
            .Message.ShouldBe("m/config.json: \"hidden_size\" must be a whole number, it is \"64\".");
        Should.Throw<InvalidDataException>(() => config.Int("vocab_size")).Message.ShouldBe("m/config.json has no \"vocab_size\"; add it.");
        Should.Throw<InvalidDataException>(() => config.Object("rope")!.Int("x")).Message.ShouldContain("m/config.json: rope");
        Should.Throw<InvalidDataException>(() => HfConfig.Parse("[]", "x")).Message.ShouldContain("x");
    }
}
