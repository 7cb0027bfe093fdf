using System.Text.Json;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Weights that are no numbers are found while reading, those that do not fit while writing; the tensor is named.</summary>
public sealed class DamagedWeightsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-damaged-").FullName;
    private readonly Device _device = new(threads: 2);

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("F32", float.NaN, "NaN")]
    [InlineData("F32", float.NegativeInfinity, "minus infinity")]
    [InlineData("BF16", float.NaN, "NaN")]
    [InlineData("F16", float.PositiveInfinity, "infinity")]
    public void A_directory_with_a_weight_that_is_no_number_is_refused(string type, float value, string named)
    {
        using CausalLm model = New();
        model.Parameters["model.layers.0.mlp.up_proj.weight"].Span[3 * 256 + 17] = value;
        Pretrained.Save(model, Path.Combine(_directory, "model"), dtype: type);
        foreach (DType? memory in (DType?[])[DType.Float32, DType.BFloat16, null])
        {
            string message = Should
                .Throw<InvalidDataException>(() => Pretrained.Open(Path.Combine(_directory, "model"), _device, memory, trained: false))
                .Message;
            message.ShouldContain($"\"model.layers.0.mlp.up_proj.weight\" holds {named} at [3, 17]");
            message.ShouldContain("model.safetensors");
        }
    }

    [Fact]
    public void A_file_with_a_block_that_has_no_scale_is_refused()
    {
        string path = Path.Combine(_directory, "model.gguf");
        using (CausalLm model = New())
        {
            Pretrained.SaveGguf(model, path, GgufFileType.Q8_0);
        }
        byte[] bytes = File.ReadAllBytes(path);
        using (GgufFile file = GgufFile.Open(path))
        {
            long data = bytes.Length - file.Tensors.Sum(t => (t.ByteCount + 31) / 32 * 32);
            BitConverter.TryWriteBytes(bytes.AsSpan((int)(data + file.Tensor("blk.0.attn_v.weight").Offset + 34 * 9)), Half.NaN);
        }
        File.WriteAllBytes(path, bytes);
        foreach (DType? memory in (DType?[])[DType.Float32, null])
        {
            Should
                .Throw<InvalidDataException>(() => Pretrained.Open(path, _device, memory, trained: false))
                .Message.ShouldContain("\"model.layers.0.self_attn.v_proj.weight\" holds");
        }
    }

    [Theory]
    [InlineData(GgufFileType.F16, 7e4f)]
    [InlineData(GgufFileType.BF16, 3.4e38f)]
    [InlineData(GgufFileType.Q8_0, -1e7f)] // the scale is 1/127 of it
    [InlineData(GgufFileType.Q4_0, 1e6f)]
    [InlineData(GgufFileType.Q4_K_M, 1e9f)]
    [InlineData(GgufFileType.Q6_K, -1e30f)]
    public void What_a_type_cannot_hold_is_not_written(GgufFileType type, float value)
    {
        using CausalLm model = New();
        model.Parameters["model.layers.0.mlp.up_proj.weight"].Span[70 * 256 + 9] = value;
        string path = Path.Combine(_directory, "model.gguf");
        string message = Should.Throw<InvalidDataException>(() => Pretrained.SaveGguf(model, path, type)).Message;
        message.ShouldContain("model.layers.0.mlp.up_proj.weight");
        message.ShouldContain(value.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        Directory.GetFiles(_directory).ShouldBeEmpty();
        if (type is GgufFileType.F16 or GgufFileType.BF16)
        {
            Should
                .Throw<InvalidDataException>(() => Pretrained.Save(model, Path.Combine(_directory, "hf"), dtype: type.ToString()))
                .Message.ShouldContain("model.layers.0.mlp.up_proj.weight");
            Directory.GetFileSystemEntries(_directory).ShouldBeEmpty();
        }
    }

    /// <summary>The scale 255 is NaN by the standard of microscaling floats; a value of 4 times its greatest power of two leaves
    /// float32.</summary>
    [GoldenTheory("goldens/models/gpt_oss_mxfp4")]
    [InlineData(255, "NaN")]
    [InlineData(254, "infinity")]
    public void Four_bit_experts_with_a_scale_that_is_no_number_are_refused(byte scale, string named)
    {
        string golden = Goldens.Of("models/gpt_oss_mxfp4"),
            path = Path.Combine(_directory, "model.safetensors");
        File.Copy(Path.Combine(golden, "config.json"), Path.Combine(_directory, "config.json"));
        byte[] bytes = File.ReadAllBytes(Path.Combine(golden, "model.safetensors"));
        int header = 8 + (int)BitConverter.ToUInt64(bytes);
        using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header - 8));
        const string name = "model.layers.0.mlp.experts.down_proj";
        int Start(string part) => header + json.RootElement.GetProperty(name + part).GetProperty("data_offsets")[0].GetInt32();
        bytes[Start("_scales")] = scale;
        bytes.AsSpan(Start("_blocks"), 16).Fill(0x66); // fours
        File.WriteAllBytes(path, bytes);
        string message = Should.Throw<InvalidDataException>(() => Pretrained.Open(_directory, _device, trained: false)).Message;
        message.ShouldContain($"\"{name}_scales\" holds {named} at [0, ");
    }

    private CausalLm New() =>
        Pretrained.New(
            HfConfig.Parse(
                """
                {"model_type":"llama","vocab_size":32,"hidden_size":256,"intermediate_size":256,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,
                 "max_position_embeddings":64,"rms_norm_eps":1e-5,"tie_word_embeddings":false}
                """
            ),
            _device,
            seed: 3
        );
}
