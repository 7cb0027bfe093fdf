using System.Security.Cryptography;
using System.Text;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>A model written as GGUF and read again computes what it did before.</summary>
public sealed class GgufRoundTripTests : IDisposable
{
    private readonly Device _device = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-gguf-").FullName;

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [GoldenTheory]
    [InlineData("llama")]
    [InlineData("llama3_scaled_tied")]
    [InlineData("qwen2")]
    [InlineData("qwen2_yarn")]
    [InlineData("qwen3")]
    [InlineData("qwen3_moe")]
    public void Float32_changes_no_logit(string name)
    {
        using CausalLm model = Pretrained.Open(Goldens.Of("models/" + name), _device, trained: false);
        using CausalLm again = Through(model, GgufFileType.F32);
        float[] wanted = Logits(model),
            got = Logits(again);
        double largest = wanted.Max(Math.Abs);
        wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan((float)(2e-6 * largest));
    }

    [GoldenTheory]
    [InlineData("llama", GgufFileType.F16, 2e-3)]
    [InlineData("llama", GgufFileType.BF16, 1e-2)]
    [InlineData("llama", GgufFileType.Q8_0, 2e-2)]
    [InlineData("qwen2", GgufFileType.Q8_0, 2e-2)]
    [InlineData("qwen3", GgufFileType.Q4_0, 6e-1)]
    public void Shorter_types_change_logits_little_and_kept_blocks_not_much_more(string name, GgufFileType type, double tolerance)
    {
        using CausalLm model = Pretrained.Open(Goldens.Of("models/" + name), _device, trained: false);
        using CausalLm widened = Through(model, type),
            kept = Pretrained.Open(File(type), _device, matrixType: null, trained: false);
        float[] wanted = Logits(model),
            got = Logits(widened),
            blocks = Logits(kept);
        double largest = wanted.Max(Math.Abs),
            changed = wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max();
        changed.ShouldBeInRange(1e-6 * largest, tolerance * largest);
        // Quantised blocks are multiplied with activations of 8 bits.
        double rounding = type is GgufFileType.Q8_0 or GgufFileType.Q4_0 ? 2e-2 : 5e-6;
        got.Zip(blocks, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan((float)(rounding * largest));
    }

    private const string Narrow =
            """
                {"model_type":"llama","vocab_size":64,"hidden_size":256,"intermediate_size":288,"num_hidden_layers":16,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":64,
                 "max_position_embeddings":64,"rms_norm_eps":1e-5,"tie_word_embeddings":false,"rope_theta":10000.0}
                """,
        Tied =
            """
                {"model_type":"qwen2","vocab_size":64,"hidden_size":256,"intermediate_size":512,"num_hidden_layers":16,"num_attention_heads":4,"num_key_value_heads":2,
                 "max_position_embeddings":64,"rms_norm_eps":1e-5,"tie_word_embeddings":true,"rope_theta":10000.0}
                """,
        Sparse =
            """
                {"model_type":"qwen3_moe","vocab_size":64,"hidden_size":256,"intermediate_size":512,"moe_intermediate_size":256,"num_hidden_layers":9,"num_attention_heads":8,"num_key_value_heads":1,
                 "head_dim":32,"num_experts":8,"num_experts_per_tok":2,"norm_topk_prob":true,"decoder_sparse_step":1,"mlp_only_layers":[],"max_position_embeddings":64,"rms_norm_eps":1e-6,
                 "tie_word_embeddings":false,"rope_theta":10000.0}
                """;

    /// <summary>Hashes of the list of types that llama.cpp's own quantiser chose for models of these sizes (llama_model_quantize of
    /// node-llama-cpp 3.22), rows of 288 among them.</summary>
    [Theory]
    [InlineData(Narrow, GgufFileType.Q2_K, "288f37999a063c98")]
    [InlineData(Narrow, GgufFileType.Q3_K_M, "83c4c4d476a216a2")]
    [InlineData(Narrow, GgufFileType.Q4_K_M, "a7179fd197c88c66")]
    [InlineData(Tied, GgufFileType.Q4_K_S, "55a9a434e9001633")]
    [InlineData(Tied, GgufFileType.Q5_K_M, "6cfe0c875938fbe0")]
    [InlineData(Sparse, GgufFileType.Q4_K_M, "b9b4cbc5a2cfbeed")]
    public void Mixtures_are_those_of_llama_cpp(string config, GgufFileType type, string hash)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 1, DType.BFloat16);
        Pretrained.SaveGguf(model, File(type), type);
        using GgufFile file = GgufFile.Open(File(type));
        string types = string.Join(
            ';',
            file.Tensors.Where(t => t.Type != GgufType.F32).Select(t => $"{t.Name}={t.Type}").Order(StringComparer.Ordinal)
        );
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(types)))[..16].ShouldBe(hash, types);
        file.Metadata.Int("general.file_type").ShouldBe((int)type);
    }

    [GoldenFact]
    public void A_gguf_file_becomes_a_directory_again()
    {
        string source = Goldens.Of("models/llama3_scaled_tied"),
            target = Path.Combine(_directory, "hf");
        using CausalLm model = Pretrained.Open(source, _device, trained: false);
        Pretrained.SaveGguf(model, File(GgufFileType.F32), GgufFileType.F32, source);
        using CausalLm again = Pretrained.Open(File(GgufFileType.F32), _device, trained: false);
        Pretrained.Save(again, target, dtype: "F32", companionsFrom: File(GgufFileType.F32));
        using HfWeights before = HfWeights.Open(source),
            after = HfWeights.Open(target);
        after.Names.Order().ShouldBe(before.Names.Order());
        using CausalLm third = Pretrained.Open(target, _device, trained: false);
        foreach (Nn.Parameter parameter in model.Parameters)
        {
            third.Parameters[parameter.Name].Span.SequenceEqual(parameter.Tensor.Span).ShouldBeTrue(parameter.Name);
        }
        System.IO.File.Exists(Path.Combine(target, HfDirectory.GenerationConfigFile)).ShouldBeTrue();
    }

    private string File(GgufFileType type) => Path.Combine(_directory, $"{type}.gguf");

    private CausalLm Through(CausalLm model, GgufFileType type)
    {
        Pretrained.SaveGguf(model, File(type), type);
        return Pretrained.Open(File(type), _device, trained: false);
    }

    private float[] Logits(CausalLm model)
    {
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => 7 * i % 512)];
        using (_device.Step())
        {
            return model
                .Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
                .Span.ToArray();
        }
    }
}
