using System.Buffers.Binary;
using System.Text;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Metadata that llama.cpp heeds change the model here too, or are refused by key.</summary>
public sealed class GgufKeysTests : IDisposable
{
    private const uint U16 = 2,
        F32 = 6,
        Flag = 7,
        Text = 8;

    private readonly string _directory = Directory.CreateTempSubdirectory("ink-gguf-").FullName;
    private readonly Device _device = new(threads: 1);

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>A factor without a type, and the key of older files, are linear scaling in llama.cpp.</summary>
    [Theory]
    [InlineData("llama.rope.scale_linear", "linear")]
    [InlineData("llama.rope.scaling.factor", "linear")]
    [InlineData("llama.rope.unknown", null)]
    public void A_factor_without_a_type_is_linear(string key, string? type)
    {
        using GgufModel model = GgufModel.Open(With((key, F32, BitConverter.GetBytes(2f))), ModelFamilies.Gguf);
        HfConfig? rope = model.Config.Object("rope_scaling");
        (rope?.Text("rope_type"), rope?.Number("factor")).ShouldBe((type, type is null ? null : 2.0));
    }

    [Fact]
    public void The_type_none_switches_a_factor_off()
    {
        using GgufModel model = GgufModel.Open(
            With(
                ("llama.rope.scaling.type", Text, [4, 0, 0, 0, 0, 0, 0, 0, .. "none"u8]),
                ("llama.rope.scaling.factor", F32, BitConverter.GetBytes(2f))
            ),
            ModelFamilies.Gguf
        );
        model.Config.Has("rope_scaling").ShouldBeFalse();
    }

    [Fact]
    public void What_would_be_another_model_is_refused_by_key()
    {
        Refused(("llama.attention.causal", Flag, [0])).ShouldContain("llama.attention.causal is false");
        Refused(("split.count", U16, [3, 0])).ShouldContain("one of 3 parts");
        using (
            GgufModel whole = GgufModel.Open(With(("split.count", U16, [1, 0]), ("llama.attention.causal", Flag, [1])), ModelFamilies.Gguf)
        )
        {
            whole.Config.Int("head_dim").ShouldBe(8);
        }
        byte[] bytes = File.ReadAllBytes(With());
        int at = bytes.AsSpan().IndexOf("llama.rope.dimension_count"u8);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + "llama.rope.dimension_count".Length + 4), 4);
        string half = Path.Combine(_directory, "half.gguf");
        File.WriteAllBytes(half, bytes);
        Should
            .Throw<InvalidDataException>(() => GgufModel.Open(half, ModelFamilies.Gguf))
            .Message.ShouldContain("llama.rope.dimension_count is 4, but llama with heads of 8");
    }

    private string Refused((string, uint, byte[]) pair) =>
        Should.Throw<InvalidDataException>(() => GgufModel.Open(With(pair), ModelFamilies.Gguf)).Message;

    /// <summary>A file with further pairs of metadata in front, and one that fills them up to the alignment of the tensors.</summary>
    private string With(params (string Key, uint Type, byte[] Value)[] pairs)
    {
        string path = Path.Combine(_directory, "model.gguf");
        using (
            CausalLm model = Pretrained.New(
                HfConfig.Parse(
                    """
                    {"model_type":"llama","vocab_size":32,"hidden_size":32,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,
                     "max_position_embeddings":64,"rms_norm_eps":1e-5,"tie_word_embeddings":false}
                    """
                ),
                _device,
                seed: 3
            )
        )
        {
            Pretrained.SaveGguf(model, path, GgufFileType.F32);
        }
        const int header = 24,
            count = 16; // magic, version, tensors, pairs
        byte[] bytes = File.ReadAllBytes(path);
        List<byte> more = [.. pairs.SelectMany(p => Pair(p.Key, p.Type, p.Value))];
        int filling = (32 - (more.Count + Pair("filling", Text, new byte[8]).Length) % 32) % 32;
        more.AddRange(Pair("filling", Text, [(byte)filling, 0, 0, 0, 0, 0, 0, 0, .. new byte[filling]]));
        BinaryPrimitives.WriteUInt64LittleEndian(
            bytes.AsSpan(count),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(count)) + (ulong)pairs.Length + 1
        );
        File.WriteAllBytes(path, [.. bytes[..header], .. more, .. bytes[header..]]);
        return path;
    }

    private static byte[] Pair(string key, uint type, byte[] value) =>
        [.. BitConverter.GetBytes((ulong)key.Length), .. Encoding.ASCII.GetBytes(key), .. BitConverter.GetBytes(type), .. value];
}
